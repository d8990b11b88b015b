"""Drawing until enough are good: the same sites in whatever batches, and the distance rules by brute force."""

from functools import partial

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.sites import draw
from greenup.sites.draw import draw_until, thin, thin_beside, thin_in_degree_cells
from greenup.sites.sphere import great_circle_km, unit_vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def by_hand(lon, lat, min_km, kept=()):
    """The point-by-point rule, as one would write it first; positions of those that stay, beside ``kept`` ones."""
    kept = list(kept)
    for i in range(len(lon)):
        if i not in kept and all(great_circle_km(lon[i], lat[i], lon[j], lat[j]) >= min_km for j in kept):
            kept.append(i)
    return kept


@pytest.fixture(params=[1_000_000, 50], ids=["pairs", "halves"])
def most_near(request, monkeypatch):
    monkeypatch.setattr(draw, "_MOST_NEAR", request.param)


def cloud(seed, n, lat0, reach=5.0):
    """Points around the date line, and up to the pole."""
    rng = np.random.default_rng(seed)
    lon = (179 + rng.uniform(0, 2 * reach, n) + 180) % 360 - 180
    return lon, np.clip(lat0 + rng.uniform(-reach, reach, n), -90, 90)


CLOUDS = {
    "seed": st.integers(0, 2**32 - 1),
    "n": st.integers(1, 60),
    "min_km": st.floats(1, 3000),
    "lat0": st.sampled_from([0.0, 60.0, 89.0, -75.0]),
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**CLOUDS)
def test_thinning_is_the_point_by_point_rule(most_near, seed, n, min_km, lat0):
    lon, lat = cloud(seed, n, lat0)
    keep = thin(lon, lat, min_km)
    assert np.flatnonzero(keep).tolist() == by_hand(lon, lat, min_km)
    kept_lon, kept_lat = lon[keep], lat[keep]
    apart = great_circle_km(kept_lon[:, None], kept_lat[:, None], kept_lon[None], kept_lat[None])
    assert (apart[~np.eye(len(apart), dtype=bool)] >= min_km * (1 - 1e-9)).all()


@settings(max_examples=40)
@given(**CLOUDS, settled=st.integers(0, 20))
def test_thinning_beside_settled_points(seed, n, min_km, lat0, settled):
    lon, lat = cloud(seed, n + settled, lat0)
    keep = thin_beside(lon[settled:], lat[settled:], min_km, unit_vectors(lon[:settled], lat[:settled]))
    expected = by_hand(lon, lat, min_km, kept=range(settled))[settled:]
    assert (settled + np.flatnonzero(keep)).tolist() == expected


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), km=st.floats(1, 400))
def test_thinning_in_degree_cells_is_the_released_loop(seed, n, km):
    """A dictionary of cells of one degree, and in each the distance in degrees taken for plane."""
    lon, lat = cloud(seed, n, 50.0, reach=1.5)
    cells, expected = {}, []
    for i in range(n):
        cell = cells.setdefault((int(np.floor(lon[i] + 180)), int(np.floor(lat[i] + 90))), [])
        if all(np.hypot(lon[i] - lon[j], lat[i] - lat[j]) * 111.19 >= km for j in cell):
            cell.append(i)
            expected.append(i)
    assert np.flatnonzero(thin_in_degree_cells(lon, lat, km / 111.19)).tolist() == expected


def test_degree_cells_miss_neighbours_over_a_border_and_stretch_longitudes():
    lon, lat = np.array([9.999, 10.001, 10.012]), np.full(3, 60.5)
    # By the great circle 0.1 and 0.7 km from the first; in plane degrees the last two are 1.2 km apart.
    assert thin(lon, lat, 1.0).tolist() == [True, False, False]
    assert thin_in_degree_cells(lon, lat, 1.0 / 111.19).tolist() == [True, True, True]


def some(count, *, min_km=None, seed=5, accept=lambda lon, lat: lat > 0):
    def uniform(rng, n):
        return rng.uniform(0, 10, n), rng.uniform(-5, 5, n)

    keep = None if min_km is None else partial(thin, min_km=min_km)
    return draw_until(uniform, accept, count=count, seed=seed, purpose="p", name="d", keep=keep, mend="ask less")


@pytest.mark.parametrize("min_km", [None, 10.0])
@pytest.mark.parametrize("most_blocks", [1, 5, 64])
def test_the_same_sites_whatever_the_batches(min_km, most_blocks, monkeypatch):
    """Asking for more only adds: 20 sites out of one batch are the first 20 of many, large or small."""
    monkeypatch.setattr(draw, "BLOCK", 64)
    whole = some(900, min_km=min_km)
    monkeypatch.setattr(draw, "_MOST_BLOCKS", most_blocks)
    few, many = some(20, min_km=min_km), some(900, min_km=min_km)
    for a, b, c in zip(few, many, whole, strict=True):
        assert a.tolist() == b[:20].tolist()
        assert b.tolist() == c.tolist()
    assert (many[1] > 0).all()


def test_another_seed_gives_other_sites():
    assert some(5)[0].tolist() != some(5, seed=6)[0].tolist()


def test_giving_up_says_how_far_it_came(monkeypatch):
    """Not forty places in a hundred square degrees are 1000 km apart."""
    monkeypatch.setattr(draw, "_PATIENCE", 1)
    monkeypatch.setattr(draw, "BLOCK", 256)
    with pytest.raises(UserError, match=r"dataset d: \d of 40 sites found among .* places drawn\n  mend: ask less"):
        some(40, min_km=1000.0)
