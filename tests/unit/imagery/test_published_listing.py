"""The list of a published folder: sites, dates, places, and folders that are something else."""

import logging

import numpy as np
import pandas as pd
import pytest
from greenup.config import parse
from greenup.config.data import Imagery
from greenup.errors import UserError
from greenup.imagery.published.layouts import time_of
from greenup.imagery.published.listing import list_published
from hypothesis import given
from hypothesis import strategies as st

from tests.standins import published as made

PLACES = {"0000007": (9.4, 47.6), "0000123": (9.9, 47.2), "0200000": (-60.2, -33.1)}
SITE = {"000007": (9.4, 47.6)}


def listed(path, layout="ssl4eo_s12", **keys) -> pd.DataFrame:
    return list_published(parse(Imagery, {"source": "published", "layout": layout, "path": str(path), **keys}))[0]


def refused(path, layout="ssl4eo_s12", **keys) -> str:
    with pytest.raises(UserError) as caught:
        listed(path, layout, **keys)
    return str(caught.value)


@pytest.mark.parametrize("modality, product", [("s1", "s1_grd"), ("s2c", "s2_l1c"), ("s2a", "s2_l2a")])
def test_ssl4eo_s12(tmp_path, modality, product):
    places = {k: v for k, v in PLACES.items() if v[1] > 0}
    images = made.write_folder(tmp_path, places, modality)
    (tmp_path / modality / "0000007" / "preview.tif").write_bytes(b"")
    for path in (tmp_path, tmp_path / modality):
        table = listed(path, product=product)
        assert table["scene_id"].tolist() == list(images)
        assert table["season"].tolist() == ["d1", "d2", "d3", "d4"] * 2
        hour = "T05:30:12Z" if modality == "s1" else "T10:10:21Z"
        assert table["time"].tolist() == [pd.Timestamp(d + hour) for d in made.DAYS] * 2
        if modality == "s1":
            assert (table["orbit"] == "descending").all() and table["cloud"].isna().all()
        else:
            assert (table["cloud"] == 3.5).all() and table["orbit"].isna().all()
        for site, (lon, lat) in places.items():
            here = table[table["site_id"] == site]
            # 60 m in degrees: the place is reckoned from the first band's pixels.
            assert (here["lon"] - lon).abs().max() < 9e-4 and (here["lat"] - lat).abs().max() < 6e-4


def test_seco_with_six_digits(tmp_path):
    made.write_folder(tmp_path, SITE, "s2a", "seco")
    assert len(listed(tmp_path, "seco")) == 4


def test_ssl4eco_with_and_without_index(tmp_path):
    made.write_ssl4eco(tmp_path, SITE)
    plain = listed(tmp_path, "ssl4eco")
    assert plain["season"].tolist() == ["d1", "d2", "d3", "d4"] and plain["cloud"].isna().all()
    assert plain["time"].tolist() == [pd.Timestamp(d, tz="UTC") for d in made.DAYS]
    known = listed(tmp_path / "imgs", "ssl4eco", index=str(tmp_path / "index.csv"))
    assert known["season"].tolist() == ["spring", "summer", "autumn", "winter"]
    assert (known["lon"] == 9.4).all() and (known["lat"] == 47.6).all()


def test_an_index_names_what_it_knows(tmp_path):
    made.write_ssl4eco(tmp_path, SITE)
    path = tmp_path / "index.csv"
    head = path.read_text().splitlines()[0]
    ids = [made.s2_name(d) for d in made.DAYS]
    path.write_text(f"{head}\n7,9.4,47.6,{ids[3]},,{ids[0]},nan\n")
    table = listed(tmp_path, "ssl4eco", index=str(path))
    assert table["season"].tolist() == ["autumn", "d2", "d3", "spring"]


