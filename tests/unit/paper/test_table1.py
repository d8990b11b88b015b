from pathlib import Path

import pandas as pd
import pytest
from greenup.config import parse
from greenup.config.seasons import Seasons
from greenup.config.sites import Sites
from greenup.errors import UserError
from greenup.paper.table1 import (
    COLUMNS,
    OWN,
    count_datasets,
    distribution,
    images_a_site,
    read_published,
    readable_table,
    season_rule,
)

PUBLISHED = Path(__file__).resolve().parents[3] / "config" / "published" / "table1.csv"
SITES = pd.DataFrame({"site_id": ["a", "b", "c"], "ecoregion": ["x", "x", None]})


def sites(**block):
    return parse(Sites, block)


def seasons(**block):
    return parse(Seasons, block)


@pytest.fixture
def table():
    rules = {
        "ssl4eo_s12": (sites(sampler="cities"), seasons(rule="quarters")),
        "mine": (sites(sampler="points", file="p.csv"), None),
    }
    return count_datasets({"ssl4eo_s12": SITES, "mine": SITES.iloc[:1]}, rules, read_published(PUBLISHED))


def test_own_datasets_are_counted_and_stand_beside_their_namesakes(table):
    assert tuple(table.columns) == COLUMNS
    own = table[table["source"] == OWN].set_index("dataset")
    assert own["locations"].to_dict() == {"ssl4eo_s12": 3, "mine": 1}
    assert own["published_locations"].to_dict() == {"ssl4eo_s12": "250k", "mine": ""}
    assert own.loc["ssl4eo_s12", ["images", "ecoregions"]].tolist() == [4, 1]
    assert own.loc["mine", "images"] is pd.NA


def test_published_rows_are_as_printed_and_never_counted(table):
    printed = table[table["source"] != OWN]
    assert len(printed) == 9 and printed["locations"].isna().all() and printed["images"].isna().all()
    rows = printed.set_index("dataset")
    assert rows.loc["SSL4Eco", ["published_locations", "distribution", "seasons"]].tolist() == [
        *("250k", "Global grid", "EVI-based"),
    ]
    assert set(printed["source"]) == {"Plekhanova et al. 2025, Table 1"}


def test_readers_see_the_own_first_and_the_source_of_the_others(table):
    shown = readable_table(table)
    assert [title for title, _ in shown.groups] == ["this study", "as published: Plekhanova et al. 2025, Table 1"]
    first = shown.groups[0][1][0]
    assert first[:5] == (
        *("ssl4eo_s12", "3", "250k", "around the 10,000 largest cities"),
        "quarters of a year, random phase, ± 15 days",
    )
    assert shown.groups[0][1][1][4:] == ("–", "–", "1")


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"sampler": "grid"}, "grid of 23 km on land"),
        ({"sampler": "grid", "limit": 40}, "grid of 23 km on land, part of it"),
        ({"sampler": "uniform", "count": 5, "region": [-180, -60, 180, 84]}, "uniform on land; 60° S to 84° N"),
        (
            {"sampler": "ecoregion", "region": [5.5, 45, 11, 48]},
            "over ecoregions, by square root of area; 45° N to 48° N, 6° E to 11° E",
        ),
        ({"sampler": "points", "file": "a.csv", "region": "data/alps.gpkg"}, "own points; inside alps.gpkg"),
    ],
)
def test_distribution(block, text):
    assert distribution(sites(**block)) == text


@pytest.mark.parametrize(
    ("block", "text", "images"),
    [
        ({"rule": "evi"}, "EVI-based", 4),
        ({"rule": "calendar"}, "calendar, ± 30 days", 4),
        ({"rule": "random"}, "every 84 days, random phase, ± 7 days", 5),
        ({"rule": "window"}, "summer, ± 30 days", 1),
        ({"rule": "custom", "windows": {"dry": ["05-01", "09-30"], "wet": ["11-01", "03-31"]}}, "own windows", 2),
        ({"rule": "custom", "file": "w.csv"}, "own windows", None),
    ],
)
def test_season_rules(block, text, images):
    assert season_rule(seasons(**block)) == text and images_a_site(seasons(**block)) == images


def test_a_damaged_file_of_published_datasets_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("dataset,locations\nx,1\n")
    with pytest.raises(UserError, match=r"t\.csv: column 'distribution'"):
        read_published(path)
    with pytest.raises(UserError, match=r"none\.csv"):
        read_published(tmp_path / "none.csv")
