"""Scenes by a table of ids: as SSL4Eco's authors publish them, and as a user might write them."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import PointSites
from greenup.errors import UserError
from greenup.scenes.index import scenes_from_index
from greenup.schemas import INTERVALS, SCENES, SITES
from greenup.sites.sample import sample_sites
from greenup.sites.sources import SiteData

SITES_TABLE = pd.DataFrame(
    {"site_id": ["a", "b", "c"], "lon": [8.0, 9.0, -179.999], "lat": [47.0, 48.0, 65.0], "shard": [0, 0, 1]}
)
NAMES = ("spring", "summer", "autumn", "winter")
MONTHS = {"spring": ("03-01", "05-31"), "summer": ("06-01", "08-31"), "autumn": ("09-01", "11-30")}


def intervals(*sites, years=(2019, 2020), months=MONTHS):
    rows = [
        (site, season, year, f"{year}-{first}", f"{year}-{first[:2]}-15", f"{year}-{last}", 0, 0)
        for site in sites
        for season, (first, last) in months.items()
        for year in years
    ]
    table = pd.DataFrame(rows, columns=[c.name for c in INTERVALS.columns])
    return INTERVALS.check(table, "test")


def stamp(day, tile="T32TMT"):
    day = day.replace("-", "")
    return f"{day}T103021_{day}T103210_{tile}"


def given(path, text, *, sites=SITES_TABLE, seasons=None, shard=0, names=NAMES):
    path.write_text(text)
    seasons = intervals("a", "b") if seasons is None else seasons
    table = scenes_from_index(str(path), sites, seasons, shard=shard, names=names)
    SCENES.check(table, "test")
    assert table["reason"].str.len().min() > 10
    return table.set_index(["site_id", "season"])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "index.csv"


class TestWide:
    def test_an_id_stands_for_the_season_that_holds_its_day(self, file):
        """Not for that of its position: here autumn stands first."""
        ids = [stamp(d) for d in ("2019-10-01", "2020-04-02", "2019-07-03", "2019-12-24")]
        table = given(file, "index,lon,lat,image_id_1,image_id_2,image_id_3,image_id_4\n7,8,47," + ",".join(ids))
        assert table.loc["a", "scene_id"].to_dict() == dict(
            zip(("autumn", "spring", "summer", "winter"), ids, strict=True)
        )
        assert table.loc[("a", "spring"), "time"] == pd.Timestamp("2020-04-02T10:30:21Z")
        # From the noon of 15 March 2020 to the morning of 2 April.
        assert table.loc[("a", "spring"), "days_from_middle"] == pytest.approx(18 - 1.5 / 24, abs=0.01)
        assert table.loc[("a", "autumn"), "reason"] == "given by index.csv, line 2, column image_id_1: by its day"
        # No interval of winter is known: its position is that of winter.
        assert "by its position" in table.loc[("a", "winter"), "reason"]
        assert np.isnan(table.loc[("a", "winter"), "days_from_middle"])
        assert table.loc["b", "status"].tolist() == ["no_scene"] * 4
        assert set(table.loc["b", "reason"]) == {"index.csv has no row of this site"}
        assert table["cloud"].isna().all()

    def test_two_of_one_season(self, file):
        """The one at its own position stays, the other takes its own, or what is left."""
        ids = [stamp("2019-06-20"), stamp("2019-06-14"), stamp("2020-06-13")]
        table = given(file, "site_id,image_id_1,image_id_2,image_id_3\na," + ",".join(ids))
        assert table.loc["a", "scene_id"].dropna().to_dict() == {
            "spring": ids[0], "summer": ids[1], "autumn": ids[2]
        }  # fmt: skip
        assert table.loc[("a", "summer"), "reason"].endswith("by its day")

    def test_what_finds_its_own_places_taken_gets_the_one_that_is_left(self, file):
        ids = [stamp("2019-07-01"), stamp("2019-12-24")]
        table = given(file, "site_id,image_id_1,image_id_2\na," + ",".join(ids))
        assert table.loc["a", "scene_id"].dropna().to_dict() == {"summer": ids[0], "spring": ids[1]}
        assert "for the season that is left" in table.loc[("a", "spring"), "reason"]

    def test_gaps_and_empty_rows(self, file):
        one = stamp("2019-07-01")
        table = given(file, f"site_id,image_id_1,image_id_2\na,,{one}\nb,,\n")
        assert table.loc["a", "status"].to_dict() == {
            "spring": "no_scene", "summer": "chosen", "autumn": "no_scene", "winter": "no_scene"
        }  # fmt: skip
        assert table.loc[("a", "spring"), "reason"] == "index.csv, line 2, names no image of this season"
        assert set(table.loc["b", "reason"]) == {"index.csv, line 3, names no image"}
        assert table["candidates"].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]

    def test_collection_prefixes_and_repeats_are_left_out(self, file):
        one = stamp("2019-07-01")
        text = f"site_id,image_id_1,image_id_2\na,COPERNICUS/S2_SR_HARMONIZED/{one},{one}"
        table = given(file, text)
        assert table["scene_id"].dropna().tolist() == [one]

    def test_by_place_across_the_antimeridian_and_over_shards(self, file):
        """The row next to a site of another shard is that site's, however near it is to ours."""
        sites = pd.DataFrame(
            {"site_id": ["a", "b", "c"], "lon": [8.0, 8.004, 179.9999], "lat": [47.0, 47.0, 65.0], "shard": [0, 1, 1]}
        )
        one, two = stamp("2019-07-01"), stamp("2019-07-02", "T01WEP")
        text = f"lon,lat,image_id_1\n8.003,47,{one}\n-179.9999,65,{two}\n100,0,{one}\n"
        first = given(file, text, sites=sites, seasons=intervals("a"))
        assert first["scene_id"].isna().all()
        second = given(file, text, sites=sites, seasons=intervals("b", "c"), shard=1)
        assert second["scene_id"].dropna().to_dict() == {("b", "summer"): one, ("c", "summer"): two}

    def test_rows_that_say_the_same_count_once(self, file):
        one = stamp("2019-07-01")
        table = given(file, f"lon,lat,image_id_1\n8,47,{one}\n8,47,{one}\n")
        assert table.loc[("a", "summer"), "scene_id"] == one

    def test_seasons_of_any_name(self, file):
        """The rule that names them q1..q4 has other days a site; those beyond 9 keep their order."""
        names = tuple(f"d{i}" for i in range(1, 12))
        ids = [stamp(f"2018-01-{i:02d}") for i in range(1, 12)]
        columns = ",".join(f"image_id_{i}" for i in range(1, 12))
        table = given(file, f"site_id,{columns}\na,{','.join(ids)}", names=names)
        assert table.loc["a", "scene_id"].to_dict() == dict(zip(names, ids, strict=True))


