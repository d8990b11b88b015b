"""The table of rates: complete, credited, and refused with file, line and column when it is wrong."""

import csv

import pytest
from greenup.costs.rates import COLUMNS, KINDS, OPTIONAL, TABLE, TABLE_VARIABLE, UNITS, read_rates
from greenup.errors import UserError


@pytest.fixture
def table(tmp_path):
    """Writes config/rates.csv with cells of one row changed, and returns its path."""

    def write(of="bandwidth", drop=False, extra=(), **cells):
        with TABLE.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        rows = [r | (cells if r["name"] == of else {}) for r in rows if not (drop and r["name"] == of)]
        path = tmp_path / "rates.csv"
        with path.open("w", newline="") as stream:
            out = csv.DictWriter(stream, COLUMNS)
            out.writeheader()
            out.writerows([*rows, *extra])
        return path

    return write


def line_of(name):
    with TABLE.open(newline="") as stream:
        return next(i for i, row in enumerate(csv.DictReader(stream), start=2) if row["name"] == name)


class TestTheTable:
    def test_is_read_whole(self):
        rates = read_rates()
        assert set(rates) == set(UNITS) - OPTIONAL
        assert {r.kind for r in rates.values()} == set(KINDS)

    def test_measured_rates_say_on_what(self):
        for rate in read_rates().values():
            if rate.kind == "measured":
                assert "benchmarks/" in rate.source and "cores" in rate.source, rate.name

    def test_earth_engines_limits_have_a_page(self):
        rates = read_rates()
        for name in (
            "ee_connections",
            "ee_request_rate",
            "ee_tier_community",
            "ee_tier_contributor",
            "ee_tier_partner",
        ):
            assert "https://developers.google.com/earth-engine/" in rates[name].source

    def test_agrees_with_the_code_that_it_speaks_of(self):
        from greenup.imagery import stac
        from greenup.imagery.earthengine import login, pixels, search

        rates = {name: rate.value for name, rate in read_rates().items()}
        assert rates["ee_sites_a_search"] == search.SITES_A_SEARCH
        assert rates["ee_request_bytes"] == pixels.REQUEST_BYTES
        assert rates["ee_connections"] == login.AT_ONCE
        assert rates["stac_sites_a_search"] == stac._SITES_A_SEARCH
        assert rates["stac_items_a_page"] == stac._ITEMS_A_PAGE

    def test_a_table_of_ones_own(self, table, monkeypatch):
        monkeypatch.setenv(TABLE_VARIABLE, str(table(value="123")))
        assert read_rates()["bandwidth"].value == 123


class TestRefused:
    @pytest.mark.parametrize(
        ("cells", "column", "words"),
        [
            ({"value": "fast"}, "value", "'fast' is no number"),
            ({"value": ""}, "value", "'' is no number"),
            ({"value": "0"}, "value", "cannot be"),
            ({"value": "-3"}, "value", "cannot be"),
            ({"value": "inf"}, "value", "cannot be"),
            ({"value": "nan"}, "value", "cannot be"),
            ({"unit": "MB/s"}, "unit", "'MB/s'"),
            ({"kind": "guessed"}, "kind", "'guessed'"),
            ({"source": " "}, "source", "no value"),
            ({"meaning": ""}, "meaning", "no value"),
            ({"name": "bandwith"}, "name", "'bandwith' is no rate"),
        ],
    )
    def test_a_wrong_cell(self, table, cells, column, words):
        path = table(**cells)
        with pytest.raises(UserError) as error:
            read_rates(path)
        assert f"{path}, line {line_of('bandwidth')}, column {column!r}" in error.value.message
        assert words in error.value.message
        assert error.value.mend

    def test_a_share_above_one(self, table):
        with pytest.raises(UserError, match=r"column 'value': 1\.5"):
            read_rates(table("found_share", value="1.5"))

    def test_a_rate_twice(self, table):
        row = dict(zip(COLUMNS, ("views", "1", UNITS["views"], "assumed", "me", "views"), strict=True))
        with pytest.raises(
            UserError, match=rf"line {len(UNITS) - len(OPTIONAL) + 2}, column 'name': 'views' stands twice"
        ):
            read_rates(table(extra=[row]))

    def test_a_rate_that_is_missing(self, table):
        with pytest.raises(UserError, match="no row 'views'"):
            read_rates(table("views", drop=True))

    def test_a_column_that_is_missing(self, tmp_path):
        path = tmp_path / "rates.csv"
        path.write_text("name,value,unit,kind,source\n")
        with pytest.raises(UserError, match=r"rates\.csv: column 'meaning' is missing"):
            read_rates(path)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.csv: cannot be read"):
            read_rates(tmp_path / "none.csv")

    def test_no_text(self, tmp_path):
        path = tmp_path / "rates.csv"
        path.write_bytes(b"name\xff\xfe\n")
        with pytest.raises(UserError, match=r"rates\.csv: cannot be read as CSV"):
            read_rates(path)
