"""A study whose ecoregions are fetched by the real rule, from a server on this machine."""

import hashlib

import geopandas as gpd
import pytest
import yaml
from greenup.files import read_table
from greenup.schemas import LAND, SITES
from greenup.sites.coverage import read_coverage
from shapely.geometry import box

from tests.standins.files import FileServer, archive

from .conftest import snakemake

STUDY = {
    "study": "fetched",
    "seed": 1,
    "sources": {"ecoregions": "halves"},
    "datasets": {"mine": {"sites": {"sampler": "uniform", "count": 40, "region": [0, 40, 20, 50]}, "shards": 1}},
}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves a layer of two ecoregions; GREENUP_SOURCES names a table that knows of it."""
    layer = {"ECO_NAME": ["West", "East"], "BIOME_NUM": [4, 8], "REALM": ["Palearctic"] * 2}
    frame = gpd.GeoDataFrame(layer, geometry=[box(-5, 35, 10, 55), box(10, 35, 25, 55)], crs=4326)
    (tmp_path / "layer").mkdir()
    frame.to_file(tmp_path / "layer/halves.shp")
    parts = {f"halves{p.suffix}": p.read_bytes() for p in (tmp_path / "layer").iterdir()}
    zipped = archive(**{name.replace(".", "_dot_"): data for name, data in parts.items()})
    with FileServer() as served:
        served.files["/halves.zip"] = zipped
        table = tmp_path / "sources.csv"
        table.write_text(
            "name,source,title,url,mirror,checksum,member,legend,licence,attribution\n"
            f"halves,ecoregions,Two halves,{served.url}/moved.zip,{served.url}/halves.zip,"
            f"sha256:{hashlib.sha256(zipped).hexdigest()},halves.shp,,CC0,Two halves (CC0)\n"
        )
        monkeypatch.setenv("GREENUP_SOURCES", str(table))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield served


def study(tmp_path, **change) -> str:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **change}))
    return str(path)


def test_sites_and_coverage_from_a_fetched_file(tmp_path, server):
    """The first address is gone, the mirror's connection breaks once: the rule tries again by itself."""
    server.cut = ["/halves.zip"]
    config = study(tmp_path)
    snakemake(tmp_path, "sites", config=config)
    assert server.asked == ["/moved.zip", "/halves.zip"] * 2
    assert (tmp_path / "data/sources/halves/halves.dbf").is_file()
    sites = read_table(tmp_path / "results/fetched/sites/mine.parquet", SITES)
    east = sites["lon"] > 10
    assert set(sites.loc[east, "ecoregion"]) == {"East"} and set(sites.loc[~east, "ecoregion"]) == {"West"}
    assert "Two halves" in sites.attrs["attribution"] or "halves.shp" in sites.attrs["attribution"]

    land = read_table(tmp_path / "results/fetched/coverage/land.parquet", LAND)
    assert land["lon"].between(0, 20).all() and land["lat"].between(40, 50).all(), "no wider than the datasets"
    table = read_coverage(tmp_path / "results/fetched/coverage/mine.csv").set_index(["kind", "stratum"])
    assert table.loc[("ecoregion", "East"), "sites"] == east.sum()
    assert table.loc[("ecoregion", "West"), "area_km2"] == pytest.approx(
        land.loc[land["ecoregion"] == "West", "area_km2"].sum()
    )

    # Fetched once: nothing is asked again, not even by another study.
    assert "Nothing to be done" in snakemake(tmp_path, "sites", "-n", config=config).stdout
    snakemake(tmp_path, "sites", config=study(tmp_path, study="other"))
    assert len(server.asked) == 4


def test_a_wrong_checksum_ends_the_study(tmp_path, server):
    server.files["/halves.zip"] += b" "
    done = snakemake(tmp_path, "results/fetched/coverage/land.parquet", config=study(tmp_path), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "checksum is sha256:" in said and "halves.zip" in said and "mend:" in said
    assert not (tmp_path / "data/sources/halves/halves.shp").exists()


def test_a_wrong_name_is_refused_before_any_job(tmp_path, server):
    done = snakemake(tmp_path, "-n", config=study(tmp_path, sources={"ecoregions": "halfs"}), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "sources.ecoregions: 'halfs'" in said and "did you mean 'halves'" in said
    assert "Traceback" not in said


def test_a_missing_file_is_refused_before_any_job(tmp_path, server):
    done = snakemake(tmp_path, "-n", config=study(tmp_path, sources={"land": "my/land.gpkg"}), check=False)
    assert done.returncode
    assert "sources.land: 'my/land.gpkg'" in done.stdout + done.stderr
