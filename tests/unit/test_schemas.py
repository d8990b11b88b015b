"""Tables between stages: types, missing values, keys, coordinates; and the page that documents them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup import schemas
from greenup.errors import UserError
from greenup.schema import KINDS
from greenup.schemas import EMBEDDINGS, INTERVALS, PHENOLOGY, PROBES, SCENES, SITES, Column, Schema
from hypothesis import given
from hypothesis import strategies as st

EVERY_KIND = Schema(
    "sample",
    "One column of each kind.",
    (
        Column("name", "text", "a name"),
        Column("count", "int", "a count", null=True),
        Column("size", "float", "a size", null=True),
        Column("clear", "bool", "whether", null=True),
        Column("time", "time", "a time", null=True),
        Column("day", "date", "a day", null=True),
    ),
    ("name",),
)


def sites(**columns) -> pd.DataFrame:
    table = {"site_id": ["a", "b"], "lon": [5.0, -70.5], "lat": [45.0, -10.0], "stratum": ["x", "y"]}
    table |= {"land": True, "climate_zone": None, "land_cover": None, "ecoregion": None, "biome": None, "realm": None}
    table |= {"mountain": False, "weight": 1.0, "shard": 0}
    return pd.DataFrame({**table, **columns})


def said(schema: Schema, table: pd.DataFrame) -> str:
    with pytest.raises(UserError) as caught:
        schema.check(table, "some.csv")
    assert str(caught.value).startswith("some.csv: ")
    return str(caught.value)


class TestTypes:
    def test_types_and_order_are_the_schemas(self):
        table = pd.DataFrame(
            {
                "day": ["2020-02-29", None],
                "extra": [1, 2],
                "time": pd.to_datetime(["2020-06-01T10:00:00+02:00", None]),
                "clear": [True, None],
                "size": [1, 2],
                "count": [3.0, None],
                "name": ["a", "b"],
            }
        )
        checked = EVERY_KIND.check(table, "x")
        assert list(checked) == ["name", "count", "size", "clear", "time", "day", "extra"]
        assert {n: str(t) for n, t in checked.dtypes.items() if n != "extra"} == {
            "name": "string",
            "count": "Int64",
            "size": "float64",
            "clear": "boolean",
            "time": "datetime64[us, UTC]",
            "day": "datetime64[us]",
        }
        assert checked["time"][0] == pd.Timestamp("2020-06-01T08:00:00Z")
        assert checked["count"].isna().tolist() == [False, True]

    @pytest.mark.parametrize(
        "column, values",
        [
            ("count", [1.5, 2]),
            ("count", ["one", "two"]),
            ("size", ["big", "small"]),
            ("clear", ["maybe", "no"]),
            ("time", ["2020-01-01T00:00:00", "later"]),
            ("day", ["2021-02-29", "2020-01-01"]),
            ("day", pd.to_datetime(["2020-01-01T23:00Z", "2020-01-02T23:00Z"])),
        ],
        ids=str,
    )
    def test_other_types_are_refused_by_name(self, column, values):
        good = {"name": ["a", "b"], "count": 1, "size": 1.0, "clear": True, "time": "2020-01-01", "day": "2020-01-01"}
        assert f"column '{column}' is not" in said(EVERY_KIND, pd.DataFrame({**good, column: values}))

    def test_missing_values_of_nullable_integers_become_nan(self):
        table = pd.DataFrame({"name": ["a", "b"], "size": pd.array([1, None], "Int64")})
        table = table.assign(count=1, clear=True, time=None, day=None)
        assert EVERY_KIND.check(table, "x")["size"].tolist() == pytest.approx([1, np.nan], nan_ok=True)

    def test_any_index_is_dropped(self):
        table = sites()
        table.index = [7, 7]
        assert SITES.check(table, "x").index.tolist() == [0, 1]

    def test_the_table_given_stays_as_it_is(self):
        table = sites(lon=[5, 6])
        before = table.copy(deep=True)
        SITES.check(table, "x")
        pd.testing.assert_frame_equal(table, before)

    def test_lists(self):
        vectors = [np.ones(3, "float32"), np.zeros(3, "float32")]
        table = pd.DataFrame({"site_id": ["a", "b"], "season": "summer", "embedding": vectors})
        assert EMBEDDINGS.check(table, "x")["embedding"][0].shape == (3,)

    def test_checking_twice_changes_nothing(self):
        once = SITES.check(sites(), "x")
        pd.testing.assert_frame_equal(SITES.check(once, "x"), once)

    def test_text_may_be_categories(self):
        """They stay so, and mean the same: in types, missing values and keys."""
        plain = pd.DataFrame({"name": ["b", "a"]}).assign(count=[1, None], size=1.0, clear=True, time=None, day=None)
        grouped = plain.assign(name=plain["name"].astype("category"))
        checked = EVERY_KIND.check(grouped, "x")
        assert isinstance(checked["name"].dtype, pd.CategoricalDtype)
        assert str(checked["name"].cat.categories.dtype) == "string"
        assert checked["name"].tolist() == ["b", "a"]
        assert str(grouped["name"].cat.categories.dtype) == "str", "the table given stays as it is"
        assert "column 'name', row 1: no value" in said(
            EVERY_KIND, plain.assign(name=pd.Categorical(["a", None], categories=["a"]))
        )

    def test_attributes_stay(self):
        table = sites()
        table.attrs["simulated"] = True
        assert SITES.check(table, "x").attrs == {"simulated": True}


class TestRefusals:
    def test_missing_column_tells_all(self):
        message = said(SITES, sites().drop(columns="lon"))
        assert "column 'lon' is missing" in message
        assert "a sites table has site_id, lon, lat, stratum" in message

    @pytest.mark.parametrize("column", ["site_id", "lat", "weight", "shard"])
    def test_no_value_where_there_must_be_one(self, column):
        table = sites().astype(object)
        table.loc[1, column] = None
        assert f"column '{column}', row 1: no value" in said(SITES, table)

    def test_no_value_where_there_may_be_none(self):
        assert SITES.check(sites(), "x")["land_cover"].isna().all()

    @pytest.mark.parametrize("lat", [95.0, -90.01, np.inf])
    def test_latitude(self, lat):
        message = said(SITES, sites(lat=[45.0, lat]))
        assert f"column 'lat', row 1: {lat:g} is outside -90..90" in message
        assert "swapped" in message

    @pytest.mark.parametrize("lon", [181.0, -200.0])
    def test_longitude(self, lon):
        assert f"column 'lon', row 0: {lon:g} is outside -180..180" in said(SITES, sites(lon=[lon, 0.0]))

    def test_ends_of_the_world_are_in_it(self):
        SITES.check(sites(lon=[180.0, -180.0], lat=[90.0, -90.0]), "x")

    def test_key_twice(self):
        message = said(SITES, sites(site_id=["a", "a"]))
        assert "site_id a stands twice (row 1)" in message

    def test_key_of_several_columns(self):
        row = {"site_id": "a", "season": "spring", "status": "chosen", "candidates": 3, "reason": "least cloud"}
        row |= dict.fromkeys(["scene_id", "time", "cloud", "cloud_of", "days_from_middle"])
        table = pd.DataFrame([row, {**row, "season": "summer"}])
        assert len(SCENES.check(table, "x")) == 2
        assert "site_id + season a, spring stands twice" in said(SCENES, pd.DataFrame([row, row]))

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-2, 2)), max_size=12), st.booleans())
    def test_keys_of_categories_and_numbers(self, rows, in_order):
        """Quick where rows are in order, and right in any order: against a count of the rows."""
        keyed = Schema("keyed", "", (Column("a", "text", ""), Column("b", "text", ""), Column("n", "int", "")),
                       ("a", "b", "n"), may_be_empty=True)  # fmt: skip
        rows = sorted(rows) if in_order else rows
        a, b, n = zip(*rows, strict=True) if rows else ((), (), ())
        table = pd.DataFrame(
            {"a": pd.Categorical.from_codes(a, list("wxyz")), "b": pd.Categorical.from_codes(b, list("pqr")), "n": n}
        )
        if len(set(rows)) == len(rows):
            keyed.check(table, "x")
        else:
            assert "stands twice" in said(keyed, table)

    def test_keys_too_many_to_number(self):
        """Years of 64 bits times texts overflow: the slow way is taken."""
        keyed = Schema("keyed", "", (Column("a", "text", ""), Column("n", "int", "")), ("a", "n"))
        table = pd.DataFrame({"a": pd.Categorical(["x", "y", "y"]), "n": [0, -(2**61), 2**61]})
        keyed.check(table, "x")
        assert "a + n y, 0 stands twice (row 2)" in said(keyed, table.assign(n=[2**61, 0, 0]))

    def test_empty(self):
        assert "has no rows" in said(SITES, sites().iloc[:0])
        empty = pd.DataFrame({c.name: [] for c in INTERVALS.columns})
        assert INTERVALS.check(empty, "x").empty

    def test_a_value_of_the_wrong_table(self):
        assert "column 'greenup' is missing" in said(PHENOLOGY, sites())


class TestDefinitions:
    @pytest.mark.parametrize("schema", schemas.ALL, ids=lambda s: s.name)
    def test_each_is_sound(self, schema):
        names = [c.name for c in schema.columns]
        assert len(set(names)) == len(names)
        assert set(schema.key) <= set(names)
        assert not any(c.null for c in schema.columns if c.name in schema.key)
        assert all(c.doc and c.kind in {*KINDS, "list"} for c in schema.columns)
        assert not schema.is_geo or {"lon", "lat"} <= set(names)

    def test_names_are_unique(self):
        assert len({s.name for s in schemas.ALL}) == len(schemas.ALL)

    def test_every_schema_of_the_module_is_listed(self):
        assert {id(v) for v in vars(schemas).values() if isinstance(v, Schema)} == {id(s) for s in schemas.ALL}

    def test_page_fits(self):
        page = Path(__file__).parents[2] / "docs/files.md"
        assert page.read_text(encoding="utf-8") == schemas.to_markdown(), (
            "run: cd scripts && python -m greenup.schemas > ../docs/files.md"
        )

    def test_page_tells_every_column(self):
        page = schemas.to_markdown()
        assert all(f"| `{c.name}` | {c.kind}" in page for s in schemas.ALL for c in s.columns)
        assert PROBES.header().startswith("model, task, protocol")
