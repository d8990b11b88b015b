"""Real pixels on their own grids: from a public file through archive, exporter and store, bit by bit."""

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine
from fake_source import site_table
from greenup.bands import S2_L2A
from greenup.config.data import Patches
from greenup.files import read_table, write_table
from greenup.grids import grid_for_site
from greenup.imagery.archive import ArchiveSource
from greenup.patches.store import PatchStore
from greenup.samples.boadella import convert_boadella
from greenup.samples.s2_100k import convert_s2_100k
from greenup.samples.worldcereal import convert_worldcereal
from greenup.schemas import INDEX, LEDGER
from pyproj import Transformer

FINE, COARSE = ("B2", "B3", "B4", "B8"), ("B5", "B6", "B7", "B8A", "B11", "B12")


def export_all(study, source, points, patches: Patches) -> PatchStore:
    """Every scene that shows a point as a season of its own, through the exporter, and the store of it."""
    sites = site_table(len(points))
    sites["site_id"] = [p.site_id for p in points]
    sites["lon"], sites["lat"] = [p.lon for p in points], [p.lat for p in points]
    span = [pd.Timestamp(d) for d in ("2015-01-01", "2020-01-01", "2024-12-31")]
    intervals = pd.DataFrame(
        [(p.site_id, "all", 2020, *span) for p in points],
        columns=["site_id", "season", "year", "first", "middle", "last"],
    )
    # A point in the image is all that is asked of a scene whose own grid is kept.
    found = source.search(sites, intervals, [grid_for_site(p.lon, p.lat, 1, (10,)) for p in points])
    scenes = found.assign(
        season=found["scene_id"],
        status="chosen",
        days_from_middle=0.0,
        candidates=1,
        reason="all",
        orbit=None,
    )
    study.export(sites, scenes, source, patches=patches)
    ledger = read_table(study.ledger(), LEDGER)
    assert (ledger["status"] == "ok").all()
    of_site = sites.set_index("site_id")[["lon", "lat", "stratum", "land_cover", "weight", "shard"]]
    index = ledger.join(of_site, on="site_id").assign(file="patches/d/0000.h5")[[c.name for c in INDEX.columns]]
    write_table(study.index, index, INDEX, simulated=False, attribution=source.attribution)
    return PatchStore(study.index)


def window_nearest(transform: Affine, epsg: int, lon: float, lat: float, size: int, width: int, height: int):
    """Column and row of the window, by trying every one."""
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    columns, rows = np.arange(width - size + 1), np.arange(height - size + 1)
    column = int(np.abs(transform.c + (columns + size / 2) * transform.a - x).argmin())
    row = int(np.abs(transform.f + (rows + size / 2) * transform.e - y).argmin())
    return column, row


def check_grid(grid, transform: Affine, epsg: int, column: int, row: int, size: int) -> None:
    assert (grid.epsg, grid.size_px) == (epsg, size)
    expected = transform @ Affine.translation(column, row)
    assert grid.transform(10).almost_equals(expected, 1e-12)
    assert (grid.pixel_x, grid.pixel_y) == (transform.a, -transform.e)


@pytest.mark.parametrize("size", [64, 377])
def test_boadella_in_degrees(samples, study, tmp_path, size):
    files = sorted((samples / "s2_boadella_timeseries").glob("*.tif"))
    points = convert_boadella(files, tmp_path / "archive")
    source = ArchiveSource(tmp_path / "archive")
    store = export_all(study, source, points, Patches(size_px=size, bands=S2_L2A, grid="image"))
    assert len(store) == 12 * 9
    by_day = {f.stem[-10:].replace("-", ""): f for f in files}
    seen = set()
    for site_id, scene_id in store.index[["site_id", "season"]].itertuples(index=False):
        point = next(p for p in points if p.site_id == site_id)
        with rasterio.open(by_day[scene_id[-8:]]) as file:
            column, row = window_nearest(file.transform, 4326, point.lon, point.lat, size, file.width, file.height)
            truth = file.read(window=rasterio.windows.Window(column, row, size, size))
            transform = file.transform
        pixels, grid = store.read_native(site_id, scene_id)
        check_grid(grid, transform, 4326, column, row, size)
        assert grid.is_own
        assert list(pixels.values) == [10]
        assert pixels.valid[10].all()
        np.testing.assert_array_equal(pixels.values[10], truth)
        image, valid = store.read(site_id, scene_id, S2_L2A)
        np.testing.assert_array_equal(image, truth)
        assert valid.all()
        assert store.row(site_id, scene_id).time.strftime("%Y%m%d") == scene_id[-8:]
        seen.add((scene_id, column, row))
    # Nine windows of twelve dates; of the largest there are four beside one another.
    assert len(seen) == (108 if size == 64 else 12 * len({(c, r) for _, c, r in seen}))


