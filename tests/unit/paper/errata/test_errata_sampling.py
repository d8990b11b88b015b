"""Numbers of the errata on sites, against closed forms and brute force."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.errata import sampling
from greenup.paper.errata.row import Samples

NONE = Samples()


def test_the_spread_shrinks_with_the_cosine():
    numbers = sampling.spread_by_latitude(NONE)
    for number, lat in zip(numbers, (0, 30, 45, 60, 70), strict=True):
        assert number.released == pytest.approx(50 * np.cos(np.radians(lat)), rel=0.015), lat
        assert number.right == pytest.approx(50, rel=0.01), lat


def test_overlaps_of_full_draws():
    ineffective, cells = sampling.overlapping_sites(NONE)[0], sampling.overlapping_in_cells(NONE)[0]
    assert ineffective.right == cells.right == 0
    # Cells catch most neighbours; those over a border, and east and west at high latitudes, they do not.
    assert 0 < cells.released < ineffective.released / 2


def test_expected_neighbours_of_places_round_cities():
    """The mean chance of having a neighbour, from the density of all 10 000 cities' normal distributions at the sites,
    is what was counted without land (a Poisson field)."""
    from greenup.config.sites import CitySites
    from greenup.sites import packaged
    from greenup.sites.cities import sample_cities
    from greenup.sites.sources import SiteData
    from greenup.sites.sphere import arc_km, unit_vectors
    from scipy.spatial import cKDTree

    count = 20_000
    sites = CitySites(sampler="cities", count=count, compat=("sea_allowed",))
    drawn = sample_cities("density", sites, SiteData(), seed=3)
    at = unit_vectors(drawn["lon"], drawn["lat"])
    centres = packaged.cities().head(10_000)
    some = at[:400]
    apart = arc_km(np.linalg.norm(some[:, None] - unit_vectors(centres["lon"], centres["lat"])[None], axis=2))
    density = count / 10_000 * (np.exp(-(apart**2) / 2 / 50**2) / (2 * np.pi * 50**2)).sum(axis=1)
    expected = 1 - np.exp(-density * np.pi * sampling.MIN_KM**2)
    nearest = arc_km(cKDTree(at).query(at, k=2)[0][:, 1])
    counted = (nearest < sampling.MIN_KM).mean()
    assert counted == pytest.approx(expected.mean(), rel=0.2)


def test_a_share_of_the_draws_lies_at_sea():
    number = sampling.sites_at_sea(NONE)[0]
    assert 5 < number.released < 25 and number.right == 0


def test_weights_of_other_sites():
    """In random order a site keeps its weight if the other one has the same: the sum of squared shares."""
    shares = [0.17 * 0.84, 0.17 * 0.16, 0.83 * 0.84, 0.83 * 0.16]  # 1/4, 1/2, 1, 2
    expected = 100 * (1 - sum(s**2 for s in shares))
    assert sampling.weights_by_listing(NONE)[0].released == pytest.approx(expected, abs=0.3)


def test_duplicated_locations_of_the_published_rows(samples):
    files = tuple(sorted((samples / "ssl4eco_index_sample").glob("*.csv")))
    pairs, rows, parted = sampling.duplicated_locations(Samples(label_tables=files))
    tables = [pd.read_csv(f) for f in files]
    assert rows.released == sum(map(len, tables))
    assert pairs.released == sum(len(t) - len(set(zip(t["lon"], t["lat"], strict=True))) for t in tables) == 8
    assert parted.released == pytest.approx(90, abs=0.5)  # 1 - 1/10


def test_a_table_without_places_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"x\.csv: no table with lon and lat"):
        sampling.duplicated_locations(Samples(label_tables=(tmp_path / "x.csv",)))
