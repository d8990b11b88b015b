"""What an item says: offsets by metadata only, bands by their many names."""

import pystac
import pytest
from greenup.bands import BANDS, S2_L2A
from greenup.errors import UserError
from greenup.imagery.items import band_files, band_name, read_item, scale_and_offset
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.archive import CORRECTED, asset, item

APPLIED, NOT_APPLIED = {"earthsearch:boa_offset_applied": True}, {"earthsearch:boa_offset_applied": False}
RASTER = {"scale": 0.0001, "offset": -0.1}


@pytest.mark.parametrize(
    ("properties", "values", "scale", "offset"),
    [
        # The Planetary Computer: only the baseline.
        ({"s2:processing_baseline": "02.12"}, {}, 1e-4, 0.0),
        ({"s2:processing_baseline": "03.01"}, {}, 1e-4, 0.0),
        ({"s2:processing_baseline": "04.00"}, {}, 1e-4, -0.1),
        ({"s2:processing_baseline": "05.09"}, {}, 1e-4, -0.1),
        # Earth Search repeats offset -0.1 whether it took it off or not.
        ({**APPLIED, "s2:processing_baseline": "05.09"}, RASTER, 1e-4, 0.0),
        ({**NOT_APPLIED, "s2:processing_baseline": "05.09"}, RASTER, 1e-4, -0.1),
        ({**NOT_APPLIED, "s2:processing_baseline": "02.12"}, {"scale": 1e-4, "offset": 0}, 1e-4, 0.0),
        (APPLIED, {}, 1e-4, 0.0),
        # An offset written for the asset, in STAC 1.0 and 1.1, goes before the baseline: never both.
        ({"s2:processing_baseline": "05.09"}, RASTER, 1e-4, -0.1),
        ({"s2:processing_baseline": "05.09"}, {"scale": 1e-4, "offset": 0.0}, 1e-4, 0.0),
        ({}, {"raster:scale": 1e-4, "raster:offset": -0.1}, 1e-4, -0.1),
        ({}, {"scale": 1.0, "offset": 0.0}, 1.0, 0.0),
        # A scale alone says nothing of the offset.
        ({"s2:processing_baseline": "04.00"}, {"scale": 1e-4}, 1e-4, -0.1),
    ],
)
def test_offsets_follow_the_metadata(properties, values, scale, offset):
    assert scale_and_offset(properties, values, "here") == (pytest.approx(scale), pytest.approx(offset))


@pytest.mark.parametrize(("properties", "values"), [({}, {}), ({}, {"scale": 1e-4}), (NOT_APPLIED, {})])
def test_silent_items_are_refused_with_what_to_write(properties, values):
    with pytest.raises(UserError, match="does not say") as caught:
        scale_and_offset(properties, values, "item x")
    assert "s2:processing_baseline" in caught.value.mend
    assert "boa_offset_applied" in caught.value.mend


@given(
    applied=st.sampled_from([None, True, False]),
    raster=st.sampled_from([None, 0.0, -0.1]),
    baseline=st.sampled_from([None, "02.14", "03.01", "04.00", "05.11"]),
)
def test_whatever_is_said_the_offset_is_taken_off_once_at_most(applied, raster, baseline):
    properties = {"earthsearch:boa_offset_applied": applied, "s2:processing_baseline": baseline}
    properties = {k: v for k, v in properties.items() if v is not None}
    values = {} if raster is None else {"offset": raster}
    if applied is not True and raster is None and baseline is None:
        with pytest.raises(UserError):
            scale_and_offset(properties, values, "x")
        return
    _, offset = scale_and_offset(properties, values, "x")
    assert offset in (0.0, -0.1)
    if applied is True:
        assert offset == 0.0


def test_nonsense_is_named():
    with pytest.raises(UserError, match="N0509"):
        scale_and_offset({"s2:processing_baseline": "N0509"}, {}, "x")
    with pytest.raises(UserError, match="much"):
        scale_and_offset({}, {"offset": "much"}, "x")


@pytest.mark.parametrize("band", S2_L2A)
def test_every_spelling_of_a_band(band):
    padded = band if len(band) == 3 and band != "B8A" else band.replace("B", "B0")
    for name in (band, padded, band.lower(), BANDS[band].common_name):
        assert band_name(name) == band


@pytest.mark.parametrize("name", ["B10", "NDVI", "SCL", "visual", "", "B", "B13", "AOT"])
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
