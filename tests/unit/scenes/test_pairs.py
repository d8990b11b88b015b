"""Scenes in pairs: nearest in time to the other dataset's, within the days and the cloud that are allowed."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import Scenes
from greenup.errors import UserError
from greenup.scenes.pairs import pair_scenes
from greenup.schemas import INTERVALS, SCENES
from hypothesis import given
from hypothesis import strategies as st
from scene_source import Measuring, Source, scene

SITES = pd.DataFrame({"site_id": ["a", "b"], "lon": [8.0, 9.0], "lat": [47.0, 48.0]})
PATCH = {"size_px": 64, "native_m": [10, 20]}


def theirs(*rows):
    """The other's table: site, season, time (or the status that it has instead), days from mid-season."""
    records = []
    for site, season, time, days in rows:
        is_chosen = time[0].isdigit()
        records.append(
            {
                "site_id": site,
                "season": season,
                "status": "chosen" if is_chosen else time,
                "scene_id": "theirs" if is_chosen else None,
                "time": pd.Timestamp(time, tz="UTC") if is_chosen else pd.NaT,
                "cloud": 3.0 if is_chosen else np.nan,
                "cloud_of": "tile",
                "days_from_middle": days,
                "candidates": 5,
                "reason": "least cloud" if is_chosen else f"because it is {time}",
            }
        )
    return SCENES.check(pd.DataFrame(records), "test")


def pair(other, *scenes, sites=SITES, source=None, has_cloud=True, **rule):
    source = source or Source(*scenes)
    rule = Scenes(pair_with="optical", **rule)
    table = pair_scenes(sites, other, source, rule, **PATCH, has_cloud=has_cloud)
    assert list(SCENES.check(table, "test").columns) == [c.name for c in SCENES.columns]
    assert table[["site_id", "season"]].to_numpy().tolist() == other[["site_id", "season"]].to_numpy().tolist()
    return table.set_index(["site_id", "season"]), source


BOTH = theirs(("a", "s1", "2020-06-10T10:00", 4.0), ("b", "s1", "no_scene", np.nan))


def test_the_nearest_in_time_is_taken():
    table, source = pair(
        BOTH,
        scene("a", "s1", "clear", "2020-06-12T10:00", 0.0),
        scene("a", "s1", "near", "2020-06-09T04:00", 19.0),
        scene("a", "s1", "nearer but cloudy", "2020-06-10T10:00", 20.0),
    )
    row = table.loc["a", "s1"]
    assert (row["status"], row["scene_id"], row["candidates"]) == ("chosen", "near", 3)
    assert row["days_from_middle"] == pytest.approx(4.0 - 30 / 24)
    assert row["reason"] == (
        "nearest in time to optical's of 2020-06-10, 30 h before it "
        "(3 candidates within 3 days, taken below 20 % cloud)"
    )
    row = table.loc["b", "s1"]
    assert (row["status"], row["reason"]) == (
        "no_scene", "optical has no scene to pair with: because it is no_scene"
    )  # fmt: skip
    ((sites, asked, grids),) = source.asked
    assert (sites["site_id"].tolist(), len(grids)) == (["a"], 1), "only where there is something to pair with"
    INTERVALS.check(asked, "asked")
    assert asked[["first", "last"]].iloc[0].tolist() == [pd.Timestamp("2020-06-07"), pd.Timestamp("2020-06-13")]


def test_hours_count_at_the_ends():
    """Three days are 72 hours, not three dates."""
    late, early = "2020-06-13T10:01", "2020-06-07T10:00"
    table, _ = pair(BOTH, scene("a", "s1", "late", late, 0.0), scene("a", "s1", "early", early, 0.0))
    assert table.loc[("a", "s1"), "scene_id"] == "early"
    assert table.loc[("a", "s1"), "candidates"] == 1
    table, _ = pair(BOTH, scene("a", "s1", "late", late, 0.0))
    assert table.loc[("a", "s1"), "status"] == "no_scene"
    assert (
        table.loc[("a", "s1"), "reason"]
        == "no scene within 3 days of optical's of 2020-06-10: any other is too far to pair"
    )
    table, _ = pair(BOTH, scene("a", "s1", "late", late, 0.0), pair_days=3.5)
    assert table.loc[("a", "s1"), "reason"].startswith("nearest in time to optical's of 2020-06-10, 3.0 days after it")


