"""Clouds over the patch: what is taken, and how few are measured for it."""

import threading

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import Scenes
from greenup.errors import UserError
from greenup.imagery import PassingError, SceneMissing
from greenup.imagery.patience import Patience
from greenup.scenes import pick
from greenup.scenes.choose import choose_scenes
from greenup.scenes.pick import ORDERS, best, over_patches
from greenup.schemas import SCENES
from hypothesis import given
from hypothesis import strategies as st
from scene_source import Measuring, Source, interval, scene

SITES = pd.DataFrame({"site_id": ["a"], "lon": [8.0], "lat": [47.0]})
SUMMER = [interval("a", "summer", "2019-06-01", "2019-08-31")]
PATCH = {"size_px": 64, "native_m": (10, 20)}


def choose(source, *, sites=SITES, intervals=SUMMER, **rule):
    rule = Scenes(cloud_of="patch", **rule)
    table = choose_scenes(sites, pd.DataFrame(intervals), source, rule, **PATCH)
    return SCENES.check(table, "test").to_dict("records")


def scenes(**clouds):
    """Scenes ten days apart, in the order of their names."""
    return [
        scene("a", "summer", name, pd.Timestamp("2019-06-02") + pd.Timedelta(days=10 * i), cloud)
        for i, (name, cloud) in enumerate(clouds.items())
    ]


def test_the_best_by_its_tile_is_measured_and_taken():
    source = Measuring(*scenes(s1=40.0, s2=3.0, s3=9.0, s4=90.0), over={"s2": 1.5})
    (row,) = choose(source)
    assert (row["scene_id"], row["cloud"], row["cloud_of"]) == ("s2", 1.5, "patch")
    assert row["reason"] == "least cloud of those below 20 % cloud over the patch (1 of 4 candidates measured)"
    assert [s for s, _ in source.measured] == ["s2"]


def test_a_clear_patch_in_a_cloudy_tile_is_found():
    """max_cloud speaks of the patch: the tile's number only says where to look first."""
    source = Measuring(*scenes(s1=40.0, s2=3.0, s3=60.0), over={"s1": 25.0, "s2": 80.0, "s3": 0.0})
    (row,) = choose(source)
    assert (row["scene_id"], row["cloud"]) == ("s3", 0.0)
    assert [s for s, _ in source.measured] == ["s2", "s1", "s3"]


def test_one_that_turns_out_worse_than_anothers_tile_waits_for_it():
    source = Measuring(*scenes(s1=1.0, s2=5.0, s3=18.0), over={"s1": 15.0, "s2": 4.0})
    assert choose(source)[0]["scene_id"] == "s2"
    source = Measuring(*scenes(s1=1.0, s2=5.0, s3=18.0), over={"s1": 15.0, "s2": 16.0, "s3": 0.0})
    assert choose(source)[0]["scene_id"] == "s1"
    assert len(source.measured) == 2


@pytest.mark.parametrize(("order", "asked"), [("mid", ["s3", "s4", "s2"]), ("recent", ["s5", "s4", "s3", "s2"])])
def test_other_orders_take_the_first_below_the_limit(order, asked):
    times = [scene("a", "summer", f"s{i}", f"2019-{m}", 50.0)
             for i, m in ((1, "06-02"), (2, "07-01"), (3, "07-15"), (4, "07-20"), (5, "08-30"))]  # fmt: skip
    over = {"s1": 0.0, "s2": 19.9, "s3": 20.0, "s4": 70.0, "s5": 99.0}
    source = Measuring(*times, over=over)
    (row,) = choose(source, order=order)
    assert (row["scene_id"], row["cloud"]) == ("s2", 19.9)
    assert [s for s, _ in source.measured] == asked


def test_none_below_the_limit_tells_the_least_over_the_patch():
    (row,) = choose(Measuring(*scenes(s1=1.0, s2=5.0), over={"s1": 55.0, "s2": 33.36}))
    assert row["status"] == "cloudy"
    assert row["reason"] == "none below 20 % cloud over the patch (2 candidates); the least is 33.4 %"