class TestLong:
    def test_rows_name_their_season(self, file):
        text = f"Site_ID,Season,Image_ID\na,winter,{stamp('2019-07-01')}\nb,summer,{stamp('2019-07-02')}\na,spring,\n"
        table = given(file, text)
        assert table["scene_id"].dropna().to_dict() == {
            ("a", "winter"): stamp("2019-07-01"), ("b", "summer"): stamp("2019-07-02")
        }  # fmt: skip
        assert table.loc[("a", "winter"), "reason"].endswith("line 2, column image_id: for this season")

    def test_a_column_of_times(self, file):
        text = "site_id,season,image_id,time\na,summer,S2A_32TMT_20190701_0_L2A,2019-07-01T10:30:21Z\n"
        table = given(file, text)
        assert table.loc[("a", "summer"), "time"] == pd.Timestamp("2019-07-01T10:30:21Z")


ONE = stamp("2019-07-01")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("site_id,image\na,x", ["column 'image_id_1' is missing; the file has: site_id, image"]),
        ("site_id,image_id\na,x", ["column 'season' is missing"]),
        ("index,image_id_1\na,x", ["column 'lon' is missing", "give site_id, or lon and lat"]),
        ("site_id,image_id_1\n", ["the table has no rows"]),
        ("site_id,image_id_1,IMAGE_ID_1\na,,", ["column 'image_id_1' stands twice"]),
        ("lon,lat,image_id_1\n8,470,x", ["line 2, column 'lat': '470' is outside -90..90", "longitude in lon"]),
        ("lon,lat,image_id_1\n8,47,\neight,47,x", ["line 3, column 'lon': 'eight' is outside"]),
        ("site_id,image_id_1\nz,x", ["none of its rows belongs to a site", "'z'; the sites are named like 'a'"]),
        ("lon,lat,image_id_1\n0,0,x", ["none of its rows belongs to a site", "within 0.5 km; line 2 is at 0, 0"]),
        ("site_id,image_id_1\nb,\n\na,scene", ["line 4, column 'image_id_1': 'scene' does not tell when", "T30TYN"]),
        ("site_id,image_id_1\na,20191399T103021_x", ["'20191399T103021_x' does not tell when it was taken"]),
        (f"site_id,image_id_1\na,{ONE}\na,{stamp('2019-07-02')}", ["line 3: site a has other ids in line 2"]),
        (
            f"site_id,image_id_1,image_id_2,image_id_3,image_id_4,image_id_5\na,,,,,{ONE}",
            ["column 'image_id_5'", "one image too many: the seasons of this dataset are spring, summer"],
        ),
        (f"site_id,season,image_id\na,monsoon,{ONE}", ["line 2, column 'season': 'monsoon'", "choose from spring"]),
        (
            f"site_id,season,image_id\na,summer,{ONE}\na,spring,{ONE}",
            ["line 3: site a, season 'spring'", "stands against line 2", "no image for two"],
        ),
        (
            "site_id,season,image_id,time\na,summer,x,soon",
            ["line 2, column 'image_id': 'x' does not tell when it was taken, nor does time 'soon'"],
        ),
    ],
)
def test_mistakes_are_told_with_line_column_value_and_mend(file, text, parts):
    with pytest.raises(UserError) as caught:
        given(file, text)
    assert str(caught.value).startswith(str(file))
    assert caught.value.mend
    for part in parts:
        assert part in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: no such file\n.*scenes\.index"):
        scenes_from_index(str(tmp_path / "none.csv"), SITES_TABLE, intervals("a"), shard=0, names=NAMES)


