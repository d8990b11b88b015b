"""Maps in equal-area projections: density on a page means density on the Earth. Nothing is downloaded.

The coast is the half-land line of the packaged 1 km land mask, averaged to the size of a printed dot. The world is
drawn in Equal Earth (Savric, Patterson and Jenny 2019; EPSG:8857), everything else in Lambert's azimuthal equal-area
projection: a cap around a pole (as EPSG:6931 and 6932 do), or a region around its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from contourpy import FillType, contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from greenup.paper.style import FAINT, GREY, LAND, OCEAN
from greenup.sites.packaged import is_land

WORLD = (-180.0, -90.0, 180.0, 90.0)
"""West, south, east, north (degrees)."""

COAST = "#B5B2AB"
_CAP = 50.0  # degrees of latitude: points all beyond it, on most meridians, are shown around their pole


@dataclass(frozen=True)
class MapFrame:
    """A region (west, south, east, north in degrees) and the projection it is drawn in (a CRS text).

    East is above 180 where the region lies across the 180th meridian. A region of 360 degrees that is not the world
    is the cap around a pole.
    """

    region: tuple[float, float, float, float]
    crs: str

    @property
    def is_world(self) -> bool:
        return self.region == WORLD

    @property
    def is_cap(self) -> bool:
        return not self.is_world and self.region[2] - self.region[0] >= 360

    def project(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Degrees to metres east and north of the projection's origin."""
        return _transformer(self.crs).transform(np.asarray(lon, float), np.asarray(lat, float))

    def border(self) -> np.ndarray:
        """The region's outline, (n, 2) in metres: its edges are curves in the projection."""
        west, south, east, north = self.region
        t = np.linspace(0, 1, 181)
        along, up = west + (east - west) * t, south + (north - south) * t
        if self.is_cap:
            return np.column_stack(self.project(along, np.full(181, south if north == 90 else north)))
        lon = np.concatenate([along, np.full(181, east), along[::-1], np.full(181, west)])
        lat = np.concatenate([np.full(181, south), up, np.full(181, north), up[::-1]])
        return np.column_stack(self.project(lon, lat))


@lru_cache(maxsize=32)
def _transformer(crs: str, *, inverse: bool = False) -> Transformer:
    return (
        Transformer.from_crs(crs, 4326, always_xy=True) if inverse else Transformer.from_crs(4326, crs, always_xy=True)
    )


WORLD_FRAME = MapFrame(WORLD, "EPSG:8857")


def frame_of(lon: np.ndarray, lat: np.ndarray, *, largest: float = 75.0) -> MapFrame:
    """The frame that shows points (degrees) best: a cap, a region with a margin, or the world.

    Points all beyond 50 degrees of one hemisphere and spread over more than ``largest`` degrees of longitude get the
    cap around their pole; points that span at most ``largest`` degrees both ways get their region, across the 180th
    meridian where that is the shorter way; all others the world.
    """
    west, width = _shortest_arc(np.asarray(lon, float))
    south, north = float(np.min(lat)), float(np.max(lat))
    if width > largest and (south >= _CAP or north <= -_CAP):
        if south >= _CAP:
            return MapFrame((-180.0, max(np.floor(south) - 2.0, 45.0), 180.0, 90.0), _laea(0.0, 90.0))
        return MapFrame((-180.0, -90.0, 180.0, min(np.ceil(north) + 2.0, -45.0)), _laea(0.0, -90.0))
    if max(width, north - south) > largest:
        return WORLD_FRAME
    margin = float(np.clip(0.35 * max(width, north - south), 1.5, 4.0))
    # A degree of longitude shrinks with latitude: margins should look alike, and a map be no taller than wide.
    shrink = max(np.cos(np.radians((south + north) / 2)), 0.2)
    half_height = (north - south) / 2 + margin
    half_width = min(max(width / 2 + margin / shrink, 1.05 * half_height / shrink), 85.0)
    lon0, lat0 = west + width / 2, (south + north) / 2
    lower, upper = max(lat0 - half_height, -89.0), min(lat0 + half_height, 89.0)
    region = (lon0 - half_width, lower, lon0 + half_width, upper)
    return MapFrame(tuple(map(float, region)), _laea(lon0, (lower + upper) / 2))


def _laea(lon: float, lat: float) -> str:
    return f"+proj=laea +lon_0={lon:.4f} +lat_0={lat:.4f} +datum=WGS84"


