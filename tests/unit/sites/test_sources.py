"""The table of files that can be fetched, and what the values of a study's `sources:` mean."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from greenup.config import resolve as resolve_study
from greenup.config.sites import Sources
from greenup.errors import UserError
from greenup.plan import Plan
from greenup.sites import sources
from greenup.sites.sources import KINDS, TABLE, SiteData, SourceFile, credit, fetchable, known, resolve

SCRIPTS = Path(__file__).parents[3] / "scripts"
ROW = {
    "name": "hills", "source": "mountains", "title": "Hills", "url": "https://example.org/files/hills%20v1.zip?dl=1",
    "mirror": "", "checksum": "", "member": "deep/hills.shp", "legend": "", "licence": "CC0", "attribution": "Hills",
}  # fmt: skip


@pytest.fixture
def table(tmp_path, monkeypatch):
    """``table(row, ...)``: a table of its own in place of config/sources.csv."""

    def write(*rows: dict) -> Path:
        path = tmp_path / f"sources{len(list(tmp_path.iterdir()))}.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(ROW))
            writer.writeheader()
            writer.writerows(rows)
        monkeypatch.setenv(sources.TABLE_VARIABLE, str(path))
        return path

    return write


class TestTheTable:
    def test_every_source_has_a_file(self):
        assert {f.source for f in known().values()} == set(KINDS)

    @pytest.mark.parametrize("name", sorted(known()))
    def test_rows_are_complete(self, name):
        file = known()[name]
        assert file.title and file.licence and file.attribution
        assert not file.attribution.endswith("."), "the line it stands in ends it"
        assert file.url.startswith("https://"), "first addresses are encrypted"
        assert (file.source == "land_cover") == (file.legend in ("igbp", "copernicus"))
        # What is downloaded as an archive names the file inside it.
        assert bool(file.member) == file.download.endswith(".zip")
        assert file.path.suffix in (".shp", ".tif", ".csv", ".txt")

    def test_checksums_are_well_formed(self):
        for file in known().values():
            assert re.fullmatch(r"|sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum), file.name

    def test_files_have_places_of_their_own(self):
        paths = [f.path for f in known().values()]
        assert len(set(paths)) == len(paths)

    def test_place_of_a_file(self):
        file = SourceFile(**ROW)
        assert file.download == "hills v1.zip"
        assert file.path == Path("data/sources/hills/hills.shp")
        assert SourceFile(**{**ROW, "member": ""}).path == Path("data/sources/hills/hills v1.zip")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"source": "mountain"}, ["'mountain'", "'mountains'", "line 2"]),
            ({"name": "packaged"}, ["'packaged'"]),
            ({"name": "a/b"}, ["'a/b'"]),
            ({"url": "ftp://example.org/x"}, ["ftp://example.org/x"]),
            ({"checksum": "sha256:abc"}, ["sha256:abc", "64"]),
            ({"checksum": "f" * 64}, ["sha256:"]),
        ],
    )
    def test_a_wrong_row_is_refused(self, table, change, said):
        path = table({**ROW, **change})
        with pytest.raises(UserError) as error:
            known()
        assert all(part in str(error.value) for part in [*said, path.name, "mend:"])

    def test_a_name_that_stands_twice_is_refused(self, table):
        table(ROW, ROW)
        with pytest.raises(UserError, match=r"line 3.*'hills'"):
            known()

    def test_a_missing_column_or_table_is_named(self, tmp_path, monkeypatch):
        path = tmp_path / "t.csv"
        path.write_text("name,source\n")
        monkeypatch.setenv(sources.TABLE_VARIABLE, str(path))
        with pytest.raises(UserError, match="'title' is missing"):
            known()
        monkeypatch.setenv(sources.TABLE_VARIABLE, str(tmp_path / "none.csv"))
        with pytest.raises(UserError, match=r"none\.csv.*\n.*GREENUP_SOURCES"):
            known()

    def test_without_the_variable_it_is_the_repositorys(self, monkeypatch):
        monkeypatch.delenv(sources.TABLE_VARIABLE, raising=False)
        assert TABLE.is_file() and TABLE.parts[-2:] == ("config", "sources.csv")
        assert "ecoregions_2017" in known()


class TestResolve:
    def test_packaged_is_no_file(self):
        assert resolve(Sources()) == SiteData()
        assert SiteData().files == {}

    def test_a_name_is_a_place_below_data(self):
        data = resolve(Sources(ecoregions="ecoregions_2017", mountains="gmba_v2"))
        assert data.files == {
            "ecoregions": Path("data/sources/ecoregions_2017/Ecoregions2017.shp"),
            "mountains": Path("data/sources/gmba_v2/GMBA_Inventory_v2.0_standard_basic.shp"),
        }

    def test_a_named_land_cover_brings_its_legend(self, tmp_path):
        assert resolve(Sources(land_cover="copernicus_lc100_2019")).land_cover_legend == "copernicus"
        mine = tmp_path / "mine.tif"
        mine.touch()
        assert resolve(Sources(land_cover=str(mine))).land_cover_legend == "igbp"
        assert resolve(Sources(land_cover=str(mine), land_cover_legend="copernicus")).land_cover_legend == "copernicus"

    def test_a_path_is_itself(self, tmp_path):
        mine = tmp_path / "land.gpkg"
        mine.touch()
        assert resolve(Sources(land=str(mine))).land == mine

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("ecoregions_2016", ["sources.ecoregions", "'ecoregions_2016'", "did you mean 'ecoregions_201"]),
            ("no/such/file.shp", ["sources.ecoregions", "no/such/file.shp", "packaged, ecoregions_2017"]),
            ("gmba_v2", ["sources.ecoregions", "a file of mountains", "sources.mountains: gmba_v2", "ecoregions_2001"]),
            (".", ["sources.ecoregions", "'.'"]),
        ],
    )
    def test_anything_else_is_refused(self, value, said):
        with pytest.raises(UserError) as error:
            resolve(Sources(ecoregions=value))
        assert all(part in str(error.value) for part in [*said, "mend:"]), error.value

    def test_credit(self, tmp_path):
        file = known()["gmba_v2"]
        assert fetchable(file.path) == file
        assert credit(file.path) == file.attribution
        assert credit(tmp_path / "my_mountains.gpkg") == "my_mountains.gpkg"
        assert fetchable(tmp_path / "my_mountains.gpkg") is None

    def test_a_table_of_ones_own(self, table):
        table(ROW)
        assert resolve(Sources(mountains="hills")).mountains == Path("data/sources/hills/hills.shp")
        with pytest.raises(UserError, match="gmba_v2"):
            resolve(Sources(mountains="gmba_v2"))


STUDY = {
    "study": "x",
    "sources": {"ecoregions": "ecoregions_2017", "cities": "geonames_15000"},
    "datasets": {
        "towns": {"sites": {"sampler": "cities", "region": "region.gpkg"}},
        "mine": {"sites": {"sampler": "points", "file": "p.csv", "region": [0, 0, 1, 1]}},
    },
}


class TestPlan:
    @pytest.fixture
    def plan(self) -> Plan:
        return Plan(resolve_study(STUDY))

    def test_inputs_of_sites(self, plan):
        ecoregions = "data/sources/ecoregions_2017/Ecoregions2017.shp"
        cities = "data/sources/geonames_15000/cities15000.txt"
        assert plan.sites_inputs("mine") == ["p.csv", ecoregions]
        assert plan.sites_inputs("towns") == ["region.gpkg", ecoregions, cities]
        assert plan.land_inputs == ["region.gpkg", ecoregions]

    def test_only_towns_depend_on_the_list_of_cities(self, plan):
        assert plan.site_data("towns")["cities"] and not plan.site_data("mine")["cities"]
        assert plan.site_data("mine")["ecoregions"] == plan.site_data()["ecoregions"]

    def test_regions_and_coverage(self, plan):
        assert plan.regions == ["region.gpkg", (0, 0, 1, 1)]
        assert plan.coverage == ["results/x/coverage/towns.csv", "results/x/coverage/mine.csv"]
        assert plan.figures["coverage"] == "results/x/paper/figures/coverage.png"

    def test_row_of_a_fetched_file(self, plan):
        assert plan.source_file("gmba_v2", "GMBA_Inventory_v2.0_standard_basic.shp")["source"] == "mountains"
        with pytest.raises(UserError, match=r"gmba_v2/other\.shp"):
            plan.source_file("gmba_v2", "other.shp")

    def test_a_wrong_name_is_told_when_planning(self):
        with pytest.raises(UserError, match=r"sources\.land: 'natural_earth'"):
            Plan(resolve_study({**STUDY, "sources": {"land": "natural_earth"}}))


def test_resolving_imports_nothing_heavy():
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import greenup.sites.sources; "
        "print([m for m in ('numpy', 'pandas', 'pooch', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
