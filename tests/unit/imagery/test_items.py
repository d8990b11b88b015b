"""What an item says: bands by their many names, units, time and place."""

import pystac
import pytest
from greenup.bands import BANDS, S1_GRD, S2_L1C
from greenup.errors import UserError
from greenup.imagery.items import band_files, band_name, read_item

from tests.standins.archive import CORRECTED, asset, item


@pytest.mark.parametrize("band", S2_L1C)
def test_every_spelling_of_a_band(band):
    padded = band if len(band) == 3 and band != "B8A" else band.replace("B", "B0")
    for name in (band, padded, band.lower(), BANDS[band].common_name):
        assert band_name(name) == band


@pytest.mark.parametrize("name", ["NDVI", "visual", "", "B", "B13", "AOT", "snow"])
def test_other_names_are_no_bands(name):
    assert band_name(name) is None


def test_earth_search_assets():
    keys = {"coastal": "B1", "blue": "B2", "rededge1": "B5", "rededge2": "B6", "rededge3": "B7", "nir08": "B8A"}
    assets = {k: asset(f"/{k}.tif", [k]) for k in keys}
    assets["visual"] = asset("/tci.tif", ["red", "green", "blue"])
    assets["blue-jp2"] = pystac.Asset("/b.jp2", media_type="image/jp2", extra_fields={"eo:bands": [{"name": "blue"}]})
    found = band_files(item("a", "2020-01-01T00:00:00Z", assets, **CORRECTED), "x")
    assert {b: f.href for b, f in found.items()} == {b: f"/{k}.tif" for k, b in keys.items()}


def test_data_space_assets_at_native_resolution_only():
    keys = ["B02_10m", "B02_20m", "B05_20m", "B05_60m", "B8A_20m", "B01_60m", "TCI_10m"]
    assets = {k: asset(f"/{k}", ["B04" if k.startswith("TCI") else k[:3]]) for k in keys}
    found = band_files(item("a", "2020-01-01T00:00:00Z", assets, **CORRECTED), "x")
    assert {b: f.href for b, f in found.items()} == {
        "B1": "/B01_60m",
        "B2": "/B02_10m",
        "B5": "/B05_20m",
        "B8A": "/B8A_20m",
    }


def test_bands_inside_one_file_with_their_own_offsets():
    fields = {"raster:bands": [{"offset": 0.0, "nodata": 7}, {"offset": -0.1}]}
    one = {"reflectance": asset("/all.tif", ["B04", "B02"], **fields)}
    found = band_files(item("a", "2020-01-01T00:00:00Z", one), "x")
    assert [(b, f.index, f.offset, f.nodata) for b, f in found.items()] == [("B2", 2, -0.1, 0.0), ("B4", 1, 0.0, 7.0)]


def test_an_item_without_time_or_band_is_named():
    scene = read_item(item("a", "2020-01-01T00:00:00Z", {}, **CORRECTED), "cat")
    with pytest.raises(UserError, match="no asset holds band B4"):
        scene.files(("B4",))
    timeless = pystac.Item(
        "b", None, None, None, {"start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-01-02T00:00:00Z"}
    )
    with pytest.raises(UserError, match="item b: no datetime or no geometry"):
        read_item(timeless, "cat")


def test_masks_lie_at_their_own_resolution_and_need_no_offset():
    assets = {k: asset(f"/{k}") for k in ("SCL_20m", "SCL_60m", "QA60", "MSK_CLDPRB_20m", "scl-jp2", "snow")}
    found = band_files(item("a", "2020-01-01T00:00:00Z", assets), "x")
    assert {b: f.href for b, f in found.items()} == {"SCL": "/SCL_20m", "QA60": "/QA60", "CLDPRB": "/MSK_CLDPRB_20m"}
    assert {(f.scale, f.offset, f.nodata) for f in found.values()} == {(1.0, 0.0, 0.0)}
    # Collection 1 of Earth Search.
    found = band_files(item("a", "2020-01-01T00:00:00Z", {"scl": asset("/s"), "cloud": asset("/c")}), "x")
    assert {b: f.href for b, f in found.items()} == {"SCL": "/s", "CLDPRB": "/c"}


def test_a_level_1c_item_has_cirrus_and_no_classification():
    names = ["coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "cirrus"]
    jp2 = {n: pystac.Asset(f"/{n}.jp2", media_type="image/jp2") for n in [*names, "swir16", "swir22"]}
    scene = read_item(item("a", "2023-01-01T00:00:00Z", jp2, **{"s2:processing_baseline": "05.09"}), "x")
    assert set(scene.files(S2_L1C)) == set(S2_L1C)
    assert scene.bands["B10"].href == "/cirrus.jp2"
    assert {f.offset for f in scene.bands.values()} == {-0.1}
    assert scene.scl is None


def test_a_radar_item_has_units_orbit_and_no_cloud():
    power = {"raster:bands": [{"nodata": -32768, "unit": "power"}]}
    assets = {"vv": asset("/vv.tif", **power), "vh": asset("/vh.tif", **power)}
    scene = read_item(item("a", "2020-01-01T00:00:00Z", assets, **{"sat:orbit_state": "descending"}), "x")
    assert [(f.href, f.scale, f.offset, f.nodata, f.is_power) for f in scene.files(S1_GRD).values()] == [
        ("/vv.tif", 1.0, 0.0, -32768.0, True),
        ("/vh.tif", 1.0, 0.0, -32768.0, True),
    ]
    assert (scene.orbit, scene.cloud) == ("descending", 0.0)
    counts = item("b", "2020-01-01T00:00:00Z", {"vv": asset("/vv.tif")})
    with pytest.raises(UserError, match=r"item b, asset vv: .*decibels or linear power"):
        read_item(counts, "cat")


def test_optional_masks_may_be_absent_and_measured_bands_may_not():
    scene = read_item(item("a", "2020-01-01T00:00:00Z", {"B02": asset("/b")}, **CORRECTED), "cat")
    assert list(scene.files(("B2", "SCL", "CSPLUS"))) == ["B2"]
    with pytest.raises(UserError, match="no asset holds band B10"):
        scene.files(("B2", "B10"))


def test_cloud_cover_that_is_no_number_is_named():
    with pytest.raises(UserError, match="eo:cloud_cover 'much'"):
        read_item(item("a", "2020-01-01T00:00:00Z", {}, **{"eo:cloud_cover": "much"}), "cat")