def _shortest_arc(lon: np.ndarray) -> tuple[float, float]:
    """West end (degrees) and width of the shortest run of meridians that holds all longitudes."""
    around = np.unique(lon % 360.0)
    gaps = np.diff(np.append(around, around[0] + 360.0))
    # The widest gap without points is what the run leaves out.
    west = around[(int(gaps.argmax()) + 1) % len(around)]
    return float((west + 180.0) % 360.0 - 180.0), float(360.0 - gaps.max())


@lru_cache(maxsize=16)
def land_paths(frame: MapFrame) -> tuple[Path, ...]:
    """Land of a frame as filled paths (with holes for inland seas) in projected metres.

    Paths of a region or cap fill the box around it: draw them clipped to its border.
    """
    return _world_paths(frame) if frame.is_world else _region_paths(frame)


def _world_paths(frame: MapFrame) -> tuple[Path, ...]:
    """Land found in degrees, then projected: so that the map is cut where it begins and ends, at 180 degrees."""
    west, south, east, north = frame.region
    across, down = 720, 360
    # Every cell is the mean of 4 x 4 samples of the mask.
    lon = west + (east - west) * (np.arange(4 * across) + 0.5) / (4 * across)
    lat = south + (north - south) * (np.arange(4 * down) + 0.5) / (4 * down)
    share = _averaged(np.asarray(is_land(*np.meshgrid(lon, lat))), 4, ("nearest", "wrap"))
    x = np.concatenate([[west], lon.reshape(across, 4).mean(axis=1), [east]])
    y = np.concatenate([[south], lat.reshape(down, 4).mean(axis=1), [north]])
    return tuple(Path(np.column_stack(frame.project(p[:, 0], p[:, 1])), c) for p, c in _outlines(x, y, share))


def _region_paths(frame: MapFrame) -> tuple[Path, ...]:
    """Land found in the projection itself: meridians and the pole leave no seam."""
    border = frame.border()
    low, high = border.min(axis=0), border.max(axis=0)
    across, fine = 300, 3
    down = max(2, round(across * float(high[1] - low[1]) / float(high[0] - low[0])))
    x = low[0] + (high[0] - low[0]) * (np.arange(fine * across) + 0.5) / (fine * across)
    y = low[1] + (high[1] - low[1]) * (np.arange(fine * down) + 0.5) / (fine * down)
    lon, lat = _transformer(frame.crs, inverse=True).transform(*np.meshgrid(x, y))
    on_map = np.isfinite(lon) & np.isfinite(lat)
    land = np.zeros(lon.shape, dtype=bool)
    land[on_map] = is_land((lon[on_map] + 180.0) % 360.0 - 180.0, lat[on_map])
    share = _averaged(land, fine, "nearest")
    x = np.concatenate([[low[0]], x.reshape(across, fine).mean(axis=1), [high[0]]])
    y = np.concatenate([[low[1]], y.reshape(down, fine).mean(axis=1), [high[1]]])
    return tuple(Path(p, c) for p, c in _outlines(x, y, share))


def _averaged(land: np.ndarray, fine: int, mode: str | tuple[str, str]) -> np.ndarray:
    """Share of land of cells of fine x fine samples, slightly smoothed, with one more row and column on every side."""
    rows, cols = land.shape[0] // fine, land.shape[1] // fine
    share = land.reshape(rows, fine, cols, fine).mean(axis=(1, 3), dtype=np.float32)
    # The further rows and columns make land end exactly at the edge.
    return np.pad(gaussian_filter(share, 0.6, mode=mode), 1, mode="edge")


def _outlines(x: np.ndarray, y: np.ndarray, share: np.ndarray):
    """Pairs (points, path codes) around the cells with more land than water."""
    points, codes = contour_generator(x, y, share, fill_type=FillType.OuterCode).filled(0.5, 2.0)
    return zip(points, codes, strict=True)


