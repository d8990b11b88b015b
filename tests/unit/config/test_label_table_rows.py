"""The table of published labels: complete rows, names that resolve, and every mistake named with its mend."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from greenup.config import label_tables, load_study, parse
from greenup.config.label_tables import LEGENDS, TABLE, fetchable, known, resolve, table_named
from greenup.config.labels import Labels, label_files
from greenup.config.sites import Sites
from greenup.errors import UserError
from greenup.plan import Plan

ROOT = Path(__file__).parents[3]
ROW = {
    "name": "moors", "kind": "points", "title": "Moors", "file": "moors.csv", "url": "https://example.org/m.csv",
    "mirror": "", "checksum": "", "member": "", "columns": "moor:text wet:number:wet_share", "rows": "10",
    "licence": "CC0", "citation": "Moors", "source": "https://example.org",
}  # fmt: skip
TASKS = (
    "biomes_published", "cavm", "euforest_species", "euforest_genera", "chelsa", "cavm_rebuilt",
    "euforest_species_rebuilt", "euforest_genera_rebuilt", "chelsa_rebuilt", "arctic_cover", "biomes",
)  # fmt: skip
DATASETS = (
    "biome_points_published", "cavm_points_published", "euforest_points_published", "cavm_points", "euforest_points",
    "arctic_points", "biome_points",
)  # fmt: skip


@pytest.fixture
def table(tmp_path, monkeypatch):
    """``table(key=value, ...)``: a table of one row in place of config/label_tables.csv."""

    def write(**cells: str) -> Path:
        path = tmp_path / f"tables{len(list(tmp_path.iterdir()))}.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(ROW))
            writer.writeheader()
            writer.writerow(ROW | cells)
        monkeypatch.setenv(label_tables.TABLE_VARIABLE, str(path))
        return path

    return write


@pytest.mark.parametrize("name", sorted(known()))
def test_rows_are_complete(name):
    row = known()[name]
    assert row.title and row.licence and row.citation and row.source.startswith("https://")
    assert not row.attribution.endswith("."), "the line it stands in ends it"
    assert row.url.startswith("https://")
    assert row.path.suffix in (".csv", ".tif")
    assert bool(row.columns) == (row.kind != "occurrences")
    assert row.rows > 0 or row.kind != "points"
    assert fetchable(row.path) == row
    # What is unpacked is what is read.
    assert row.member in ("", row.file)


def test_published_files_come_from_one_commit_each():
    """An address with a branch would hand out another file some day."""
    for name, row in known().items():
        if name.startswith("ssl4eco_"):
            commit = row.url.removeprefix("https://raw.githubusercontent.com/PlekhanovaElena/ssl4eco/").split("/")[0]
            assert len(commit) == 40 and set(commit) <= set("0123456789abcdef")


def test_targets_carry_their_units():
    units = {c.meaning for row in known().values() for c in row.columns if c.kind == "number"}
    assert units == {
        "temperature_c", "precipitation_mm_year", "evapotranspiration_mm_month", "water_balance_mm_year"
    }  # fmt: skip


def test_the_legend_of_biomes_is_that_of_the_sites():
    from greenup.sites.biomes import BIOME_OF_NUMBER
    from greenup.tasks.label_tables import read_legend

    ours = read_legend("biome").set_index("value")["class"].to_dict()
    assert ours.pop(15) == BIOME_OF_NUMBER[99]
    assert ours == {n: name for n, name in BIOME_OF_NUMBER.items() if n <= 14}


def test_the_arctic_map_and_the_table_made_of_it_have_the_same_classes():
    from greenup.tasks.label_tables import read_legend

    of_map, of_table = (read_legend(n) for n in ("cavm_raster", "cavm_unit"))
    assert set(of_map["class"].dropna()) == set(of_table["class"])
    # The letter of each unit is what the map's own codes begin with.
    letter = of_table.set_index("class")["note"].to_dict()
    coded = of_map[of_map["note"].str.fullmatch("[BGPSW][1-4][ab]?")]
    assert len(coded) == 14 and (coded["class"].map(letter) == coded["note"].str[0]).all()


def test_nothing_heavy_is_imported():
    code = (
        "import sys; import greenup.config.label_tables as t; t.known(); "
        "print([m for m in ('numpy', 'pandas', 'rasterio', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"kind": "map"}, "kind 'map'"),
        ({"name": "a b"}, "name 'a b'"),
        ({"file": "a/b.csv"}, "file 'a/b.csv'"),
        ({"url": "ftp://example.org"}, "is no address"),
        ({"mirror": "elsewhere"}, "is no address"),
        ({"checksum": "sha256:12"}, "is neither"),
        ({"rows": "many"}, "rows 'many'"),
        ({"columns": "moor:colour"}, "column 'moor:colour'"),
        ({"columns": "moor:class"}, "column 'moor:class'"),
        ({"columns": "moor:list:names"}, "column 'moor:list:names'"),
        ({"columns": "moor:class:heath"}, "legend 'heath'"),
    ],
)
def test_rows_that_cannot_be_right(table, cells, message):
    table(**cells)
    with pytest.raises(UserError, match=message):
        known()


def test_a_table_that_is_not_there_or_lacks_a_column(tmp_path, monkeypatch):
    monkeypatch.setenv(label_tables.TABLE_VARIABLE, str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match="cannot be read"):
        known()
    (tmp_path / "short.csv").write_text("name,kind\nmoors,points\n")
    monkeypatch.setenv(label_tables.TABLE_VARIABLE, str(tmp_path / "short.csv"))
    with pytest.raises(UserError, match="column 'title' is missing"):
        known()


def test_names_and_paths():
    assert resolve("cavm", "raster") == (Path("data/label_tables/raster_cavm_v1.tif"), known()["cavm"])
    assert resolve("mine/map.tif", "raster") == (Path("mine/map.tif"), None)
    for value, message in (("ssl4eco_biomes", "is of kind points"), ("cawm", "is none of config/label_tables.csv")):
        with pytest.raises(UserError, match=message) as caught:
            resolve(value, "raster")
        assert "cavm" in caught.value.mend
    with pytest.raises(UserError, match="no column 'temperature'") as caught:
        table_named("ssl4eco_climate").column("temperature")
    assert "temp, prec" in caught.value.mend


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"source": "label_table", "table": "ssl4eco", "columns": ["biome"]}, "is none of config"),
        ({"source": "label_table", "table": "cavm", "columns": ["value"]}, "is of kind raster"),
        ({"source": "label_table", "table": "ssl4eco_biomes", "columns": ["biom"]}, "no column 'biom'"),
        ({"source": "label_table", "table": "ssl4eco_climate", "columns": ["biome", "temp"]}, "must be numbers"),
        ({"source": "raster"}, "either file"),
        ({"source": "raster", "file": "cavm", "targets": {"t": {"file": "chelsa_bio1"}}}, "either file"),
        ({"source": "raster", "file": "map.tif"}, "classes need names"),
        ({"source": "raster", "file": "chelsa_bio1"}, "classes need names"),
        ({"source": "raster", "file": "map.tif", "legend": "nowhere"}, "legend 'nowhere'"),
        ({"source": "raster", "targets": {"t": {"file": "chelsa_bio99"}}}, "is none of config"),
        ({"source": "raster", "targets": {"t": {"file": "chelsa_bio1"}}, "legend": "biome"}, "numbers have none"),
        ({"source": "occurrences", "file": "cavm"}, "is of kind raster"),
    ],
)
def test_labels_that_cannot_be(labels, message):
    with pytest.raises(ValueError, match=message):
        parse(Labels, labels)


def test_sites_of_a_table_that_is_not_known():
    with pytest.raises(ValueError, match=r"choose from: .*ssl4eco_arctic"):
        parse(Sites, {"sampler": "label_table", "table": "ssl4eco_artic"})


def test_files_behind_labels(tmp_path):
    legend = tmp_path / "legend.csv"
    legend.write_text("value,class\n1,fen\n")
    own = parse(Labels, {"source": "raster", "file": "map.tif", "legend": str(legend)})
    assert label_files(own) == ["map.tif", str(legend)]
    # Legends that come with the code are no inputs: a checkout that was moved would make everything anew.
    assert label_files(parse(Labels, {"source": "raster", "file": "cavm"})) == ["data/label_tables/raster_cavm_v1.tif"]
    assert label_files(parse(Labels, {"source": "site", "column": "biome"})) == []


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    lines = ["study: published", "datasets:", *(f"  {d}:" for d in DATASETS), "models: {band_statistics: }", "tasks:"]
    path.write_text("\n".join([*lines, *(f"  {t}:" for t in TASKS)]) + "\n")
    return Plan(load_study(path))


def test_named_tasks_read_files_that_can_be_fetched(plan):
    assert set(plan.point_tasks) == set(TASKS)
    fetched = {f for t in TASKS for f in plan.label_inputs(t)} | {f for d in DATASETS for f in plan.sites_inputs(d)}
    assert {plan.fetched_labels(Path(f).name).name for f in fetched} == set(known())


def test_a_file_that_no_row_gives(plan):
    with pytest.raises(UserError, match=r"no row of config/label_tables\.csv"):
        plan.fetched_labels("other.csv")


def test_every_legend_is_used():
    used = {c.meaning for row in known().values() for c in row.columns if c.kind == "class"}
    assert used == {p.stem for p in LEGENDS.glob("*.csv")}
    assert TABLE.is_file()


def test_costs_count_what_is_not_fetched_yet(plan, tmp_path, monkeypatch, samples):
    from greenup.costs.counts import site_count
    from greenup.sites.sources import SiteData

    monkeypatch.chdir(tmp_path)
    about = "about, in ssl4eco_arctic: it is not fetched yet"
    assert site_count(plan.study, "cavm_points_published", SiteData()) == (79000, about)
    assert site_count(plan.study, "cavm_points", SiteData()) == (79000, "")
    path = table_named("ssl4eco_arctic").path
    path.parent.mkdir(parents=True)
    path.write_bytes((samples / "ssl4eco_index_sample" / path.name).read_bytes())
    assert site_count(plan.study, "cavm_points_published", SiteData())[0] == 16


def test_table_1_says_whose_points_they_are(plan):
    from greenup.paper.table1 import distribution

    said = distribution(plan.study.datasets["cavm_points_published"].sites)
    assert said == "points of SSL4Eco: vegetation of Arctic points"


def test_an_archive_and_an_address_without_a_name_are_fetched(tmp_path, monkeypatch):
    """As the publishers of the Arctic map and of the occurrences hand them out."""
    from dataclasses import replace

    from greenup.sites.fetch import fetch_source

    from tests.standins.files import FileServer, archive

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer() as server:
        server.files["/files/5223/file_downloaded"] = archive(
            Raster__raster_cavm_v1_dot_tif=b"map", legend_dot_csv=b"1"
        )
        server.files["/ndownloader/files/6662535"] = b"X,Y,SPECIES NAME\n"
        for name, path in (("cavm", "files/5223/file_downloaded"), ("euforest_species", "ndownloader/files/6662535")):
            row = replace(known()[name], url=f"{server.url}/{path}")
            fetch_source(row, tmp_path / row.file)
    assert (tmp_path / "raster_cavm_v1.tif").read_bytes() == b"map"
    assert (tmp_path / "EUForestspecies.csv").read_text() == "X,Y,SPECIES NAME\n"
    # A record for each: a publisher who changes a file is found out.
    assert {p.name for p in tmp_path.glob("*.sha256")} == {"cavm.zip.sha256", "EUForestspecies.csv.sha256"}


def test_every_sampler_is_told_of_in_the_card_of_a_dataset():
    from typing import get_args

    from greenup.patches.card import _SITES

    union = get_args(Sites)[0]
    assert set(_SITES) == {get_args(block.model_fields["sampler"].annotation)[0] for block in get_args(union)}
