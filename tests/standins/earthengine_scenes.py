"""Small made scenes for the Earth Engine stand-in: one tile of random pixels, its products and its calendar."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from greenup.grids import PatchGrid, grid_for_site
from pyproj import Transformer
from shapely.geometry import Polygon, box

from tests.standins.earthengine_images import Scene

L2A, L1C, S1 = "COPERNICUS/S2_SR_HARMONIZED", "COPERNICUS/S2_HARMONIZED", "COPERNICUS/S1_GRD"
SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
SIDE = 240  # 10 m pixels of the scenes
WEST, NORTH, EPSG = 600_000, 5_300_040, 32632
GRID = PatchGrid(EPSG, WEST + 600, NORTH - 600, 66)
SIZES = {"B1": 60, "B2": 10, "B4": 10, "B5": 20, "B8": 10, "SCL": 20, "MSK_CLDPRB": 20, "QA60": 60}


def footprint(epsg: int = EPSG, west: float = WEST, side_m: float = SIDE * 10, north: float = NORTH) -> Polygon:
    corners = box(west, north - side_m, west + side_m, north).exterior.coords
    return Polygon([Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y) for x, y in corners])


def scene(time: str, cloud: float | None = 5.0, tile: str = "T32UPU", **changes: object) -> Scene:
    """A Sentinel-2 scene; 200 pixels of B4 are masked, one of B2 is dark."""
    rng = np.random.default_rng(int(time.replace("-", "")))
    highest = {"SCL": 12, "MSK_CLDPRB": 101, "QA60": 2}
    bands = {b: (rng.integers(0, highest.get(b, 9000), (SIDE * 10 // m,) * 2), m) for b, m in SIZES.items()}
    bands["B2"][0][3, 4] = 0
    mask = {"B4": np.ones((SIDE, SIDE), bool)}
    mask["B4"][100:110, 100:120] = False
    values = {
        "index": f"{time.replace('-', '')}T102030_{tile}",
        "time": datetime.fromisoformat(f"{time}T10:20:30"),
        "cloud": cloud,
        "footprint": footprint(),
        "epsg": EPSG,
        "west": WEST,
        "north": NORTH,
        "bands": bands,
        "mask": mask,
    }
    return Scene(**{**values, **changes})


def radar(time: str, direction: str = "ASCENDING", mode: str = "IW", polarisations: tuple = ("VV", "VH")) -> Scene:
    """A Sentinel-1 scene in dB."""
    rng = np.random.default_rng(int(time.replace("-", "")))
    bands = {name: (rng.uniform(-35, 5, (SIDE, SIDE)), 10) for name in polarisations}
    mask = {"VV": np.ones((SIDE, SIDE), bool)} if "VV" in polarisations else {}
    if mask:
        mask["VV"][100:110, 100:120] = False
    more = {
        "orbitProperties_pass": direction,
        "instrumentMode": mode,
        "transmitterReceiverPolarisation": list(polarisations),
        "resolution_meters": 10,
    }
    index = f"S1A_{mode}_GRDH_1SDV_{time.replace('-', '')}T170000_0001"
    when = datetime.fromisoformat(f"{time}T17:00:00")
    return Scene(index, when, None, footprint(), EPSG, WEST, NORTH, bands, mask, more)


def sites(count: int) -> tuple[pd.DataFrame, list[PatchGrid]]:
    x = np.linspace(WEST + 900, WEST + 1500, count)
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, np.full(count, NORTH - 1200.0))
    table = pd.DataFrame({"site_id": [f"s{i}" for i in range(count)], "lon": lon, "lat": lat})
    return table, [grid_for_site(a, b, 48, (10, 20, 60)) for a, b in zip(lon, lat, strict=True)]


def seasons(table: pd.DataFrame, *windows: tuple[str, str, str]) -> pd.DataFrame:
    rows = [
        (i, n, 2020, pd.Timestamp(a), pd.Timestamp(a), pd.Timestamp(b)) for i in table.site_id for n, a, b in windows
    ]
    return pd.DataFrame(rows, columns=["site_id", "season", "year", "first", "middle", "last"])


def window(scene: Scene, band: str, grid: PatchGrid, native_m: int) -> np.ndarray:
    """The scene's own pixels on an aligned grid, by plain slicing."""
    row, column = int((scene.north - grid.north) // native_m), int((grid.west - scene.west) // native_m)
    n = grid.shape(native_m)
    return scene.bands[band][0][row : row + n, column : column + n]