def draw_base(axes: Axes, frame: MapFrame = WORLD_FRAME, *, graticule: bool = True) -> Polygon:
    """Land, outline and graticule; the axes get equal scales and no ticks. Returns the outline, to clip others to."""
    border = frame.border()
    outline = axes.add_patch(Polygon(border, closed=True, facecolor=OCEAN, edgecolor=GREY, linewidth=0.5, zorder=0))
    if graticule:
        _draw_graticule(axes, frame)
    for path in land_paths(frame):
        patch = axes.add_patch(PathPatch(path, facecolor=LAND, edgecolor=COAST, linewidth=0.25, zorder=1))
        patch.set_clip_path(outline)
    axes.set_aspect("equal")
    axes.axis("off")
    low, high = border.min(axis=0), border.max(axis=0)
    pad = 0.01 * (high - low)
    axes.set_xlim(low[0] - pad[0], high[0] + pad[0])
    axes.set_ylim(low[1] - pad[1], high[1] + pad[1])
    return outline


def draw_coast(axes: Axes, frame: MapFrame, outline: Polygon, colour: str = "#4A4A4A") -> None:
    """The coastline alone, above what covers the land."""
    for path in land_paths(frame):
        patch = axes.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, linewidth=0.2, zorder=3))
        patch.set_clip_path(outline)


def _draw_graticule(axes: Axes, frame: MapFrame) -> None:
    """Meridians and parallels; on a region they lie above the land and carry their degrees."""
    west, south, east, north = frame.region
    step = _nice_step(max(east - west, north - south) if not frame.is_cap else 4 * (north - south))
    step_lon, step_lat = (30.0, 30.0) if frame.is_world else (45.0, step) if frame.is_cap else (step, step)
    line = {
        "color": FAINT if frame.is_world else "#BDBAB3",
        "linewidth": 0.35,
        "zorder": 0.5 if frame.is_world else 1.5,
    }
    label = {"fontsize": 6, "color": GREY, "textcoords": "offset points", "annotation_clip": False}
    for lon in np.arange(np.floor(west / step_lon) + 1, np.ceil(east / step_lon) + frame.is_cap) * step_lon:
        x, y = frame.project(np.full(91, lon), np.linspace(south, north, 91))
        axes.plot(x, y, **line)
        text = degrees((lon + 180) % 360 - 180, "EW", step_lon)
        if frame.is_cap:
            rim = np.array([x[0], y[0]] if north == 90 else [x[-1], y[-1]])
            side = rim / np.hypot(*rim)
            where = {"ha": _side(side[0], "right", "left"), "va": _side(side[1], "top", "bottom")}
            axes.annotate(text, rim, xytext=3 * side, **where, **label)
        elif not frame.is_world:
            axes.annotate(text, (x[0], y[0]), xytext=(0, -3), ha="center", va="top", **label)
    for lat in np.arange(np.floor(south / step_lat) + 1, np.ceil(north / step_lat)) * step_lat:
        x, y = frame.project(np.linspace(west, east, 181), np.full(181, lat))
        axes.plot(x, y, **line)
        text = degrees(lat, "NS", step_lat)
        if frame.is_cap:
            at = np.ravel(frame.project([22.5], [lat]))
            axes.annotate(text, at, xytext=(0, 0), ha="center", va="center", zorder=1.6, **{**label, "fontsize": 5.5})
        elif not frame.is_world:
            axes.annotate(text, (x[0], y[0]), xytext=(-3, 0), ha="right", va="center", **label)


def _side(value: float, negative: str, positive: str) -> str:
    """Alignment of a label that stands off its anchor into this direction."""
    return "center" if abs(value) < 0.3 else positive if value > 0 else negative


def degrees(value: float, letters: str, step: float = 0.1) -> str:
    """A longitude (letters EW) or latitude (NS) as text, with the decimals that ``step`` needs: 12.5° W."""
    if abs(value) == 180:
        return "180°"
    places = 0 if step % 1 == 0 else 1 if (step * 10) % 1 == 0 else 2
    return f"{abs(value):.{places}f}° {letters[0] if value >= 0 else letters[1]}"


def _nice_step(span: float) -> float:
    """Degrees between lines of a graticule with about four lines in a span."""
    steps = np.array([0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20])
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
    axes: Axes, frame: MapFrame, lon: np.ndarray, lat: np.ndarray, cmap: Colormap, *, across: int = 90
) -> PolyCollection:
    """Hexagons with at least one site, coloured by sites per 10 000 km2 (the array of the returned collection)."""
    arguments, area = hexagons(frame, lon, lat, across)
    drawn = axes.hexbin(**arguments, mincnt=1, cmap=cmap, linewidths=0.05, edgecolors="face", zorder=2)
    drawn.set_array(drawn.get_array() * (1e4 / area))
    return drawn