def test_all_cloudy_tells_the_least():
    table, _ = pair(BOTH, scene("a", "s1", "x", "2020-06-10T11:00", 61.25), scene("a", "s1", "y", "2020-06-11", 33.0))
    assert table.loc[("a", "s1"), "status"] == "cloudy"
    assert table.loc[("a", "s1"), "reason"] == (
        "none below 20 % cloud (2 candidates); the least is 33 %, within 3 days of optical's of 2020-06-10"
    )


def test_radar_has_no_cloud_and_no_limit():
    table, _ = pair(
        BOTH, scene("a", "s1", "s1a", "2020-06-11", np.nan, None), scene("a", "s1", "s1b", "2020-06-13", np.nan, None),
        has_cloud=False, max_cloud=1,
    )  # fmt: skip
    row = table.loc["a", "s1"]
    assert row["scene_id"] == "s1a"
    assert row[["cloud", "cloud_of"]].isna().all()
    assert row["reason"].endswith("14 h after it (2 candidates within 3 days)")


def test_cloud_over_the_patch():
    scenes = [scene("a", "s1", "near", "2020-06-10T11:00", 1.0), scene("a", "s1", "far", "2020-06-12", 90.0)]
    source = Measuring(*scenes, over={"near": 50.0, "far": 2.0})
    table, _ = pair(BOTH, source=source, cloud_of="patch")
    assert table.loc[("a", "s1"), ["scene_id", "cloud", "cloud_of"]].tolist() == ["far", 2.0, "patch"]
    with pytest.raises(UserError, match=r"scenes\.cloud_of"):
        pair(BOTH, *scenes, cloud_of="patch")


def test_what_has_no_season_there_has_none_here():
    other = theirs(("a", "s1", "no_season", np.nan), ("a", "s2", "cloudy", np.nan), ("b", "s1", "cloudy", np.nan),
                   ("b", "s2", "no_season", np.nan))  # fmt: skip
    table, source = pair(other)
    assert table["status"].tolist() == ["no_season", "no_scene", "no_scene", "no_season"]
    assert source.asked == []


def test_a_scene_stands_for_one_season_only():
    """Two of the other's scenes lie three days apart; the one scene between them belongs to the nearer."""
    other = theirs(("a", "s1", "2020-06-10T10:00", 4.0), ("a", "s2", "2020-06-13T10:00", -4.0))
    shared = [scene("a", s, "shared", "2020-06-12T10:00", 0.0) for s in ("s1", "s2")]
    table, _ = pair(other, *shared, sites=SITES.head(1))
    assert table["scene_id"].isna().tolist() == [True, False]


def test_scenes_of_other_sites_are_refused():
    for sites in (SITES.head(1), pd.concat([SITES, SITES.assign(site_id=["c", "d"])])):
        with pytest.raises(UserError, match=r"'optical' are not of the sites of this shard\n.*sampler: dataset"):
            pair(BOTH, sites=sites)


def test_an_empty_shard_stays_empty():
    assert pair(BOTH.iloc[:0], sites=SITES.iloc[:0])[0].empty


@given(
    st.lists(st.tuples(st.integers(-120, 120), st.integers(0, 40)), max_size=8, unique=True),
    st.floats(0.5, 5),
    st.booleans(),
    st.randoms(),
)
def test_against_a_choice_by_hand(offered, days, has_cloud, rng):
    at = pd.Timestamp("2020-06-10T10:00", tz="UTC")
    scenes = [
        scene("a", "s1", f"x{i}", (at + pd.Timedelta(hours=h)).tz_localize(None), float(c))
        for i, (h, c) in enumerate(offered)
    ]
    near = [s for s in scenes if abs(s["time"] - at) <= pd.Timedelta(days=days)]
    fitting = [s for s in near if not has_cloud or s["cloud"] < 20]
    rng.shuffle(scenes)
    table, _ = pair(BOTH, *scenes, pair_days=days, has_cloud=has_cloud)
    row = table.loc["a", "s1"]
    assert row["candidates"] == len(near)
    if not fitting:
        assert row["status"] == ("cloudy" if near else "no_scene")
        return
    best = min(fitting, key=lambda s: (abs(s["time"] - at), s["cloud"] if has_cloud else 0, s["scene_id"]))
    assert row["scene_id"] == best["scene_id"]