def test_s2_100k_whole_with_all_bands_at_10_m(samples, study, tmp_path, caplog):
    files = sorted((samples / "s2_100k_sample").glob("*.tif"))
    points = convert_s2_100k(files, tmp_path / "archive")
    source = ArchiveSource(tmp_path / "archive")
    assert source.is_resampled(S2_L2A)
    store = export_all(study, source, points, Patches(size_px=256, bands=S2_L2A, grid="image"))
    assert len(store) == len(files) == 12
    for file in files:
        key = f"s2_100k_{file.stem.removeprefix('patch_')}"
        with rasterio.open(file) as data:
            truth, transform, epsg = data.read(), data.transform, data.crs.to_epsg()
        pixels, grid = store.read_native(key, key)
        check_grid(grid, transform, epsg, 0, 0, 256)
        np.testing.assert_array_equal(pixels.values[10], truth)
        assert pixels.valid[10].all()
        np.testing.assert_array_equal(store.read(key, key, ("B12", "B1", "B4"))[0], truth[[11, 0, 3]])
    assert "no dark pixel" in caplog.text, "some patches look as if the offset were still there"
    assert "not known" in source.attribution


@pytest.mark.parametrize(("grid", "size"), [("image", 64), ("image", 30), ("site", 60)])
def test_worldcereal_at_10_and_20_m(samples, study, tmp_path, grid, size):
    folder = samples / "s2_s1_worldcereal_patches"
    points = convert_worldcereal(sorted(folder.glob("S2_L2A_*.nc")), tmp_path / "archive")
    source = ArchiveSource(tmp_path / "archive")
    assert not source.is_resampled((*FINE, *COARSE, "SCL"))
    patches = Patches(size_px=size, bands=(*FINE, *COARSE, "SCL"), grid=grid)
    store = export_all(study, source, points, patches)
    assert len(store) == 118 + 72
    masked = 0
    for point in points:
        place = point.site_id.removeprefix("worldcereal_").upper()
        series = {}
        for m, names in ((10, FINE), (20, (*COARSE, "SCL"))):
            file = next(folder.glob(f"S2_L2A_{m}m_{place}*.nc"))
            with xr.open_dataset(file, engine="h5netcdf", mask_and_scale=False) as data:
                raw = [n if n in data else n.replace("B", "B0") for n in names]
                stack = np.stack([data[n].transpose("timestamp", "y", "x").to_numpy() for n in raw], axis=1)
                times = pd.DatetimeIndex(data["timestamp"].to_numpy())
                series[m] = stack, float(data.x[0]) - m / 2, float(data.y[0]) + m / 2
        rows = store.index[store.index["site_id"] == point.site_id].sort_values("time")
        assert rows["time"].dt.tz_localize(None).to_list() == times.to_list()
        for i, season in enumerate(rows["season"]):
            pixels, found = store.read_native(point.site_id, season)
            for m, (stack, west, north) in series.items():
                n = size * 10 // m
                column, row = (found.west - west) / m, (north - found.north) / m
                assert (column, row) == (round(column), round(row))
                truth = stack[i, :, int(row) : int(row) + n, int(column) : int(column) + n]
                # 0 is the product's "no data" in any band, and leaves the pixel out; a mask takes no part.
                has_data = (truth[:6] != 0).all(axis=0)
                masked += int((~has_data).sum())
                np.testing.assert_array_equal(pixels.valid[m], has_data)
                np.testing.assert_array_equal(pixels.values[m], np.where(has_data, truth, 0))
        if grid == "image":
            east, north = abs(found.centre_offset_m(point.lon, point.lat)[0]), found.north
            assert east <= 10, "the centre is within half a coarse pixel"
            assert north <= series[10][2]
    assert masked <= 1, "a single pixel of 778 240 is 0 in one band"
