"""A written archive is what the archive source reads."""

from datetime import datetime

import numpy as np
import pandas as pd
import pystac
import rasterio
from affine import Affine
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.writing import (
    band_asset,
    class_asset,
    footprint,
    item,
    item_folder,
    write_catalogue,
    write_geotiff,
)

EPSG, WEST, NORTH = 32735, 600_000, 8_000_020


def write(folder):
    values = np.random.default_rng(3).integers(1, 9000, (2, 64, 64)).astype(np.uint16)
    transform = Affine(10, 0, WEST, 0, -10, NORTH)
    where = item_folder(folder, "made", "one")
    write_geotiff(where / "10m.tif", values, EPSG, transform, nodata=0, names=["B2", "B4"])
    scl = np.full((1, 32, 32), 9, np.uint8)
    write_geotiff(where / "SCL.tif", scl, EPSG, Affine(20, 0, WEST, 0, -20, NORTH), nodata=0, names=["SCL"])
    assets = {
        "ten": band_asset("./10m.tif", ["B2", "B4"], nodata=0, dtype=values.dtype, gsd=10, title="10 m"),
        "SCL": class_asset("./SCL.tif"),
    }
    made = item(
        "one", datetime(2020, 5, 6, 8, 9, 10), footprint(EPSG, transform, 64, 64),
        {"s2:processing_baseline": "02.14"}, assets,
    )  # fmt: skip
    write_catalogue(
        folder,
        "made",
        "made for a test",
        [made],
        licence="other",
        attribution="Made up",
        source="here",
        url="https://a.b",
    )
    return values


def test_what_is_written_comes_back(tmp_path):
    # A dot in a folder's name, and a folder that is moved afterwards.
    values = write(tmp_path / "v1.0")
    (tmp_path / "v1.0").rename(tmp_path / "moved")
    source = ArchiveSource(tmp_path / "moved")
    grid = PatchGrid(EPSG, WEST, NORTH, 64)
    pixels = source.read("one", grid, ("B4", "B2"))
    np.testing.assert_array_equal(pixels.values[10], values[::-1])
    assert source.attribution == "Made up"
    west, south, east, north = (
        pystac.Catalog.from_file(str(tmp_path / "moved" / "catalog.json")).get_child("made").extent.spatial.bboxes[0]
    )
    site = pd.DataFrame({"site_id": ["s"], "lon": [(west + east) / 2], "lat": [(south + north) / 2]})
    assert grid_for_site(site.lon[0], site.lat[0], 64, (10, 20)) == grid
    day = pd.Timestamp("2020-05-06")
    days = pd.DataFrame(
        {"site_id": ["s"], "season": ["x"], "year": [2020], "first": [day], "middle": [day], "last": [day]}
    )
    found = source.search(site, days, [grid])
    assert found[["scene_id", "cloud", "cloud_of"]].to_numpy().tolist() == [["one", 100.0, "patch"]]
    assert found.time[0] == pd.Timestamp("2020-05-06T08:09:10Z")


def test_files_name_their_bands_and_are_the_same_each_time(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    with rasterio.open(item_folder(tmp_path / "a", "made", "one") / "10m.tif") as file:
        assert file.descriptions == ("B2", "B4")
        assert file.nodata == 0
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 5
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
