"""The same GeoTIFFs through Earth Engine's client and from disk give the same pixels, bit for bit."""

from datetime import datetime

import numpy as np
import pytest
from greenup.grids import PatchGrid
from greenup.imagery.archive import ArchiveSource
from shapely.geometry import shape

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, catalogue, item, outline, square, tif

pytest.importorskip("ee")
earthengine = pytest.importorskip("greenup.imagery.earthengine")
from tests.standins.earthengine import EarthEngineStandIn  # noqa: E402
from tests.standins.earthengine_images import scene_of_files  # noqa: E402
from tests.standins.earthengine_scenes import L2A  # noqa: E402

BANDS = {"B2": 10, "B4": 10, "B8": 10, "B5": 20, "B8A": 20, "B12": 20, "B1": 60, "B9": 60, "SCL": 20}
IDS = ("20200331T102030_20200331T102031_T31UDS", "20200630T102030_20200630T102031_T31UDS")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """scene id -> band -> GeoTIFF of random values with holes, each band its own."""
    where, out = tmp_path_factory.mktemp("tiles"), {}
    for number, scene_id in enumerate(IDS):
        rng, out[scene_id] = np.random.default_rng(number), {}
        for band, m in BANDS.items():
            side = SIDE * 10 // m
            values = rng.integers(1, 12 if band == "SCL" else 15_000, (1, side, side))
            values[:, rng.random((side, side)) < 0.05] = 0
            kind = np.uint8 if band == "SCL" else np.uint16
            out[scene_id][band] = tif(where / scene_id / f"{band}.tif", values.astype(kind), square(m))
    return where, out


@pytest.fixture
def sources(files, monkeypatch):
    where, by_scene = files
    items = [
        item(scene_id, "2020-03-31T10:20:30Z", {b: asset(p, [b]) for b, p in bands.items()}, **CORRECTED)
        for scene_id, bands in by_scene.items()
    ]
    scenes = [
        scene_of_files(scene_id, datetime(2020, 3, 31), shape(outline()), bands) for scene_id, bands in by_scene.items()
    ]
    with EarthEngineStandIn(L2A, scenes) as server:
        monkeypatch.setenv("GREENUP_EE_URL", server.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        yield ArchiveSource(catalogue(where, items)), earthengine.EarthEngineSource("s2_l2a", requests=2)


@pytest.mark.parametrize(
    ("east", "south", "size"),
    [(0, 0, 96), (120, 240, 48), (180, 60, 50), (-120, -60, 60), (600, 540, 64)],
    ids=["whole", "inside", "no multiple of the coarse pixels", "beyond the corner", "beyond the end"],
)
@pytest.mark.parametrize("bands", [tuple(BANDS), ("B9", "B2"), ("B5", "SCL"), ("B8",)], ids=len)
def test_pixels_are_bit_equal_to_the_archives(sources, east, south, size, bands):
    archive, engine = sources
    grid = PatchGrid(EPSG, WEST + east, NORTH - south, size)
    for scene_id, ours in zip(IDS, engine.read_many(IDS, grid, bands), strict=True):
        theirs = archive.read(scene_id, grid, bands)
        assert ours.values.keys() == theirs.values.keys()
        for m in ours.values:
            np.testing.assert_array_equal(ours.valid[m], theirs.valid[m])
            np.testing.assert_array_equal(ours.values[m], theirs.values[m])
            assert ours.values[m].dtype == theirs.values[m].dtype == np.uint16
    assert (ours.values[min(ours.values)] > 0).any()