def test_a_scene_that_cannot_be_measured_keeps_its_tiles_number():
    (row,) = choose(Measuring(*scenes(s1=12.0, s2=30.0), over={"s1": None, "s2": None}))
    assert (row["scene_id"], row["cloud"], row["cloud_of"]) == ("s1", 12.0, "tile")
    (row,) = choose(Measuring(*scenes(s1=np.nan), over={"s1": None}))
    assert (row["status"], row["reason"]) == ("cloudy", "no candidate of 1 tells its cloud")


def test_unknown_tiles_are_measured_before_they_are_passed_over():
    source = Measuring(*scenes(s1=0.5, s2=np.nan), over={"s1": 0.5, "s2": 0.0})
    assert choose(source)[0]["scene_id"] == "s2"


def test_a_scene_whose_files_are_gone_is_not_taken():
    (row,) = choose(Measuring(*scenes(s1=0.0, s2=5.0), over={"s1": SceneMissing("404"), "s2": 2.0}))
    assert row["scene_id"] == "s2"


def test_passing_errors_are_tried_again_and_never_become_no_scene(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    over = {"s1": [PassingError("503"), PassingError("429", "quota"), 3.0]}
    assert choose(Measuring(*scenes(s1=0.0), over=over))[0]["cloud"] == 3.0
    with pytest.raises(PassingError):
        choose(Measuring(*scenes(s1=0.0), over={"s1": PassingError("503")}))


def test_a_source_that_cannot_is_refused_with_the_key():
    with pytest.raises(UserError, match=r"scenes\.cloud_of: 'patch'.*\n.*cloud_of: tile"):
        choose(Source(*scenes(s1=0.0)))


def test_each_site_is_measured_on_its_own_patch():
    sites = pd.DataFrame({"site_id": ["a", "b"], "lon": [8.0, 9.0], "lat": [47.0, 48.0]})
    both = [scene(s, "summer", "same", "2019-07-01", 5.0) for s in "ab"]
    source = Measuring(*both, over={"same": 1.0})
    choose(source, sites=sites, intervals=[interval(s, "summer", "2019-06-01", "2019-08-31") for s in "ab"])
    assert len({grid for _, grid in source.measured}) == 2


def test_as_many_threads_as_the_source_takes_requests():
    """All four sites are asked at once, or the barrier breaks."""
    barrier = threading.Barrier(4, timeout=20)
    found = pd.DataFrame(
        {"site_id": list("abcd"), "season": "s", "scene_id": "x", "time": pd.Timestamp("2019-07-01", tz="UTC"),
         "cloud": 5.0, "cloud_of": "tile", "choice": 0, "distance": 1.0}
    )  # fmt: skip

    def measure(site, _):
        barrier.wait()
        return float("abcd".index(site))

    taken, _ = best(found, ORDERS["cloud"], 20.0, measure, threads=4)
    assert taken.set_index("site_id")["cloud"].to_dict() == {"a": 0.0, "b": 1.0, "c": 2.0, "d": 3.0}


def test_patience_is_the_callers():
    source = Measuring(over={"x": PassingError("503")})
    measure = over_patches(source, SITES, 64, (10,), Patience(attempts=3, pause_s=0.0))
    with pytest.raises(PassingError):
        measure("a", "x")
    assert len(source.measured) == 3


@st.composite
def candidates(draw):
    n = draw(st.integers(1, 9))
    clouds = st.one_of(st.integers(0, 6).map(float), st.just(np.nan))
    hours = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    table = pd.DataFrame(
        {
            "site_id": draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n)),
            "season": "s",
            "scene_id": [f"x{i}" for i in range(n)],
            "time": pd.to_datetime("2019-07-01", utc=True) + pd.to_timedelta(hours, unit="h"),
            "cloud": draw(st.lists(clouds, min_size=n, max_size=n)),
            "cloud_of": "tile",
            "choice": draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)),
            "distance": [abs(h - 15) / 24 for h in hours],
        }
    )
    return table, dict(zip(table["scene_id"], draw(st.lists(clouds, min_size=n, max_size=n)), strict=True))