@pytest.mark.parametrize("table", ["arctic", "biomes", "euforest"])
def test_the_published_tables(table, samples, tmp_path):
    """Every row of SSL4Eco's own tables: points of the file as sites, the images that it names, in any shards."""
    file = samples / "ssl4eco_index_sample" / f"{table}_labels_with_image_ids.csv"
    rows = pd.read_csv(file)
    # As published, some places stand twice under different numbers; a dataset takes a place once.
    points = tmp_path / "points.csv"
    rows.drop_duplicates(["lon", "lat"])[["lon", "lat"]].to_csv(points, index=False)
    block = PointSites(sampler="points", file=str(points))
    sites = SITES.check(sample_sites("points", block, SiteData(), shards=3, seed=1), "test")
    window = {"summer": ("06-01", "08-31")}
    seasons = intervals(*sites["site_id"], years=range(2017, 2025), months=window)
    parts = [scenes_from_index(str(file), sites, seasons, shard=s, names=["summer"]) for s in range(3)]
    chosen = pd.concat(parts).merge(sites[["site_id", "lon", "lat"]], on="site_id")
    assert len(chosen) == len(sites)
    assert (chosen["status"] == "chosen").all()
    # Found again by the exact coordinates of the file, read independently.
    asked = rows.drop_duplicates(["lon", "lat"]).set_index(["lon", "lat"])["image_id_1"]
    got = chosen.set_index(["lon", "lat"])["scene_id"]
    assert got.sort_index().tolist() == asked.sort_index().tolist()
    assert chosen["time"].dt.strftime("%Y%m%dT%H%M%S").tolist() == chosen["scene_id"].str[:15].tolist()
    in_window = chosen["time"].dt.month.between(6, 8)
    assert chosen["reason"].str.endswith("by its day").tolist() == in_window.tolist()
