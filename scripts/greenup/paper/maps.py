"""Maps in equal-area projections: density on a page means density on the Earth. Nothing is downloaded.

The coast is the half-land line of the packaged 1 km land mask, averaged to the size of a printed dot. The world is
drawn in Equal Earth (Savric, Patterson and Jenny 2019; EPSG:8857), a region in Lambert's azimuthal equal-area
projection around its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from contourpy import FillType, contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from greenup.paper.style import FAINT, GREY, LAND, OCEAN
from greenup.sites.packaged import is_land

WORLD = (-180.0, -90.0, 180.0, 90.0)
"""West, south, east, north (degrees)."""


@dataclass(frozen=True)
class MapFrame:
    """A region (west, south, east, north in degrees) and the projection it is drawn in (a CRS text)."""

    region: tuple[float, float, float, float]
    crs: str

    def project(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Degrees to metres east and north of the projection's origin."""
        return _transformer(self.crs).transform(np.asarray(lon, float), np.asarray(lat, float))

    def border(self) -> np.ndarray:
        """The region's outline, (n, 2) in metres: its four edges are curves in the projection."""
        west, south, east, north = self.region
        t = np.linspace(0, 1, 181)
        along, up = west + (east - west) * t, south + (north - south) * t
        lon = np.concatenate([along, np.full(181, east), along[::-1], np.full(181, west)])
        lat = np.concatenate([np.full(181, south), up, np.full(181, north), up[::-1]])
        return np.column_stack(self.project(lon, lat))


@lru_cache(maxsize=16)
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(4326, crs, always_xy=True)


WORLD_FRAME = MapFrame(WORLD, "EPSG:8857")


def frame_of(lon: np.ndarray, lat: np.ndarray, *, largest: float = 40.0) -> MapFrame:
    """The world, or the region of the points with a margin when they span at most ``largest`` degrees both ways.

    Points on both sides of the 180th meridian are shown on the world.
    """
    west, east, south, north = np.min(lon), np.max(lon), np.min(lat), np.max(lat)
    if max(east - west, north - south) > largest:
        return WORLD_FRAME
    margin = max(0.35 * max(east - west, north - south), 1.5)
    # A degree of longitude shrinks with latitude: margins should look alike, and a map be no taller than wide.
    shrink = max(np.cos(np.radians((south + north) / 2)), 0.2)
    half_height = (north - south) / 2 + margin
    half_width = max((east - west) / 2 + margin / shrink, 1.3 * half_height / shrink)
    lon0, lat0 = (west + east) / 2, (south + north) / 2
    region = (
        max(lon0 - half_width, -180),
        max(lat0 - half_height, -89),
        min(lon0 + half_width, 180),
        min(lat0 + half_height, 89),
    )
    middle_lon, middle_lat = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    crs = f"+proj=laea +lon_0={middle_lon:.4f} +lat_0={middle_lat:.4f} +datum=WGS84"
    return MapFrame(tuple(map(float, region)), crs)


@lru_cache(maxsize=16)
def land_paths(frame: MapFrame) -> tuple[Path, ...]:
    """Land of a region as filled paths (with holes for inland seas) in projected metres."""
    west, south, east, north = frame.region
    across = 720 if frame.region == WORLD else 360
    down = max(2, round(across * (north - south) / (east - west)))
    # Every cell is the mean of 4 x 4 samples of the mask.
    lon = west + (east - west) * (np.arange(4 * across) + 0.5) / (4 * across)
    lat = south + (north - south) * (np.arange(4 * down) + 0.5) / (4 * down)
    sampled = np.asarray(is_land(*np.meshgrid(lon, lat)), dtype=np.float32)
    share = sampled.reshape(down, 4, across, 4).mean(axis=(1, 3))
    share = gaussian_filter(share, 0.6, mode=("nearest", "wrap" if frame.region == WORLD else "nearest"))
    # One more row and column on every side, so that land is cut exactly at the region's edge.
    share = np.pad(share, 1, mode="edge")
    x = np.concatenate([[west], lon.reshape(across, 4).mean(axis=1), [east]])
    y = np.concatenate([[south], lat.reshape(down, 4).mean(axis=1), [north]])
    points, codes = contour_generator(x, y, share, fill_type=FillType.OuterCode).filled(0.5, 2.0)
    return tuple(Path(np.column_stack(frame.project(p[:, 0], p[:, 1])), c) for p, c in zip(points, codes, strict=True))


