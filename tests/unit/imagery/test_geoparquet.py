"""The stac-geoparquet index: written by another implementation where it is installed, and by hand."""

import json
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pystac
import pytest
import shapely
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.geoparquet import read_items
from pyproj import Transformer
from shapely.geometry import shape

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, catalogue, item, square, tif
from tests.standins.rustac import binary

GRID = PatchGrid(EPSG, WEST + 160, NORTH - 160, 64)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A catalogue of items that differ in assets and properties."""
    folder = tmp_path_factory.mktemp("index")
    values = np.random.default_rng(0).integers(1001, 9000, (2, SIDE, SIDE)).astype(np.uint16)
    file = tif(folder / "two.tif", values, square(10))
    scl = tif(folder / "scl.tif", np.full((1, 48, 48), 8, np.uint8), square(20))
    fields = {"raster:bands": [{"offset": 0.0, "scale": 1e-4}, {"offset": -0.1, "scale": 1e-4}]}
    items = [
        item("a", "2020-05-01T10:00:00.123Z", {"both": asset(file, ["B02", "B03"], **fields), "SCL": asset(scl)}),
        item("b", "2020-05-02T10:00:00Z", {"B02": asset(file)}, **CORRECTED, **{"eo:cloud_cover": 12.5}),
        item("c", "2020-05-03T10:00:00Z", {"B02": asset(file)}, **{"s2:processing_baseline": "05.09"}),
    ]
    return catalogue(folder / "cat", [i.clone() for i in items]), items


def rows_of(items: list[pystac.Item]) -> list[dict]:
    """Rows by hand, as the specification says."""
    rows = []
    for one in (i.to_dict(include_self_link=False, transform_hrefs=False) for i in items):
        row = {k: one[k] for k in ("id", "stac_version", "stac_extensions", "links", "collection")}
        row["bbox"] = dict(zip(("xmin", "ymin", "xmax", "ymax"), one["bbox"], strict=True))
        row["geometry"] = shapely.to_wkb(shape(one["geometry"]))
        row["assets"] = one["assets"]
        row |= one["properties"] | {"datetime": pd.Timestamp(one["properties"]["datetime"]).to_pydatetime()}
        rows.append(row)
    return rows


def by_hand(folder, items, **metadata):
    table = pa.Table.from_pylist(_uniform(rows_of(items)))
    path = folder / "index.parquet"
    parquet.write_table(table.replace_schema_metadata({"geo": '{"version": "1.1.0"}', **metadata}), path)
    return path


def _uniform(rows: list[dict]) -> list[dict]:
    """Columns of all rows in each: pyarrow takes them from the first."""
    return [{k: row.get(k) for k in dict.fromkeys(k for r in rows for k in r)} for row in rows]


def by_rustac(folder, items):
    if binary() is None:
        pytest.skip("no rustac: pip install rustac to read what another implementation writes")
    source, path = folder / "items.json", folder / "index.parquet"
    features = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in items]
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    subprocess.run([binary(), "translate", source, path], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("write", [by_hand, by_rustac])
def test_an_index_is_the_catalogue_of_the_same_items(made, tmp_path, write):
    folder, items = made
    index, tree = ArchiveSource(write(tmp_path, items)), ArchiveSource(folder)
    assert index._scenes == tree._scenes
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(WEST + 480, NORTH - 480)
    sites = pd.DataFrame({"site_id": ["x"], "lon": [lon], "lat": [lat]})
    days = [pd.Timestamp(d) for d in ("2020-05-01", "2020-05-01", "2020-05-30")]
    intervals = pd.DataFrame([("x", "s", 2020, *days)])
    intervals.columns = ["site_id", "season", "year", "first", "middle", "last"]
    found = index.search(sites, intervals, [GRID])
    pd.testing.assert_frame_equal(found, tree.search(sites, intervals, [GRID]))
    assert found.cloud_of.tolist() == ["patch", "tile", "tile"]
    for scene in "abc":
        np.testing.assert_array_equal(
            index.read(scene, GRID, ("B2",)).values[10], tree.read(scene, GRID, ("B2",)).values[10]
        )


def test_relative_links_count_from_the_file_and_others_stay(made, tmp_path):
    one = item("a", "2020-01-01T00:00:00Z", {"B02": asset("tiles/b.tif"), "B03": asset("s3://bucket/c.tif")})
    (read,), _ = read_items(by_hand(tmp_path, [one]))
    assert read.assets["B02"].href == str(tmp_path / "tiles/b.tif")
    assert read.assets["B03"].href == "s3://bucket/c.tif"


def test_attribution_is_the_collections(made, tmp_path):
    collection = json.dumps({"type": "Collection", "id": "c", "attribution": "Own photos"})
    path = by_hand(tmp_path, made[1], **{"stac:collection": collection})
    assert ArchiveSource(path).attribution == "Own photos"
    path = by_hand(tmp_path, made[1], **{"stac-geoparquet": json.dumps({"collections": {"c": json.loads(collection)}})})
    assert ArchiveSource(path).attribution == "Own photos"
    assert ArchiveSource(by_hand(tmp_path, made[1])).attribution.endswith("Sentinel data 2020")


def test_files_that_are_no_index_are_refused_with_the_mend(made, tmp_path):
    path = tmp_path / "index.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        ArchiveSource(path)
    whole = by_hand(tmp_path, made[1])
    table = parquet.read_table(whole)
    for column in ("id", "geometry", "assets", "datetime"):
        parquet.write_table(table.drop_columns([column]), path)
        with pytest.raises(UserError, match=f"no column {column}"):
            ArchiveSource(path)
    crs = {"columns": {"geometry": {"crs": {"id": {"authority": "EPSG", "code": 3857}}}}}
    with pytest.raises(UserError, match="EPSG:3857"):
        ArchiveSource(by_hand(tmp_path, made[1], geo=json.dumps(crs)))
    with pytest.raises(UserError, match=r"index\.parquet: the catalogue has no items"):
        parquet.write_table(table.slice(0, 0), path)
        ArchiveSource(path)


def test_silent_items_of_an_index_are_refused_until_the_user_says(made, tmp_path):
    silent = [item("quiet", "2020-01-01T00:00:00Z", {"B02": asset(made[0].parent / "two.tif")})]
    path = by_hand(tmp_path, silent)
    with pytest.raises(UserError, match=r"index\.parquet: item quiet, asset B02"):
        ArchiveSource(path)
    plain, less = (ArchiveSource(path, offset=o).read("quiet", GRID, ("B2",)) for o in ("none", "subtract_1000"))
    np.testing.assert_array_equal(plain.values[10] - 1000, less.values[10])
