"""Many sites on a map: their density in hexagons, as fine as the sites allow, with its logarithmic colour scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure

from greenup.paper import maps

MANY = 3_000
"""From so many sites on, a map shows their density instead of each site."""

_ACROSS = 160  # hexagons across a map, fewer where they would hold fewer than _SITES sites on average
_SITES = 8


def density_colours() -> Colormap:
    """From pale to dark blue; the palest still stands out from the land."""
    return LinearSegmentedColormap.from_list("density", matplotlib.colormaps["YlGnBu"](np.linspace(0.25, 1, 256)))


def hexagons_across(frame: maps.MapFrame, places: Iterable[tuple[np.ndarray, np.ndarray]]) -> int:
    """As many hexagons as the thinnest of several samplings (lon, lat in degrees) fills well.

    Fewer sites in each would show chance, not density.
    """
    fewest = np.inf
    for lon, lat in places:
        arguments, _ = maps.hexagons(frame, lon, lat, _ACROSS)
        counts = Figure().add_subplot().hexbin(**arguments, mincnt=1).get_array()
        fewest = min(fewest, float(counts.mean()))
    return round(_ACROSS * min(1.0, (fewest / _SITES) ** 0.5))


def share_scale(figure: Figure, strip: Sequence[float], drawn: Sequence[Collection]) -> None:
    """One logarithmic colour scale for several maps, from one site a hexagon to the fullest hexagon, and its bar.

    ``strip``: where the bar stands (left, bottom, width, height as fractions of the figure).
    """
    values = [d.get_array() for d in drawn]
    lowest = min(float(v.min()) for v in values if len(v))
    norm = LogNorm(lowest, max(max(float(v.max()) for v in values if len(v)), 2 * lowest))
    for each in drawn:
        each.set_norm(norm)
    bar = figure.colorbar(drawn[0], cax=figure.add_axes(strip), orientation="horizontal")
    bar.set_label("sites per 10 000 km²", labelpad=1)
    bar.outline.set_linewidth(0.4)
    # 1, 2 and 5 of every decade: often the scale spans less than two, and minor labels would overlap.
    decades = 10.0 ** np.arange(np.floor(np.log10(norm.vmin)), np.ceil(np.log10(norm.vmax)))
    steps = (1, 2, 5) if len(decades) <= 3 else (1,)
    ticks = [d * s for d in decades for s in steps if norm.vmin <= d * s <= norm.vmax]
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.ax.minorticks_off()


def draw_density_map(axes: Axes, frame: maps.MapFrame, lon: np.ndarray, lat: np.ndarray, across: int) -> Collection:
    """A base map under hexagons of sites per 10 000 km², which are returned for a common scale."""
    outline = maps.draw_base(axes, frame)
    drawn = maps.draw_density(axes, frame, lon, lat, density_colours(), across=across)
    drawn.set_clip_path(outline)
    maps.draw_coast(axes, frame, outline)
    return drawn