@pytest.mark.parametrize(
    "rows, said",
    [
        ("7,9.4,147.6,,,,", "line 2, column 'lat': '147.6'"),
        ("7.5,9.4,47.6,,,,", "line 2, column 'index': '7.5'"),
        ("7,9.4,47.6,,,,\n7,9.4,47.6,,,,", "line 3: index 7 stands twice"),
        ("7,9.4,47.6,abc,,,", "line 2, column 'image_id_1': 'abc'"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path, rows, said):
    made.write_ssl4eco(tmp_path, SITE)
    path = tmp_path / "wrong.csv"
    path.write_text("index,lon,lat,image_id_1,image_id_2,image_id_3,image_id_4\n" + rows + "\n")
    assert said in refused(tmp_path, "ssl4eco", index=str(path))


class TestOtherFolders:
    def test_nothing_there(self, tmp_path):
        assert "no such folder" in refused(tmp_path / "no")
        (tmp_path / "pictures").mkdir()
        said = refused(tmp_path)
        assert "no folder of a site" in said and "pictures/" in said and "<site>/<image>/B1.tif" in said

    def test_another_product(self, tmp_path):
        made.write_folder(tmp_path, SITE, "s2c")
        said = refused(tmp_path / "s2c")
        assert "holds s2_l1c, not s2_l2a" in said and "product: s2_l1c" in said
        assert "below looks like layout: ssl4eo_s12, product: s2_l1c" in refused(tmp_path, product="s1_grd")

    def test_another_layout(self, tmp_path):
        made.write_ssl4eco(tmp_path / "eco", SITE)
        assert "this looks like layout: ssl4eco" in refused(tmp_path / "eco/imgs")
        assert "layout: ssl4eco" in refused(tmp_path / "eco")
        made.write_folder(tmp_path / "s12", SITE, "s2a")
        assert "this looks like layout: ssl4eo_s12" in refused(tmp_path / "s12/s2a", "seco")
        assert "layout: ssl4eo_s12" in refused(tmp_path / "s12/s2a", "ssl4eco")


def test_sites_without_images_are_counted(tmp_path, caplog):
    made.write_folder(tmp_path, SITE, "s2a")
    (tmp_path / "s2a/0000009").mkdir()
    (tmp_path / "s2a/notes").mkdir()
    with caplog.at_level(logging.WARNING):
        assert set(listed(tmp_path)["site_id"]) == {"000007"}
    assert "1 of 2 sites have no image and are left out: 0000009" in caplog.text


def test_a_site_lies_where_its_readable_files_say(tmp_path, caplog):
    images = made.write_folder(tmp_path, {"0000007": (9.4, 47.6), "0000008": (9.5, 47.6)}, "s2a")
    whole = listed(tmp_path)
    first = next(iter(images.values()))
    (first.folder / "B2.tif").write_bytes(b"cut")
    pd.testing.assert_frame_equal(listed(tmp_path), whole)
    for image in list(images.values())[:4]:
        for path in image.folder.glob("*.tif"):
            path.write_bytes(path.read_bytes()[:5])
    said = refused(tmp_path)
    assert "1 sites have no image that can be read" in said and "0000007" in said and "damaged: skip" in said
    with caplog.at_level(logging.WARNING):
        assert set(listed(tmp_path, damaged="skip")["site_id"]) == {"0000008"}
    assert "left out" in caplog.text


@pytest.mark.parametrize("text", ["", "[1]", '{"properties": 3}', '{"system:time_start": "x", "bands": [{"id": 1}]}'])
def test_damaged_metadata_leaves_cloud_unknown(tmp_path, text):
    images = made.write_folder(tmp_path, SITE, "s2a")
    (next(iter(images.values())).folder / "metadata.json").write_text(text)
    assert listed(tmp_path)["cloud"].isna().tolist() == [True, False, False, False]


def test_the_number_of_threads_changes_nothing(tmp_path):
    made.write_folder(tmp_path, {k: v for k, v in PLACES.items() if v[1] > 0}, "s1")
    imagery = parse(
        Imagery, {"source": "published", "layout": "ssl4eo_s12", "path": str(tmp_path), "product": "s1_grd"}
    )
    pd.testing.assert_frame_equal(list_published(imagery, threads=1)[0], list_published(imagery, threads=7)[0])


@given(st.datetimes(pd.Timestamp("2015-01-01"), pd.Timestamp("2030-01-01")))
def test_times_of_names(at):
    second = pd.Timestamp(at).floor("s")
    end = second + pd.Timedelta(seconds=25)
    stamp, after = (f"{t:%Y%m%dT%H%M%S}" for t in (second, end))
    utc = second.tz_localize("UTC")
    assert time_of(f"{stamp}_{after}_T32TNT") == utc
    assert time_of(f"S1B_IW_GRDH_1SDV_{stamp}_{after}_031234_0397C1_ABCD") == utc
    assert time_of(f"{at:%Y%m%d}_T32TNT") == utc.floor("D")
    assert time_of(f"{at:%Y}_T32TNT") is None and time_of("20201341T000000_x") is None


def test_seasons_count_beyond_nine():
    from greenup.config.seasons import Seasons
    from greenup.phenology.seasons import place_seasons

    days = pd.date_range("2019-01-01", periods=12, freq="31D", tz="UTC")
    table = pd.DataFrame({"site_id": "a", "season": [f"d{i + 1}" for i in range(12)], "time": days})
    sites = pd.DataFrame({"site_id": ["b", "a"], "lon": 0.0, "lat": 10.0})
    placed = place_seasons(
        sites, None, parse(Seasons, {"rule": "published"}), years=(2023, 2024), seed=0, published=table
    )
    assert placed["season"].tolist() == table["season"].tolist() and set(placed["site_id"]) == {"a"}
    np.testing.assert_array_equal(placed["middle"], days.tz_localize(None))


def test_a_first_image_without_all_bands_does_not_mislead(tmp_path):
    images = made.write_folder(tmp_path, SITE, "s2c")
    (next(iter(images.values())).folder / "B10.tif").unlink()
    assert len(listed(tmp_path, product="s2_l1c")) == 4
    assert "holds s2_l1c, not s2_l2a" in refused(tmp_path / "s2c")
    for image in images.values():
        (image.folder / "B10.tif").unlink(missing_ok=True)
        (image.folder / "B9.tif").unlink()
    assert len(listed(tmp_path, product="s2_l1c")) == 4, "the jobs name what is missing"
