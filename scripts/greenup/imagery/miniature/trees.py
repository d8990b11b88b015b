"""Tree genera: where they like to grow, how their crowns look, when they leaf out.

Niches (temperature and precipitation optima and widths) are rounded from the genera's general ecology; they place
genera plausibly and claim no more. A genus also has regions of its own by chance, so that climate alone does not give
it away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenup.imagery.miniature.noise import key, sphere_noise

NEEDLE, EVERGREEN_BROAD, DECIDUOUS, LARCH = "needle", "evergreen_broad", "deciduous", "larch"


@dataclass(frozen=True)
class Genus:
    """``temperature`` (C) and ``rain`` (mm a year): optimum and width (of the logarithm for rain); ``crown_m``: crown
    diameter; ``roughness``: how uneven the canopy is (0..1); ``delay``: days its season starts late."""

    name: str
    form: str
    temperature: tuple[float, float]
    rain: tuple[float, float]
    crown_m: float
    roughness: float
    delay: float


GENERA: tuple[Genus, ...] = (
    Genus("Picea", NEEDLE, (2, 4), (750, 0.5), 8, 0.75, 4),
    Genus("Pinus", NEEDLE, (8, 8), (600, 0.7), 11, 0.40, 0),
    Genus("Abies", NEEDLE, (5, 4), (1100, 0.4), 9, 0.85, 6),
    Genus("Pseudotsuga", NEEDLE, (9, 3), (1300, 0.5), 14, 0.95, 2),
    Genus("Juniperus", NEEDLE, (12, 5), (350, 0.4), 6, 0.30, -4),
    Genus("Larix", LARCH, (-3, 6), (500, 0.5), 9, 0.50, 3),
    Genus("Betula", DECIDUOUS, (2, 5), (600, 0.5), 8, 0.25, -5),
    Genus("Populus", DECIDUOUS, (4, 5), (500, 0.5), 10, 0.35, -2),
    Genus("Alnus", DECIDUOUS, (7, 4), (900, 0.4), 9, 0.30, 2),
    Genus("Fagus", DECIDUOUS, (9, 3), (950, 0.3), 18, 0.55, -3),
    Genus("Quercus", DECIDUOUS, (12, 5), (750, 0.5), 22, 0.70, 8),
    Genus("Acer", DECIDUOUS, (9, 4), (950, 0.4), 15, 0.45, 0),
    Genus("Fraxinus", DECIDUOUS, (10, 4), (850, 0.4), 16, 0.60, 14),
    Genus("Carpinus", DECIDUOUS, (10, 3), (800, 0.3), 13, 0.40, -6),
    Genus("Castanea", DECIDUOUS, (13, 3), (950, 0.4), 20, 0.65, 12),
    Genus("Tectona", DECIDUOUS, (25, 4), (1400, 0.4), 17, 0.50, 6),
    Genus("Brachystegia", DECIDUOUS, (22, 4), (950, 0.4), 15, 0.60, -10),
    Genus("Eucalyptus", EVERGREEN_BROAD, (17, 6), (800, 0.5), 18, 0.65, 0),
    Genus("Acacia", EVERGREEN_BROAD, (22, 6), (450, 0.5), 9, 0.45, 0),
    Genus("Olea", EVERGREEN_BROAD, (16, 4), (550, 0.4), 7, 0.30, 0),
    Genus("Shorea", EVERGREEN_BROAD, (26, 3), (2400, 0.4), 34, 0.95, 0),
    Genus("Ceiba", EVERGREEN_BROAD, (26, 3), (1900, 0.4), 38, 0.90, 0),
    Genus("Hevea", EVERGREEN_BROAD, (26, 3), (2100, 0.4), 16, 0.50, 0),
    Genus("Nothofagus", EVERGREEN_BROAD, (9, 4), (1700, 0.5), 19, 0.70, 0),
)

FORMS: tuple[str, ...] = (NEEDLE, EVERGREEN_BROAD, DECIDUOUS, LARCH)


def shares(seed: int, lon: NDArray, lat: NDArray, temperature: NDArray, rain: NDArray, forms: NDArray) -> NDArray:
    """Share of each genus among the trees of n places.

    ``forms``: (n, 4) share of each of `FORMS` in the ground cover. Returns (n, genera), rows summing to 1 where there
    are trees and to 0 where there are none.
    """
    out = np.zeros((len(lon), len(GENERA)))
    fields = [(w, key(seed, k, g.name)) for k, w in (("genus", 250.0), ("stand", 12.0)) for g in GENERA]
    regional, local = np.split(sphere_noise(lon, lat, fields), 2)
    for j, genus in enumerate(GENERA):
        t, t_width = genus.temperature
        p, p_width = genus.rain
        niche = -0.5 * ((temperature - t) / t_width) ** 2 - 0.5 * (np.log(rain / p) / p_width) ** 2
        out[:, j] = np.exp(np.maximum(niche, -8.0) + 1.1 * regional[j] + 0.9 * local[j])
    for f, form in enumerate(FORMS):
        members = np.array([g.form == form for g in GENERA])
        total = out[:, members].sum(axis=1, keepdims=True)
        out[:, members] *= forms[:, [f]] / total
    total = out.sum(axis=1, keepdims=True)
    return np.divide(out, total, out=np.zeros_like(out), where=total > 0)


def traits(genus_shares: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Crown diameter (m), roughness (0..1) and delay (days) of the mean tree of n places."""
    table = np.array([(g.crown_m, g.roughness, g.delay) for g in GENERA])
    total = np.maximum(genus_shares.sum(axis=1), 1e-9)
    crown, rough, delay = (genus_shares @ table / total[:, None]).T
    return crown, rough, delay


def names(genus_shares: NDArray, tree_share: NDArray) -> list[str]:
    """Genera that make at least 12 % of the trees, commonest first ("Picea, Pinus"); "" where trees cover < 5 %."""
    out = []
    for row, trees in zip(genus_shares, tree_share, strict=True):
        order = [j for j in np.argsort(-row, kind="stable") if row[j] >= 0.12 or row[j] == row.max()]
        out.append(", ".join(GENERA[j].name for j in order) if trees >= 0.05 else "")
    return out