@given(candidates(), st.sampled_from(sorted(ORDERS)), st.floats(0.5, 7), st.randoms())
def test_a_choice_is_the_minimum_of_its_order_whatever_the_order_of_rows(drawn, order, max_cloud, rng):
    table, _ = drawn
    taken, counts = best(table, ORDERS[order], max_cloud)
    shuffled = table.sample(frac=1, random_state=rng.randrange(2**31))
    again, _ = best(shuffled, ORDERS[order], max_cloud)
    assert taken.set_index("site_id")["scene_id"].to_dict() == again.set_index("site_id")["scene_id"].to_dict()
    for site, group in table.groupby("site_id"):
        rows = [r for r in group.to_dict("records") if r["cloud"] < max_cloud]
        key = {
            "cloud": lambda r: (r["choice"], r["cloud"], r["distance"], r["scene_id"]),
            "mid": lambda r: (r["choice"], r["distance"], r["cloud"], r["scene_id"]),
            "recent": lambda r: (r["choice"], -r["time"].value, r["cloud"], r["scene_id"]),
        }[order]
        expected = min(rows, key=key)["scene_id"] if rows else None
        got = taken.loc[taken["site_id"] == site, "scene_id"].tolist()
        assert got == ([expected] if expected else [])
        assert counts.set_index("site_id").loc[site, ["candidates", "clear"]].tolist() == [len(group), len(rows)]


@given(candidates(), st.sampled_from(sorted(ORDERS)), st.floats(0.5, 7), st.randoms())
def test_measuring_takes_what_holds_whatever_the_order_of_rows(drawn, order, max_cloud, rng):
    """Below the limit; none where none is; by mid and recent the very best, by cloud no worse than any other's number
    that was known when it was taken."""
    table, over = drawn
    asked = []

    def measure(site, scene_id):
        asked.append(scene_id)
        return None if np.isnan(over[scene_id]) else over[scene_id]

    taken, counts = best(table, ORDERS[order], max_cloud, measure)
    measured = set(asked)
    assert len(asked) == len(measured) == counts["measured"].sum(), "none is measured twice"
    shuffled = table.sample(frac=1, random_state=rng.randrange(2**31))
    again, _ = best(shuffled, ORDERS[order], max_cloud, measure, threads=2)
    columns = ["site_id", "scene_id", "cloud", "cloud_of"]
    pd.testing.assert_frame_equal(
        taken[columns].sort_values("site_id", ignore_index=True),
        again[columns].sort_values("site_id", ignore_index=True),
    )
    true = {r.scene_id: r.cloud if np.isnan(over[r.scene_id]) else over[r.scene_id] for r in table.itertuples()}
    for site, group in table.groupby("site_id"):
        fitting = group[group["scene_id"].map(true) < max_cloud]
        got = taken[taken["site_id"] == site]
        assert len(got) == min(1, len(fitting))
        if got.empty:
            assert set(group["scene_id"]) <= measured
            continue
        (row,) = got.to_dict("records")
        assert row["cloud"] == true[row["scene_id"]]
        assert row["choice"] == fitting["choice"].min()
        rivals = fitting[fitting["choice"] == row["choice"]]
        if order == "cloud":
            known = [true[s] if s in measured else c for s, c in zip(rivals["scene_id"], rivals["cloud"], strict=True)]
            assert row["cloud"] <= min(known)
        elif order == "mid":
            assert row["distance"] == rivals["distance"].min()
        else:
            assert row["time"] == rivals["time"].max()


def test_orders_are_those_of_the_configuration():
    assert set(pick.ORDERS) == set(Scenes.model_fields["order"].annotation.__args__)