def draw_base(axes: Axes, frame: MapFrame = WORLD_FRAME, *, graticule: bool = True) -> None:
    """Land, outline and graticule; the axes get equal scales and no ticks."""
    border = frame.border()
    outline = axes.add_patch(Polygon(border, closed=True, facecolor=OCEAN, edgecolor=GREY, linewidth=0.5, zorder=0))
    if graticule:
        _draw_graticule(axes, frame)
    for path in land_paths(frame):
        patch = axes.add_patch(PathPatch(path, facecolor=LAND, edgecolor="#B5B2AB", linewidth=0.25, zorder=1))
        patch.set_clip_path(outline)
    axes.set_aspect("equal")
    axes.axis("off")
    low, high = border.min(axis=0), border.max(axis=0)
    pad = 0.01 * (high - low)
    axes.set_xlim(low[0] - pad[0], high[0] + pad[0])
    axes.set_ylim(low[1] - pad[1], high[1] + pad[1])


def _draw_graticule(axes: Axes, frame: MapFrame) -> None:
    """Meridians and parallels; on a region they lie above the land and carry their degrees."""
    west, south, east, north = frame.region
    is_world = frame.region == WORLD
    step = 30.0 if is_world else _nice_step(max(east - west, north - south))
    line = {"color": FAINT if is_world else "#BDBAB3", "linewidth": 0.35, "zorder": 0.5 if is_world else 1.5}
    label = {"fontsize": 6, "color": GREY, "textcoords": "offset points", "annotation_clip": False}
    for lon in np.arange(np.floor(west / step) + 1, np.ceil(east / step)) * step:
        x, y = frame.project(np.full(91, lon), np.linspace(south, north, 91))
        axes.plot(x, y, **line)
        if not is_world:
            axes.annotate(degrees(lon, "EW", step), (x[0], y[0]), xytext=(0, -3), ha="center", va="top", **label)
    for lat in np.arange(np.floor(south / step) + 1, np.ceil(north / step)) * step:
        x, y = frame.project(np.linspace(west, east, 181), np.full(181, lat))
        axes.plot(x, y, **line)
        if not is_world:
            axes.annotate(degrees(lat, "NS", step), (x[0], y[0]), xytext=(-3, 0), ha="right", va="center", **label)


def degrees(value: float, letters: str, step: float = 0.1) -> str:
    """A longitude (letters EW) or latitude (NS) as text, with the decimals that ``step`` needs: 12.5° W."""
    places = 0 if step % 1 == 0 else 1 if (step * 10) % 1 == 0 else 2
    return f"{abs(value):.{places}f}° {letters[0] if value >= 0 else letters[1]}"


def _nice_step(span: float) -> float:
    """Degrees between lines of a graticule with about four lines in a span."""
    steps = np.array([0.1, 0.25, 0.5, 1, 2, 5, 10, 15])
    return float(steps[np.argmin(np.abs(span / steps - 4))])


def hexagons(frame: MapFrame, lon: np.ndarray, lat: np.ndarray, across: int = 90) -> tuple[dict, float]:
    """Arguments of ``Axes.hexbin`` for a frame, and the area of a hexagon (km2). All hexagons of one frame agree."""
    border = frame.border()
    low, high = border.min(axis=0), border.max(axis=0)
    width, height = high - low
    # Matplotlib lays two lattices of nx x ny over the extent: a hexagon has half the area of a lattice cell. Regular
    # hexagons want ny = nx * height / (width * sqrt(3)).
    down = max(1, round(across * height / (width * np.sqrt(3))))
    x, y = frame.project(lon, lat)
    arguments = {
        "x": x,
        "y": y,
        "gridsize": (across, down),
        "extent": (low[0], high[0], low[1], high[1]),
    }
    return arguments, float(width / across * height / down / 2 / 1e6)


def draw_density(
    axes: Axes, frame: MapFrame, lon: np.ndarray, lat: np.ndarray, norm: Normalize, cmap: Colormap
) -> PolyCollection:
    """Sites per 10 000 km2 in hexagons; returns the collection for a colour bar."""
    arguments, area = hexagons(frame, lon, lat)
    return axes.hexbin(
        **arguments,
        C=np.full(len(lon), 1e4 / area),
        reduce_C_function=np.sum,
        norm=norm,
        cmap=cmap,
        linewidths=0.05,
        edgecolors="face",
        zorder=2,
    )
