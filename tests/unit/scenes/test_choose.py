"""Choosing scenes: orders, limits, states, days; against a choice by hand."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import Scenes
from greenup.scenes.choose import choose_scenes, season_names
from greenup.schemas import SCENES
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_source import Source, interval, scene

SITES = pd.DataFrame({"site_id": ["a", "b"], "lon": [8.0, 9.0], "lat": [47.0, 48.0]})
ONE = SITES.head(1)


SUMMERS = [interval("a", "summer", "2019-06-01", "2019-08-31"), interval("a", "summer", "2020-06-01", "2020-08-31")]
SCENES_OF_SUMMER = [
    scene("a", "summer", "early", "2019-06-02T10:00", 1.0),
    scene("a", "summer", "middle", "2019-07-16T10:00", 9.0),
    scene("a", "summer", "late", "2020-08-31T23:59", 4.0),
    scene("a", "summer", "cloudy", "2020-07-16T10:00", 20.0),
]


def choose(intervals, *scenes, sites=ONE, names=None, **rule):
    source, patch = Source(*scenes), {"size_px": 264, "native_m": [10, 20, 60]}
    table = choose_scenes(sites, pd.DataFrame(intervals), source, Scenes(**rule), **patch, names=names)
    SCENES.check(table, "test")
    assert len(source.asked) <= 1
    return table, source


@pytest.mark.parametrize(
    ("order", "chosen", "days", "words"),
    [
        ("cloud", "early", -44.08, "least cloud of those below 20 % cloud (3 of 4 candidates)"),
        ("mid", "middle", -0.08, "nearest to mid-season of those below 20 % cloud (3 of 4 candidates)"),
        ("recent", "late", 46.5, "latest of those below 20 % cloud (3 of 4 candidates)"),
    ],
)
def test_orders(order, chosen, days, words):
    (row,) = choose(SUMMERS, *SCENES_OF_SUMMER, order=order)[0].to_dict("records")
    assert (row["status"], row["scene_id"], row["candidates"], row["reason"]) == ("chosen", chosen, 4, words)
    assert row["days_from_middle"] == pytest.approx(days, abs=0.01)


def test_a_tie_goes_to_mid_season_then_to_the_name():
    tied = [scene("a", "summer", i, t, 3.0) for i, t in (("x", "2019-06-05"), ("z", "2019-07-20"), ("y", "2019-07-20"))]
    assert choose(SUMMERS, *tied)[0]["scene_id"].tolist() == ["y"]
    assert choose(SUMMERS, *tied[::-1])[0]["scene_id"].tolist() == ["y"]


def test_every_state():
    intervals = [
        interval("a", "spring", "2019-03-01", "2019-05-01"),
        interval("a", "summer", "2019-06-01", "2019-08-01"),
        interval("a", "winter", "2019-12-01", "2019-12-31"),
        interval("c", "autumn", "2019-09-01", "2019-11-01"),
    ]
    table, source = choose(
        intervals,
        scene("a", "spring", "s1", "2019-04-01", 55.24),
        scene("a", "spring", "s2", "2019-04-02", 20.0),
        scene("a", "winter", "s3", "2019-12-02", 0.0, "patch"),
        sites=SITES,
    )
    got = table.set_index(["site_id", "season"])
    assert table[["site_id", "season"]].to_numpy().tolist() == [
        [site, season] for site in "ab" for season in ("spring", "summer", "autumn", "winter")
    ]
    assert got["status"]["a"].tolist() == ["cloudy", "no_scene", "no_season", "chosen"]
    assert got["status"]["b"].tolist() == ["no_season"] * 4
    assert got["reason"]["a"]["spring"] == "none below 20 % cloud (2 candidates); the least is 20 %"
    assert got.loc[("a", "spring"), ["scene_id", "time", "cloud", "days_from_middle"]].isna().all()
    assert got.loc[("a", "winter"), "cloud_of"] == "patch"
    assert got["candidates"]["a"].tolist() == [2, 0, 0, 1]
    sites, asked, grids = source.asked[0]
    assert sites["site_id"].tolist() == ["a"], "sites without seasons are not searched"
    assert len(grids) == 1
    assert grids[0].size_px == 264
    assert grids[0].west % 60 == 0
    assert set(asked["site_id"]) == {"a"}


def test_nothing_to_search():
    intervals = [interval("z", "summer", "2019-06-01", "2019-08-01")]
    table, source = choose(intervals)
    assert table[["season", "status"]].to_numpy().tolist() == [["summer", "no_season"]]
    assert source.asked == []
    table, _ = choose([interval("a", "summer", "2019-06-01", "2019-08-01")])
    assert table["status"].tolist() == ["no_scene"]
    empty = pd.DataFrame([interval("a", "summer", "2019-06-01", "2019-08-01")]).iloc[:0]
    assert choose(empty)[0].empty


def test_days_are_inclusive_and_others_do_not_count():
    """A source may give more than it was asked for: whole months, or scenes twice."""
    table, _ = choose(
        [interval("a", "summer", "2019-06-01", "2019-06-30")],
        scene("a", "summer", "before", "2019-05-31T23:59", 0.0),
        scene("a", "summer", "first", "2019-06-01T00:00", 5.0),
        scene("a", "summer", "last", "2019-06-30T23:59", 3.0),
        scene("a", "summer", "last", "2019-06-30T23:59", 3.0),
        scene("a", "summer", "after", "2019-07-01T00:00", 0.0),
    )
    assert table["scene_id"].tolist() == ["last"]
    assert table["candidates"].tolist() == [2]


def test_a_scene_stands_for_one_season_only():
    meeting = [interval("a", "spring", "2019-04-01", "2019-05-01"), interval("a", "summer", "2019-05-01", "2019-08-31")]
    scenes = [scene("a", s, "shared", "2019-05-01T10:00", 0.0) for s in ("spring", "summer")]
    table, _ = choose(meeting, *scenes, scene("a", "summer", "own", "2019-06-01", 10.0))
    assert table.set_index("season")["scene_id"].to_dict() == {"spring": "shared", "summer": "own"}


def test_unknown_cloud_is_not_taken():
    table, _ = choose(SUMMERS, scene("a", "summer", "x", "2019-06-05", np.nan), max_cloud=100)
    assert table["status"].tolist() == ["cloudy"]
    assert table["reason"].tolist() == ["no candidate of 1 tells its cloud"]


def test_season_names_are_in_the_order_of_the_year():
    assert season_names(["winter", "spring", "winter"]) == ["spring", "winter"]
    assert season_names(pd.Series(["q1", "q2", "q1"])) == ["q1", "q2"]


def test_a_shard_knows_the_seasons_of_the_dataset():
    """As a job is given them: the intervals of its own sites, and all names."""
    table, _ = choose([interval("a", "q2", "2019-06-01", "2019-08-01")], names=["q1", "q2"])
    assert table[["season", "status"]].to_numpy().tolist() == [["q1", "no_season"], ["q2", "no_scene"]]


WINDOWS = [interval("a", "summer", "2021-05-22", "2021-07-21"),
           interval("a", "summer", "2020-05-22", "2020-07-21", choice=1)]  # fmt: skip


class TestSecondChoice:
    """The window of a year, and the same window a year earlier where it has no image."""

    @pytest.mark.parametrize("order", ["cloud", "mid", "recent"])
    def test_stands_back_behind_the_first_whatever_the_order(self, order):
        poor = scene("a", "summer", "first", "2021-05-23", 19.0)
        clear = scene("a", "summer", "second", "2020-06-21", 0.0)
        table, _ = choose(WINDOWS, poor, clear, order=order)
        assert table["scene_id"].tolist() == ["first"]
        assert "second" not in table["reason"][0]

    def test_is_taken_where_the_first_has_none_clear_enough(self):
        cloudy = scene("a", "summer", "first", "2021-06-21", 60.0)
        table, _ = choose(WINDOWS, cloudy, *(scene("a", "summer", f"s{c}", "2020-06-01", c) for c in (9.0, 5.0)))
        assert table["scene_id"].tolist() == ["s5.0"]
        assert table["days_from_middle"].tolist() == [-20.5]
        assert table["reason"][0].endswith("(2 of 3 candidates); from the second choice of days, the first has none")


@pytest.mark.parametrize(
    ("dark", "reason"),
    [
        (0, "no scene in the archive in these days"),
        (12, "no scene in the archive in these days; polar night on 12 of the 31"),
        (31, "no scene in the archive in these days: polar night on all of them"),
    ],
)
def test_polar_night_is_told(dark, reason):
    table, _ = choose([interval("a", "winter", "2020-12-01", "2020-12-31", dark=dark)])
    assert table[["status", "reason"]].to_numpy().tolist() == [["no_scene", reason]]


def test_days_of_all_years_count_in_polar_night():
    winters = [interval("a", "winter", f"{y}-12-01", f"{y}-12-31", dark=d) for y, d in ((2019, 31), (2020, 20))]
    assert choose(winters)[0]["reason"].tolist() == [
        "no scene in the archive in these days; polar night on 51 of the 62"
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["cloud", "mid", "recent"]), st.floats(5, 100))
def test_against_a_choice_by_hand(seed, order, max_cloud):
    rng = np.random.default_rng(seed)
    intervals, scenes = [], []
    for site in "ab":
        for year in (2019, 2020):
            for season, month in (("spring", 4), ("summer", 7)):
                intervals.append(interval(site, season, f"{year}-{month:02d}-01", f"{year}-{month + 1:02d}-15"))
        for i in range(rng.integers(0, 12)):
            season, month = (("spring", 4), ("summer", 7))[rng.integers(2)]
            time = pd.Timestamp(rng.choice([2019, 2020]), month, 1) + pd.Timedelta(days=float(rng.uniform(0, 45)))
            scenes.append(scene(site, season, f"{site}{i}", time, float(rng.integers(0, 100))))
    table, _ = choose(intervals, *scenes, sites=SITES, order=order, max_cloud=max_cloud)
    for row in table.itertuples():
        best = None
        mine = [s for s in scenes if (s["site_id"], s["season"]) == (row.site_id, row.season)]
        for s in mine:
            if s["cloud"] >= max_cloud:
                continue
            day = s["time"].tz_localize(None)
            (middle,) = [
                i["middle"]
                for i in intervals
                if (i["site_id"], i["season"]) == (row.site_id, row.season)
                and i["first"] <= day < i["last"] + pd.Timedelta(days=1)
            ]
            distance = abs(day - middle - pd.Timedelta(hours=12))
            key = {
                "cloud": (s["cloud"], distance, s["scene_id"]),
                "mid": (distance, s["cloud"], s["scene_id"]),
                "recent": (-day.value, s["cloud"], s["scene_id"]),
            }[order]
            best = min(best, (key, s["scene_id"])) if best else (key, s["scene_id"])
        assert row.candidates == len(mine)
        if best:
            assert (row.status, row.scene_id) == ("chosen", best[1])
        else:
            assert row.status == ("cloudy" if mine else "no_scene")


RADAR = [
    scene("a", "summer", name, f"2019-{day}", np.nan, None)
    for name, day in (("early", "06-02"), ("middle", "07-17"), ("late", "08-30"))
]


@pytest.mark.parametrize(
    ("order", "chosen", "words"),
    [
        ("cloud", "middle", "nearest to mid-season of 3 candidates"),
        ("mid", "middle", "nearest to mid-season of 3 candidates"),
        ("recent", "late", "latest of 3 candidates"),
    ],
)
def test_radar_has_no_cloud_that_counts(order, chosen, words):
    rule, patch = Scenes(order=order, max_cloud=1), {"size_px": 264, "native_m": [10]}
    table = choose_scenes(ONE, pd.DataFrame(SUMMERS), Source(*RADAR), rule, **patch, has_cloud=False)
    (row,) = table.to_dict("records")
    assert (row["scene_id"], row["reason"]) == (chosen, words)
    assert pd.isna(row["cloud"])


class Radar(Source):
    """Writes a cloud that means nothing, and tells orbits by the scene."""

    def search(self, sites, intervals, grids):
        return super().search(sites, intervals, grids).assign(cloud=0.0, cloud_of="tile")

    def orbit(self, scene_id):
        return {"early": "ascending", "middle": None, "late": "descending"}[scene_id]


@pytest.mark.parametrize("in_search", [True, False])
def test_the_orbit_of_radar_is_kept(in_search):
    scenes = [{**s, "orbit": f"{s['scene_id']} orbit"} for s in RADAR]
    source = Radar(*RADAR)
    if in_search:
        source = Source(*scenes)
        source.scenes["orbit"] = [s["orbit"] for s in scenes]
    rule, patch = Scenes(order="recent"), {"size_px": 264, "native_m": [10]}
    both = pd.concat([SITES, SITES.assign(site_id=["c", "d"])]).iloc[[0, 2]]
    table = choose_scenes(both, pd.DataFrame(SUMMERS), source, rule, **patch, has_cloud=False)
    assert table["status"].tolist() == ["chosen", "no_season"]
    assert table["orbit"].isna().tolist() == [False, True]
    assert table["orbit"][0] == ("late orbit" if in_search else "descending")
    assert table[["cloud", "cloud_of"]].isna().all(axis=None)
    optical = choose_scenes(ONE, pd.DataFrame(SUMMERS), Radar(*RADAR), rule, **patch)
    assert optical["orbit"].isna().all()
