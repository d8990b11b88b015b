"""Where sites are drawn: what the released samplers of SeCo, SSL4EO-S12 and SSL4Eco do, in kilometres and shares.

Numbers of the city sampler are those of its switches, on and off, with the packaged cities and land.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.spatial import cKDTree

from greenup.config.sites import CitySites
from greenup.errors import UserError
from greenup.paper.errata.row import SEED, Number, Samples
from greenup.randomness import generator
from greenup.sites.cities import sample_cities
from greenup.sites.land import on_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import arc_km, great_circle_km, unit_vectors

SSL4EO_SITES = 251_079
"""Sites that SSL4EO-S12 released."""

MIN_KM = 1.98
"""Distance that its overlap rule asks for: 1.5 x its radius of 1 320 m."""

SIGMA_KM = 50.0
"""Standard deviation of a site's distance from its city that both papers state (km)."""


def spread_by_latitude(samples: Samples) -> list[Number]:
    """East-west standard deviation (km) of sites round one city, at five latitudes, with sigma in degrees and in km."""
    numbers = []
    for lat in (0.0, 30.0, 45.0, 60.0, 70.0):
        spread = [_east_west_km(lat, compat) for compat in (("sigma_in_degrees",), ())]
        numbers.append(Number(f"east-west spread at {lat:.0f}°", "km", *spread))
    return numbers


def _east_west_km(lat: float, compat: tuple[str, ...], count: int = 50_000) -> float:
    """Root mean square east-west distance of sites drawn round a single city at 25 degrees east."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "cities.csv")
        file.write_text(f"name,country,lon,lat,population\nx,y,25,{lat},1\n", encoding="utf-8")
        sites = CitySites(sampler="cities", count=count, sigma_km=SIGMA_KM, compat=(*compat, "sea_allowed"))
        drawn = sample_cities("errata", sites, SiteData(cities=file), seed=SEED)
    # Along the parallel through each site, which at these distances is as long as the great circle.
    east = great_circle_km(25.0, drawn["lat"], drawn["lon"], drawn["lat"])
    return float(np.sqrt(np.mean(east**2)))


def overlapping_sites(samples: Samples) -> list[Number]:
    """Share of sites (%) with another one nearer than the overlap rule allows, at SSL4EO-S12's number of sites: the
    rule without effect (as released), and with effect."""
    return [
        Number(f"sites nearer than {MIN_KM} km to another", "%", _too_near("overlap_check_ineffective"), _too_near())
    ]


def overlapping_in_cells(samples: Samples) -> list[Number]:
    """The same of the rule that compares plane degrees inside cells of one degree."""
    return [Number(f"sites nearer than {MIN_KM} km to another", "%", _too_near("overlap_in_degree_cells"), _too_near())]


@lru_cache(maxsize=4)
def _too_near(*compat: str) -> float:
    """Share (%) of the sites of a full draw whose nearest neighbour is nearer than `MIN_KM`."""
    sites = CitySites(sampler="cities", count=SSL4EO_SITES, min_distance_km=MIN_KM, compat=compat)
    drawn = sample_cities("errata", sites, SiteData(), seed=SEED)
    points = unit_vectors(drawn["lon"], drawn["lat"])
    apart = cKDTree(points).query(points, k=2)[0][:, 1]
    return 100 * float((arc_km(apart) < MIN_KM).mean())


def sites_at_sea(samples: Samples) -> list[Number]:
    """Share (%) of drawn places that lie at sea, with and without the land test."""
    shares = []
    for compat in (("sea_allowed",), ()):
        sites = CitySites(sampler="cities", count=50_000, compat=compat)
        drawn = sample_cities("errata", sites, SiteData(), seed=SEED)
        land = on_land(drawn["lon"].to_numpy(), drawn["lat"].to_numpy(), SiteData())
        shares.append(100 * float(1 - land.mean()))
    return [Number("drawn places at sea", "%", *shares)]


def weights_by_listing(samples: Samples) -> list[Number]:
    """Share (%) of sites that get another weight than theirs when weights are read in one order and files listed in
    another, at random. Weights are SSL4Eco's: 17 % of sites barren (1/4), 16 % in mountains (x 2), independently."""
    rng = generator(SEED, "errata", "weights by listing")
    count = 250_000
    weights = np.where(rng.random(count) < 0.17, 0.25, 1.0) * np.where(rng.random(count) < 0.16, 2.0, 1.0)
    return [
        Number("sites with another site's weight", "%", 100 * float((rng.permutation(weights) != weights).mean()), 0.0)
    ]


def duplicated_locations(samples: Samples) -> list[Number]:
    """Rows of label tables at the very coordinates of another row, and how often random folds part such a pair into
    training and test. Raises `UserError` for a table without lon and lat."""
    import pandas as pd

    pairs = rows = 0
    for path in samples.label_tables:
        try:
            table = pd.read_csv(path)
            places = table[["lon", "lat"]]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{path}: no table with lon and lat ({error})", "mend paper.errata_samples") from error
        rows += len(places)
        pairs += int(places.duplicated().sum())
    rng = generator(SEED, "errata", "folds of pairs")
    first, second = rng.integers(10, size=(2, 100_000))
    return [
        Number("rows at the coordinates of another one", "rows", float(pairs), 0.0),
        Number("rows looked at", "rows", float(rows)),
        Number("such pairs that ten random folds part", "%", 100 * float((first != second).mean()), 0.0),
    ]
