"""Drawing until enough are good: the same sites in whatever batches, and the distance rule by brute force."""

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.sites import draw
from greenup.sites.draw import draw_until, thin
from greenup.sites.sphere import great_circle_km
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def by_hand(lon, lat, min_km):
    """The point-by-point rule, as one would write it first."""
    kept = []
    for i in range(len(lon)):
        if all(great_circle_km(lon[i], lat[i], lon[j], lat[j]) >= min_km for j in kept):
            kept.append(i)
    return kept


@pytest.fixture(params=[4_000_000, 50], ids=["pairs", "halves"])
def most_near(request, monkeypatch):
    monkeypatch.setattr(draw, "_MOST_NEAR", request.param)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    min_km=st.floats(1, 3000),
    lat0=st.sampled_from([0.0, 60.0, 89.0, -75.0]),
)
def test_thinning_is_the_point_by_point_rule(most_near, seed, n, min_km, lat0):
    rng = np.random.default_rng(seed)
    # Around the date line, and up to the pole.
    lon = (179 + rng.uniform(0, 10, n) + 180) % 360 - 180
    lat = np.clip(lat0 + rng.uniform(-5, 5, n), -90, 90)
    keep = thin(lon, lat, min_km)
    assert np.flatnonzero(keep).tolist() == by_hand(lon, lat, min_km)
    kept_lon, kept_lat = lon[keep], lat[keep]
    apart = great_circle_km(kept_lon[:, None], kept_lat[:, None], kept_lon[None], kept_lat[None])
    assert (apart[~np.eye(len(apart), dtype=bool)] >= min_km * (1 - 1e-9)).all()


def some(count, *, min_km=None, seed=5, accept=lambda lon, lat: lat > 0):
    def uniform(rng, n):
        return rng.uniform(0, 10, n), rng.uniform(-5, 5, n)

    return draw_until(uniform, accept, count=count, seed=seed, purpose="p", name="d", min_km=min_km, mend="ask less")


@pytest.mark.parametrize("min_km", [None, 10.0])
def test_the_same_sites_whatever_the_batches(min_km, monkeypatch):
    """Asking for more only adds: 20 sites out of one batch are the first 20 of many batches."""
    monkeypatch.setattr(draw, "BLOCK", 64)
    few, many = some(20, min_km=min_km), some(900, min_km=min_km)
    for a, b in zip(few, many, strict=True):
        assert a.tolist() == b[:20].tolist()
    assert (many[1] > 0).all()


def test_another_seed_gives_other_sites():
    assert some(5)[0].tolist() != some(5, seed=6)[0].tolist()


def test_giving_up_says_how_far_it_came(monkeypatch):
    """Not forty places in a hundred square degrees are 1000 km apart."""
    monkeypatch.setattr(draw, "_PATIENCE", 1)
    with pytest.raises(UserError, match=r"dataset d: \d of 40 sites found among .* places drawn\n  mend: ask less"):
        some(40, min_km=1000.0)
