"""The archives made of real samples: complete, bit-equal, made once."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.grids import grid_for_site
from greenup.imagery.archive import ArchiveSource
from greenup.samples.boadella import estimated_cloud
from greenup.samples.make import make_samples, read_list
from hypothesis import given
from hypothesis import strategies as st

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
NAMES = (
    *("worldcereal", "boadella", "s2_100k", "fluxnet", "mcd12q2"),
    *("ssl4eo_s12_sites", "ecoregions", "chelsa_at_stations", "ssl4eco_labels"),
)
PLACES = ("00002806639B424A", "0000280849BAC91C")


@pytest.fixture(scope="module")
def archives(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("real")
    assert make_samples(samples, out) == dict.fromkeys(NAMES, True)
    return out


def points(archives, name: str, size_px: int) -> tuple[pd.DataFrame, list]:
    table = pd.read_csv(archives / f"{name}_points.csv")
    return table, [grid_for_site(p.lon, p.lat, size_px, (10, 20)) for p in table.itertuples()]


def always(table: pd.DataFrame) -> pd.DataFrame:
    day = [pd.Timestamp(d) for d in ("2017-01-01", "2020-01-01", "2022-12-31")]
    return pd.DataFrame(
        [(i, "all", 2017, *day) for i in table.site_id],
        columns=["site_id", "season", "year", "first", "middle", "last"],
    )


def test_worldcereal_pixels_are_bit_equal_to_the_netcdf(archives, samples):
    source = ArchiveSource(archives / "worldcereal")
    table, grids = points(archives, "worldcereal", 64)
    found = source.search(table, always(table), grids)
    # Acquisitions, and those with less than 20 % cloud and shadow by SCL, as the provider of the samples counted them.
    assert found.groupby("site_id").size().tolist() == [118, 72]
    assert found[found.cloud < 20].groupby("site_id").size().tolist() == [56, 36]
    assert set(found.cloud_of) == {"tile"}
    # The items of this archive count the patch's own pixels.
    measured = [source.patch_cloud(s, grids[0]) for s in found.scene_id[:10]]
    assert measured == pytest.approx(found.cloud[:10].tolist(), abs=0.01)
    for place, grid in zip(PLACES, grids, strict=True):
        scenes = found[found.site_id == f"worldcereal_{place.lower()}"]
        for native_m, names in ((10, (*BANDS[:3], "B8")), (20, ("B5", "B6", "B7", "B8A", "B11", "B12"))):
            file = next((samples / "s2_s1_worldcereal_patches").glob(f"S2_L2A_{native_m}m_{place}*.nc"))
            with xr.open_dataset(file, engine="h5netcdf", mask_and_scale=False) as data:
                raw = np.stack([data[b if len(b) == 3 else b.replace("B", "B0")].to_numpy() for b in names], axis=1)
                times = pd.DatetimeIndex(data["timestamp"].to_numpy())
            assert (scenes.time.dt.tz_localize(None).to_numpy() == times.to_numpy()).all()
            for scene_id, truth in zip(scenes.scene_id, raw, strict=True):
                pixels = source.read(scene_id, grid, names)
                has_data = (truth != 0).all(axis=0)
                np.testing.assert_array_equal(pixels.valid[native_m], has_data)
                np.testing.assert_array_equal(pixels.values[native_m], np.where(has_data, truth, 0))


def test_worldcereal_evi_follows_the_crops(archives):
    table, _ = points(archives, "worldcereal", 64)
    curves = ArchiveSource(archives / "worldcereal").curves(table, (2017, 2019))
    assert curves.groupby("site_id").size().tolist() == [118, 72]
    clear = curves[curves.clear]
    assert (clear.groupby("site_id").size() > 30).all()
    assert clear.evi.between(0.05, 0.85).all()
    # Belgian cropland: winter cereals stand green in April, fields are bare or freshly sown in September.
    for _, site in clear.groupby("site_id"):
        month = site.time.dt.month
        assert site.evi[month == 4].median() > site.evi[month == 9].median() + 0.1


def test_boadella_crops_lie_wholly_inside_and_hold_the_images_values(archives, samples):
    source = ArchiveSource(archives / "boadella")
    table, grids = points(archives, "boadella", 128)
    found = source.search(table, always(table), grids)
    assert found.groupby("site_id").size().tolist() == [12] * 9
    assert set(found.cloud_of) == {"tile_estimate"}
    day = found[found.time.dt.strftime("%Y-%m-%d") == "2020-09-14"].reset_index(drop=True)
    with rasterio.open(samples / "s2_boadella_timeseries" / "Boadella_2020-09-14.tif") as file:
        image = file.read().astype(int)
    for scene_id, grid in zip(day.scene_id, grids, strict=True):
        pixels = source.read(scene_id, grid, BANDS)
        # Dark water is 0 in the harmonised values and still data.
        assert pixels.valid[10].all()
        assert pixels.valid[20].all()
        assert pixels.values[10][3].max() <= image[S2_L2A.index("B8")].max()
    nir = np.concatenate(
        [source.read(i, g, ("B8",)).values[10].ravel() for i, g in zip(day.scene_id, grids, strict=True)]
    )
    # The nine crops are almost the whole image.
    assert abs(nir.mean() - image[S2_L2A.index("B8")].mean()) < 0.02 * nir.mean()


def test_s2_100k_is_copied_as_it_is_and_says_what_it_does_not_know(archives, samples):
    table = pd.read_csv(archives / "s2_100k_points.csv", dtype={"site_id": str})
    assert len(table) == 12
    known = pd.read_csv(samples / "s2_100k_sample" / "labels_from_joins.csv").set_index("file")
    for site in table.itertuples():
        file = f"patch_{site.site_id.removeprefix('s2_100k_')}.tif"
        # The publisher's coordinates are those of the centre, to within the pixel's rounding.
        assert abs(site.lat - known.lat[file]) < 0.001
        assert abs(site.lon - known.lon[file]) < 0.001 / np.cos(np.radians(site.lat))
        folder = archives / "s2_100k" / "s2_100k" / site.site_id
        with rasterio.open(samples / "s2_100k_sample" / file) as a, rasterio.open(folder / "reflectance.tif") as b:
            np.testing.assert_array_equal(a.read(), b.read())
            assert (a.transform, a.crs) == (b.transform, b.crs)
            assert b.descriptions == S2_L2A
            assert not (b.read() == b.nodata).any()
        item = json.loads((folder / f"{site.site_id}.json").read_text())["properties"]
        assert item["greenup:datetime_is_placeholder"] is True
        assert (item["start_datetime"][:10], item["end_datetime"][:10]) == ("2021-01-01", "2023-05-17")
        assert "eo:cloud_cover" not in item
    assert "dates not known" in ArchiveSource(archives / "s2_100k").attribution
    index = pd.read_csv(archives / "s2_100k" / "scenes.csv")
    assert index.image_id.tolist() == index.site_id.tolist() == table.site_id.tolist()
    assert set(index.season) == {"undated"}


def test_the_cloud_estimate_finds_the_three_cloudy_dates(archives):
    table, grids = points(archives, "boadella", 128)
    found = ArchiveSource(archives / "boadella").search(table, always(table), grids)
    cloudy = sorted(found[found.cloud >= 20].time.dt.strftime("%Y-%m-%d").unique())
    assert cloudy == ["2020-01-13", "2020-01-18", "2020-01-23"]


@given(share=st.integers(0, 100))
def test_the_cloud_estimate_is_the_share_of_bright_pixels_that_are_not_green(share):
    image = np.full((12, 10, 10), 500, np.int16)
    image[7] = 4000  # near infrared: green ground
    flat = image.reshape(12, 100)
    flat[1, :share], flat[3, :share] = 3000, 3500  # bright blue, little NDVI
    assert estimated_cloud(image) == pytest.approx(share)


def test_items_say_where_they_come_from(archives):
    for name, years in (("worldcereal", "2017-2019"), ("boadella", "2020-2022")):
        source = ArchiveSource(archives / name)
        assert source.attribution == f"Contains modified Copernicus Sentinel data {years}"
        assert not source.simulated
        collection = json.loads((archives / name / name / "collection.json").read_text())
        assert "github.com/" in collection["description"]
    item = json.loads(next((archives / "boadella" / "boadella").glob("*/*.json")).read_text())
    assert item["properties"]["greenup:cloud_cover_is_estimate"] is True
    assert item["properties"]["earthsearch:boa_offset_applied"] is True
    assert not any(a["href"].startswith("/") for a in item["assets"].values())


def test_a_second_call_does_nothing_and_a_damaged_archive_is_made_again(samples, archives, tmp_path):
    out = tmp_path / "v1.2"
    make_samples(samples, out)
    contents = {p.relative_to(out): (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*") if p.is_file()}
    assert make_samples(samples, out) == dict.fromkeys(NAMES, False)
    assert contents == {
        p.relative_to(out): (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("*") if p.is_file()
    }
    # An interruption leaves no mark, or no points.
    (out / "boadella" / "made_from.json").unlink()
    (out / "worldcereal_points.csv").unlink()
    assert make_samples(samples, out) == {**dict.fromkeys(NAMES, False), "worldcereal": True, "boadella": True}
    # Made again, byte for byte, here and elsewhere.
    for path, (data, _) in contents.items():
        assert (out / path).read_bytes() == data, path
        assert (archives / path).read_bytes() == data, path
    assert not list(out.glob(".*"))


def test_other_files_make_another_archive(samples, tmp_path):
    folder = tmp_path / "samples"
    for row in read_list():
        shutil.copytree(samples / row["folder"], folder / row["folder"], ignore=shutil.ignore_patterns("S1_*", "OUT*"))
    make_samples(folder, tmp_path / "out")
    image = folder / "s2_boadella_timeseries" / "Boadella_2020-06-21.tif"
    image.chmod(0o644)
    with rasterio.open(image, "r+") as file:
        file.write(np.full((377, 380), 1234, np.int16), 1)
    assert make_samples(folder, tmp_path / "out") == {**dict.fromkeys(NAMES, False), "boadella": True}


def test_missing_files_are_listed_with_their_source(tmp_path):
    with pytest.raises(UserError) as caught:
        make_samples("", tmp_path / "out")
    for row in read_list():
        assert row["source"] in str(caught.value)
        assert row["licence"] in str(caught.value)
    assert not (tmp_path / "out").exists()
    (tmp_path / "s2_boadella_timeseries").mkdir()
    (tmp_path / "s2_boadella_timeseries" / "Boadella_2020-01-13.tif").touch()
    with pytest.raises(UserError, match="1 of 12 files"):
        make_samples(tmp_path, tmp_path / "out")


def test_the_list_of_samples_is_checked(tmp_path):
    row = {k: "x" for k in ("name", "folder", "files", "count", "source", "licence", "purpose")}
    with (tmp_path / "a.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(row))
        writer.writeheader()
        writer.writerow(row)
    with pytest.raises(UserError, match="no conversion for 'x'"):
        read_list(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("a,b\n")
    with pytest.raises(UserError, match="the columns are"):
        read_list(tmp_path / "b.csv")


def test_unreadable_samples_are_named(samples, tmp_path):
    for row in read_list():
        needless = shutil.ignore_patterns("S1_*", "OUT*")
        shutil.copytree(samples / row["folder"], tmp_path / row["folder"], ignore=needless)
    broken = tmp_path / "s2_boadella_timeseries" / "Boadella_2020-06-21.tif"
    broken.chmod(0o644)
    broken.write_bytes(b"no tiff")
    with pytest.raises(UserError, match="Boadella_2020-06-21"):
        make_samples(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "boadella").exists()
    assert not list((tmp_path / "out").glob(".*"))
