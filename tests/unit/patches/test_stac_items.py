"""STAC items of a dataset: read back by our own reader, by rustac, by pystac's schemas."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pystac
import pytest
import shapely
from greenup.files import read_table
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.geoparquet import read_items
from greenup.patches import items as module
from greenup.patches.container import ShardFile
from greenup.patches.items import footprints, item_ids, offsets_m, write_items
from greenup.schemas import INDEX
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from pystac.validation.local_validator import LocalValidator
from test_describe import describe


def table(grids: list[PatchGrid]) -> pd.DataFrame:
    return pd.DataFrame([{k: getattr(g, k) for k in ("epsg", "west", "north", "pixel_x", "pixel_y")} for g in grids])


def test_an_item_is_its_image(finished):
    folder = describe(finished)
    items, attributions = read_items(folder / "items.parquet")
    index = read_table(finished.index, INDEX)
    assert [i.id for i in items] == [f"{a}_{b}" for a, b in zip(index["site_id"], index["season"], strict=True)]
    assert attributions == [json.loads((folder / "collection.json").read_text())["attribution"]]
    for item, row in zip(items, index.itertuples(), strict=True):
        asset = item.assets["pixels"]
        path, at = Path(asset.href), asset.extra_fields["greenup:row"]
        assert path == (finished.root / row.file).resolve() and at == row.row
        with ShardFile(path) as file:
            stored = file.row(at)
        assert asset.extra_fields["greenup:checksum"] == stored.checksum
        assert item.datetime == stored.time and item.properties["eo:cloud_cover"] == stored.cloud
        assert item.properties["proj:code"] == f"EPSG:{stored.grid.epsg}"
        assert item.properties["proj:shape"] == [26, 26]
        assert item.properties["proj:transform"] == list(stored.grid.transform(10))[:6]
        # The footprint, taken back to the grid's own coordinates, is the grid's bounds.
        back = shapely.transform(
            shapely.geometry.shape(item.geometry),
            Transformer.from_crs(4326, stored.grid.epsg, always_xy=True).transform,
            interleaved=False,
        )
        assert back.bounds == pytest.approx(stored.grid.bounds(), abs=1e-3)
        assert shapely.geometry.shape(item.geometry).contains(shapely.Point(row.lon, row.lat))


def test_items_are_valid_stac(finished):
    """The core schema comes with pystac; those of the extensions would have to be downloaded."""
    folder = describe(finished)
    read, _ = read_items(folder / "items.parquet")
    raw = pq.read_table(folder / "items.parquet").to_pylist()
    for item, row in zip(read, raw, strict=True):
        item.add_links([pystac.Link(x["rel"], x["href"], x["type"]) for x in row["links"]])
        value = json.loads(json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False)))
        assert value["collection"] == "d" and list(row["bbox"].values()) == pytest.approx(value["bbox"])
        assert [e.message for e in LocalValidator().item_validator().iter_errors(value)] == []


def test_rustac_and_geopandas_read_them(finished):
    import geopandas

    folder = describe(finished)
    frame = geopandas.read_parquet(folder / "items.parquet")
    assert frame.crs == "OGC:CRS84" and len(frame) == 12 and frame.geometry.is_valid.all()
    assert len(geopandas.read_parquet(folder / "items.parquet", bbox=(4.9, 46.9, 5.1, 47.1))) == 2
    rustac = pytest.importorskip("rustac")
    table = rustac.from_arrow(pq.read_table(folder / "items.parquet"))
    assert len(table["features"]) == 12
    first = table["features"][0]
    assert first["id"] == "s000_spring" and first["assets"]["pixels"]["greenup:row"] == 0
    assert first["properties"]["proj:code"] == "EPSG:32631"


def test_groups_do_not_change_what_is_read(finished, monkeypatch):
    folder = describe(finished)
    whole = pq.read_table(folder / "items.parquet")
    monkeypatch.setattr(module, "_GROUP_ROWS", 5)
    describe(finished)
    file = pq.ParquetFile(folder / "items.parquet")
    assert file.num_row_groups == 3 and file.read().equals(whole)


@given(st.floats(-180, 180), st.floats(-79, 83), st.sampled_from([64, 264]))
def test_footprints_anywhere(lon, lat, size):
    """Against the grid itself: the site lies inside, the box holds the polygon, the area is that of the patch."""
    grid = grid_for_site(lon, lat, size, (10, 20, 60))
    ground = footprints(table([grid]), size)
    shape, box = ground.geometries()[0], ground.boxes()[0]
    assert shape.is_valid
    # On whichever side of the antimeridian.
    assert any(shape.buffer(1e-9).covers(shapely.Point(x, lat)) for x in (lon, lon - 360, lon + 360))
    width = (box[2] - box[0]) % 360
    assert width < 1 and (box[0] > box[2]) == bool(ground.crosses[0])
    if ground.crosses[0]:
        assert shape.geom_type == "MultiPolygon" and shape.bounds[0] == -180 and shape.bounds[2] == 180
        assert ground.bounds()[0] == -180 and ground.bounds()[2] == 180
    area = sum(abs(module.Geod(ellps="WGS84").geometry_area_perimeter(part)[0]) for part in shapely.get_parts(shape))
    assert area == pytest.approx((size * 10) ** 2, rel=5e-3)


def test_a_patch_across_the_antimeridian_is_cut():
    grid = PatchGrid(32601, *Transformer.from_crs(4326, 32601, always_xy=True).transform(179.99, 65.0), 264)
    ground = footprints(table([grid]), 264)
    assert ground.crosses.tolist() == [True]
    west, east = shapely.get_parts(ground.geometries()[0])
    assert west.bounds[0] == pytest.approx(179.99, abs=0.01) and west.bounds[2] == 180
    assert east.bounds[0] == -180 and east.bounds[2] < -179.9
    box = ground.boxes()[0]
    assert box[0] > 179 and box[2] < -179


def test_grids_of_images_in_degrees():
    step = 10 / 111_320
    grid = PatchGrid(4326, 5.0, 47.0, 100, step, step / 2)
    ground = footprints(table([grid]), 100)
    assert ground.boxes()[0] == pytest.approx((5.0, 47.0 - 50 * step, 5.0 + 100 * step, 47.0), abs=1e-12)
    place = pd.DataFrame({"lon": [5.0], "lat": [47.0]})
    east, north = grid.centre_offset_m(5.0, 47.0)
    assert offsets_m(place, ground)[0] == pytest.approx(np.hypot(east, north), rel=1e-9)


def test_ids_are_unique_though_names_read_alike():
    images = pd.DataFrame(
        {"site_id": ["a_b", "a", "c"], "season": ["c", "b_c", "d"], "shard": [0, 0, 1], "row": [0, 1, 0]}
    )
    assert item_ids(images).tolist() == ["a_b_c_0_0", "a_b_c_0_1", "c_d"]


def test_cloud_that_is_not_known_is_left_out(tmp_path):
    grid = grid_for_site(5.0, 47.0, 26, (10,))
    rows = table([grid] * 3).assign(
        site_id=["s0", "s1", "s2"], season="q1", shard=0, row=[0, 1, 2], file="patches/d/0000.h5", scene_id="x",
        time=pd.to_datetime(["2020-03-01T10:00:00Z"] * 3), orbit=None, valid_fraction=1.0, checksum="0" * 32,
    )  # fmt: skip
    ground, collection = footprints(rows, 26), {"id": "d", "type": "Collection"}
    path = tmp_path / "results" / "t" / "datasets" / "d" / "items.parquet"
    write_items(path, rows.assign(cloud=[1.0, None, 3.0]), ground, collection, size_px=26, gsd=10)
    read, _ = read_items(path)
    assert [i.properties.get("eo:cloud_cover") for i in read] == [1.0, None, 3.0]
    assert "eo:cloud_cover" not in read[1].properties
    write_items(path, rows.assign(cloud=None, orbit="ascending"), ground, collection, size_px=26, gsd=10)
    names = pq.read_schema(path).names
    assert "eo:cloud_cover" not in names and "sat:orbit_state" in names
    assert all("/eo/" not in url for url in pq.read_table(path)["stac_extensions"][0].as_py())
