"""SSL4Eco's point tasks, whole: from published tables, maps and occurrences to labels, folds and report."""

import json
import logging
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
from greenup.config import Task, load_study, parse
from greenup.config.data import ArchiveImagery
from greenup.config.evaluation import Folds
from greenup.config.label_tables import known, table_named
from greenup.config.sites import TableSites
from greenup.errors import UserError
from greenup.files import read_json, read_table, write_table
from greenup.schemas import FOLDS, INDEX, LABELS, SITES
from greenup.sites.sample import sample_sites
from greenup.sites.sources import SiteData
from greenup.tasks.label_report import duplicates
from greenup.tasks.label_tables import named, read_legend, read_points
from greenup.tasks.labels import label_images, labelled_images
from pyproj import Transformer
from rasterio.transform import from_origin

ROOT = Path(__file__).parents[3]
IMAGERY = ArchiveImagery(source="archive", path="somewhere")
PAIRS = [["11902", "11979"], ["43926", "44267"], ["45898", "46255"], ["49609", "49993"]]
"""Points of SSL4Eco's tables that stand at one place under two ids."""
CLIMATE = ["temperature_c", "precipitation_mm_year", "evapotranspiration_mm_month", "water_balance_mm_year"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    Path("data/label_tables").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def published(here, samples):
    """The rows that the samples have of SSL4Eco's tables, where the fetched ones would lie."""
    for name in ("ssl4eco_biomes", "ssl4eco_climate", "ssl4eco_arctic", "ssl4eco_euforest"):
        shutil.copy(samples / "ssl4eco_index_sample" / table_named(name).file, table_named(name).path)
        table_named(name).path.chmod(0o644)
    return here


def _sites(table, **keys):
    return sample_sites("d", TableSites(sampler="label_table", table=table, **keys), SiteData(), shards=1, seed=5)


def _index(sites):
    rows = sites[["site_id", "lon", "lat", "stratum", "land_cover", "weight", "shard"]]
    extra = {"row": range(len(rows)), "file": "x.h5", "scene_id": "S", "valid_fraction": 1.0, "cloud": 0.0}
    return INDEX.check(rows.assign(season="summer", **extra, time="2020-07-01"), "index")


def _library(name, tmp_path, **labels):
    """A task as config/tasks.yaml has it."""
    path = tmp_path / "study.yaml"
    datasets = (
        "biome_points_published cavm_points_published euforest_points_published cavm_points euforest_points "
        "biome_points arctic_points"
    )
    lines = [f"  {d}:" for d in datasets.split()]
    more = json.dumps({"labels": labels}) if labels else ""
    text = "\n".join(["study: s", "datasets:", *lines, "tasks:", f"  {name}: {more}"])
    path.write_text(text + "\n")
    return load_study(path).tasks[name]


def _run(task, sites, folder, *, count=3, name="mine"):
    """Rule label_task in this process; labels, folds and report as it writes them."""
    about = {"simulated": False, "attribution": "Images."}
    write_table(folder / "sites.parquet", sites, SITES, **about)
    write_table(folder / "index.parquet", _index(sites), INDEX, **about)
    out = {
        key: str(folder / f"{key}.{'json' if key == 'report' else 'parquet'}") for key in ("labels", "folds", "report")
    }
    job = SimpleNamespace(
        log=[str(folder / "label_task.log")],
        input=SimpleNamespace(sites=str(folder / "sites.parquet"), index=[str(folder / "index.parquet")]),
        output=SimpleNamespace(**out),
        wildcards=SimpleNamespace(task=name),
        params=SimpleNamespace(
            task=task.model_dump(mode="json"),
            imagery=IMAGERY.model_dump(mode="json"),
            folds=Folds(count=count, kinds=("random",)).model_dump(mode="json"),
            seed=5,
        ),
    )
    # A job takes the log for itself.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        runpy.run_path(str(ROOT / "scripts/label_task.py"), init_globals={"snakemake": job})
    finally:
        root.handlers[:], root.level = handlers, level
    return read_table(out["labels"], LABELS), read_table(out["folds"], FOLDS), read_json(out["report"])


# ------------------------------------------------------------------------------------------------- published tables
def test_biomes_as_published(published):
    sites = _sites("ssl4eco_biomes")
    labels, folds, report = _run(_library("biomes_published", published), sites, published)
    assert len(sites) == len(labels) == report["images"] == report["labelled"] == 23
    by_id = labels.set_index("site_id")["label"]
    assert by_id["13387"] == "temperate_broadleaf_mixed_forest"
    assert by_id["24224"] == "desert_xeric_shrubland"
    assert by_id["24256"] == "flooded_grassland"
    assert report["classes"]["mediterranean_forest_woodland"] == 4 and report["left_out"] == {}
    # The numbers of the file, read without any of this code.
    raw = pd.read_csv(table_named("ssl4eco_biomes").path, dtype={"ind": str}).set_index("ind")["biome"]
    assert by_id.groupby(raw.reindex(by_id.index)).nunique().max() == 1
    assert by_id.nunique() == raw.nunique()
    assert "Olson" in labels.attrs["attribution"] and labels.attrs["attribution"].startswith("Images.")
    assert report["duplicates"] == {"places": 4, "images": 8, "disagreeing": 0, "groups": PAIRS}
    tested = folds[folds["part"] == "test"].set_index("site_id")["fold"]
    for one, other in PAIRS:
        assert tested[one] == tested[other]
        both = folds[folds["site_id"].isin([one, other])]
        assert both.groupby("fold")["part"].nunique().max() == 1, "never one in training and the other in test"


def test_the_pairs_are_told_in_the_log(published, caplog):
    sites = _sites("ssl4eco_biomes")
    assert "8 sites share 4 places with another" in caplog.text
    _run(_library("biomes_published", published), sites, published)
    told = (published / "label_task.log").read_text()
    assert "8 images share 4 places (0 of them with different labels)" in told and "11902, 11979" in told


def test_climate_as_published(published):
    labels, _, report = _run(_library("chelsa", published), _sites("ssl4eco_biomes"), published)
    row = labels.set_index("site_id").loc["24224"]
    assert row["temperature_c"] == pytest.approx(27.25)
    assert row["precipitation_mm_year"] == 22.4
    assert row["evapotranspiration_mm_month"] == 212.97
    assert row["water_balance_mm_year"] == -2533
    assert list(report["targets"]) == CLIMATE and len(report["duplicates"]["groups"]) == 4
    # The units: where it is so dry that no water is kept, a year's balance is its rain less twelve months' evaporation.
    dry = labels[labels["water_balance_mm_year"] < -2500]
    balance = dry["precipitation_mm_year"] - 12 * dry["evapotranspiration_mm_month"]
    assert len(dry) == 3
    np.testing.assert_allclose(balance, dry["water_balance_mm_year"], atol=5)


def test_arctic_as_published(published):
    labels, _, report = _run(_library("cavm", published), _sites("ssl4eco_arctic"), published)
    # By the map's own type of each point (column `type`), and its legend.
    raw = pd.read_csv(table_named("ssl4eco_arctic").path, dtype={"ind": str}).set_index("ind")["type"]
    by_map, why = named(raw.reindex(labels["site_id"]).astype(float), "cavm_raster")
    assert by_map.tolist() == labels["label"].tolist() and why.isna().all()
    assert sorted(report["classes"]) == [
        "barrens", "erect_shrub_tundra", "graminoid_tundra", "prostrate_shrub_tundra", "wetland"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "first", "number"),
    [("euforest_genera", "Eucalyptus, Pinus", 5), ("euforest_species", "Pinus pinaster", 8)],
)
def test_trees_as_published(published, task, first, number):
    labels, _, report = _run(_library(task, published), _sites("ssl4eco_euforest"), published)
    assert labels.set_index("site_id")["label"]["2"] == first
    raw = pd.read_csv(table_named("ssl4eco_euforest").path)["genus" if "genera" in task else "species"]
    counts = raw.str.split(", ").explode().value_counts().to_dict()
    assert report["classes"] == counts
    assert len(counts) == number


def test_rare_species_leave_the_lists(published):
    task = _library("euforest_species", published, min_count=4)
    labels, _, report = _run(task, _sites("ssl4eco_euforest"), published)
    raw = pd.read_csv(table_named("ssl4eco_euforest").path)["species"].str.split(", ").explode().value_counts()
    assert report["classes"] == raw[raw >= 4].to_dict()
    assert report["rare_classes"] == raw[raw < 4].to_dict()
    # Point 5 has Pinus halepensis alone.
    assert report["left_out"] == {"only classes with too few images": 1}
    assert "5" not in set(labels["site_id"])
    assert report["images"] == report["labelled"] + sum(report["left_out"].values())


def test_points_of_another_table_have_no_row(published, caplog):
    """The climate of points that its table lacks is unknown; where all are lacking it is the wrong table."""
    path = table_named("ssl4eco_climate").path
    path.write_text("\n".join(path.read_text().splitlines()[:12]) + "\n")
    with caplog.at_level(logging.WARNING):
        got = labelled_images(_library("chelsa", published), s := _sites("ssl4eco_biomes"), _index(s), IMAGERY)
    assert len(got.table) == 11 and got.left_out == {"no row in the table": 12}
    assert "12 of 23 images are left out: 12 no row in the table" in caplog.text
    arctic = _sites("ssl4eco_arctic")
    with pytest.raises(UserError, match="none of the 16 images is at one of its points"):
        label_images(_library("chelsa", published), arctic, _index(arctic), IMAGERY)


def test_own_points_at_published_places_are_matched_by_place(published):
    """Ids are bare numbers: a dataset of its own may have the same for other places."""
    sites = _sites("ssl4eco_arctic")
    theirs = label_images(_library("cavm", published), sites, _index(sites), IMAGERY).set_index("site_id")["label"]
    ids = sites["site_id"].tolist()
    moved = sites.assign(site_id=pd.array(ids[1:] + ids[:1], dtype="string"))
    ours = label_images(_library("cavm", published), moved, _index(moved), IMAGERY).set_index("site_id")["label"]
    assert [ours[b] for b in moved["site_id"]] == [theirs[a] for a in ids]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename(columns={"biome": "zone"}), "column 'biome' is missing"),
        (lambda t: t.rename(columns={"ind": "id"}), "column 'ind' is missing"),
        (lambda t: t.assign(biome="4 or 5"), "'4 or 5' is not a finite number"),
        (lambda t: t.assign(lat="north"), "'north' is not a finite number"),
        (lambda t: t.assign(lat=["95", *t["lat"][1:]]), "line 2, column 'lat': 95.0 is outside"),
        (lambda t: t.assign(lon=[pd.NA, *t["lon"][1:]]), "line 2, column 'lon': nan is outside"),
        (lambda t: t.assign(ind=["24224", *t["ind"][1:]]), "ind 24224 stands for two rows that differ"),
        (lambda t: t.assign(ind=[pd.NA, *t["ind"][1:]]), "line 2: no ind"),
        (lambda t: t.assign(biome="4"), "fewer than two classes are left"),
        (lambda t: t.assign(biome=pd.NA), "0 labelled images are left"),
    ],
)
def test_tables_that_are_damaged(published, change, message):
    path, sites = table_named("ssl4eco_biomes").path, _sites("ssl4eco_biomes")
    change(pd.read_csv(path, dtype="string")).to_csv(path, index=False)
    with pytest.raises(UserError, match=message):
        label_images(_library("biomes_published", published), sites, _index(sites), IMAGERY)


def test_labels_that_are_missing_are_counted(published, caplog):
    path, sites = table_named("ssl4eco_biomes").path, _sites("ssl4eco_biomes")
    table = pd.read_csv(path, dtype="string")
    table.loc[:2, "biome"] = [pd.NA, "NaN", "98"]
    table.to_csv(path, index=False)
    task = _library("biomes_published", published)
    with pytest.raises(UserError, match="'NaN' is not a finite number"):
        label_images(task, sites, _index(sites), IMAGERY)
    table.loc[1, "biome"] = pd.NA
    table.to_csv(path, index=False)
    got = labelled_images(task, sites, _index(sites), IMAGERY)
    assert got.left_out == {"no value": 2, "98 is not in the legend": 1} and len(got.table) == 20


def test_rows_that_stand_twice_are_one(published, caplog):
    path = table_named("ssl4eco_biomes").path
    text = path.read_text()
    path.write_text(text + text.splitlines()[3] + "\n")
    with caplog.at_level(logging.WARNING):
        assert len(read_points(table_named("ssl4eco_biomes"))) == 23
    assert "1 rows stand twice" in caplog.text


def test_a_class_with_fewer_rows_than_folds_is_warned_of(published):
    _run(_library("biomes_published", published), _sites("ssl4eco_biomes"), published, count=5)
    assert "classes have fewer images than there are folds (5)" in (published / "label_task.log").read_text()


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        ({"source": "label_table", "table": "ssl4eco_biomes", "columns": ["biome"]}, "multilabel", "column of class"),
        ({"source": "label_table", "table": "ssl4eco_climate", "columns": ["temp"]}, "classification", "of number"),
        ({"source": "label_table", "table": "ssl4eco_euforest", "columns": ["genus"]}, "classification", "of list"),
        ({"source": "raster", "file": "cavm"}, "regression", "the classes of a map"),
        ({"source": "raster", "targets": {"t": {"file": "chelsa_bio1"}}}, "classification", "the numbers of maps"),
        ({"source": "occurrences", "file": "euforest_species"}, "classification", "any number"),
    ],
)
def test_kinds_of_task_that_do_not_fit(published, labels, kind, message):
    metric = {"classification": "macro_f1", "multilabel": "micro_f1", "regression": "r2_mean"}[kind]
    task = parse(Task, {"dataset": "d", "labels": labels, "kind": kind, "metric": metric})
    sites = _sites("ssl4eco_biomes")
    if labels["source"] == "raster":
        _write_map(known()[labels.get("file") or "chelsa_bio1"].path, np.ones((2, 2), np.uint8))
    if labels["source"] == "occurrences":
        table_named("euforest_species").path.write_text("X,Y,SPECIES NAME\n4321500,3210500,Picea abies\n")
    with pytest.raises(UserError, match=message):
        label_images(task, sites, _index(sites), IMAGERY)


# ---------------------------------------------------------------------------------------------------- sites of tables
def test_sites_are_the_points_of_the_table(published):
    raw = pd.read_csv(table_named("ssl4eco_arctic").path, dtype={"ind": str}).set_index("ind")
    sites = _sites("ssl4eco_arctic").set_index("site_id")
    assert set(sites.index) == set(raw.index)
    assert np.array_equal(sites["lon"], raw["lon"].reindex(sites.index)), "to the last digit: images are cut there"
    east = _sites("ssl4eco_arctic", region=(0, 60, 180, 84))
    assert set(east["site_id"]) == set(raw.index[raw["lon"] >= 0])
    few, more = _sites("ssl4eco_arctic", count=5), _sites("ssl4eco_arctic", count=9)
    assert len(few) == 5 and set(few["site_id"]) < set(more["site_id"])
    with pytest.raises(UserError, match=r"16 of 16 points .* sites.count asks for 17"):
        _sites("ssl4eco_arctic", count=17)
    with pytest.raises(UserError, match=r"0 of 16 points"):
        _sites("ssl4eco_arctic", region=(0, 0, 10, 10))


def test_a_table_that_was_not_fetched(here):
    with pytest.raises(UserError, match=r"biomes_labels_with_image_ids\.csv: no such file"):
        _sites("ssl4eco_biomes")


def test_published_image_ids_find_their_sites(published):
    """As `scenes: {index: ...}` takes them: by ind, since two points of one place have the same ids."""
    from greenup.scenes.index import scenes_from_index

    sites = _sites("ssl4eco_biomes")
    year = {"first": "2022-06-15", "middle": "2022-07-15", "last": "2022-08-14"}
    seasons = sites[["site_id"]].assign(season="summer", **{k: pd.Timestamp(v) for k, v in year.items()})
    got = scenes_from_index(str(table_named("ssl4eco_biomes").path), sites, seasons, shard=0, names=("summer",))
    chosen = got.set_index("site_id")
    assert (chosen["status"] == "chosen").all() and len(chosen) == 23
    assert (
        chosen.loc["49609", "scene_id"] == chosen.loc["49993", "scene_id"] == "20220620T102041_20220620T103048_T30PYV"
    )
    assert chosen.loc["13387", "scene_id"] == "20230811T105629_20230811T105939_T30TYN"


# ------------------------------------------------------------------------------------------------ rebuilt from sources
def _write_map(path, values, transform=None, crs="EPSG:4326", *, scale=1.0, offset=0.0, nodata=None):
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "nodata": nodata}
    transform = transform or from_origin(-180, 90, 360 / values.shape[1], 180 / values.shape[0])
    with rasterio.open(path, "w", dtype=values.dtype, crs=crs, transform=transform, **profile) as raster:
        raster.write(values, 1)
        raster.scales, raster.offsets = (scale,), (offset,)


@pytest.fixture
def arctic_map(here):
    """A polar map of 50 km cells: tundra types by turns, sea water and what is not Arctic around them."""
    crs = "+proj=laea +lat_0=90 +lon_0=180 +R=6370997 +units=m"
    values = np.full((100, 100), 99, dtype=np.int8)
    values[20:80, 20:80] = np.resize([1, 22, 31, 33, 43], (60, 60))
    values[40:60, 40:60] = 92
    values[:, :5] = 127
    _write_map(known()["cavm"].path, values, from_origin(-2.5e6, 2.5e6, 5e4, 5e4), crs, nodata=127)
    return values, Transformer.from_crs(4326, crs, always_xy=True)


def test_arctic_points_drawn_in_the_classes_of_the_map(here, arctic_map):
    values, to_map = arctic_map
    sites = _sites("cavm", count=300)
    assert len(sites) == 300 and sites["site_id"].iloc[0].startswith("cell_")
    labels, _, report = _run(_library("cavm_rebuilt", here), sites, here)
    assert report["left_out"] == {} and len(labels) == 300
    x, y = to_map.transform(labels["lon"], labels["lat"])
    codes = values[((2.5e6 - y) // 5e4).astype(int), ((x + 2.5e6) // 5e4).astype(int)]
    legend = read_legend("cavm_raster").set_index("value")["class"]
    assert labels["label"].tolist() == [legend[c] for c in codes]
    assert _sites("cavm", count=300).equals(sites)
    with pytest.raises(UserError, match="need a number"):
        _sites("cavm")


def test_places_that_the_map_does_not_class_are_counted_by_cause(here, arctic_map):
    _, to_map = arctic_map
    sites = _sites("cavm", count=50)
    place = Transformer.from_crs(to_map.target_crs, 4326, always_xy=True).transform
    elsewhere = [place(0, 1e5), place(-1.2e5, 0), place(2.2e6, 0), place(-2.45e6, 0), (10.0, 10.0), (-30.0, 20.0)]
    sites.loc[:5, ["lon", "lat"]] = elsewhere
    sites["land"] = True
    sites.loc[5, "land"] = False
    _, _, report = _run(_library("cavm_rebuilt", here), sites, here)
    assert report["left_out"] == {
        "no class for 92 (saline water)": 2,
        "at sea": 1,
        "no class for 99 (not Arctic)": 1,
        "no data in the map": 1,
        "outside the map": 1,
    }
    assert report["labelled"] == 44 and "6 of 50 images are left out" in (here / "label_task.log").read_text()


def test_climate_from_maps(here):
    """Four maps as CHELSA stores them, of which every value is known."""
    rows, cols = np.mgrid[0:18, 0:36]
    stored = {
        "chelsa_bio1": ((2700 + rows * 10 + cols).astype(np.uint16), 0.1, -273.15),
        "chelsa_bio12": ((rows * 100 + cols).astype(np.uint32), 0.1, 0.0),
        "chelsa_pet": ((rows + cols * 50).astype(np.uint16), 0.01, 0.0),
        "chelsa_swb": ((cols - rows * 7).astype(np.int16), 1.0, 0.0),
    }
    for name, (values, scale, offset) in stored.items():
        values[17] = 65535 if values.dtype != np.int16 else -32768
        _write_map(known()[name].path, values, scale=scale, offset=offset, nodata=int(values[17, 0]))
    sites = _sites_at([(-175, 85), (-5, 45), (12, -33), (179, 5), (100, -85), (55, -89)], land=[1, 1, 1, 1, 1, 0])
    labels, _, report = _run(_library("chelsa_rebuilt", here), sites, here)
    by_id = labels.set_index("site_id")
    row, col = 4, 17
    expected = [(2700 + row * 10 + col) * 0.1 - 273.15, (row * 100 + col) * 0.1, (row + col * 50) * 0.01, col - row * 7]
    np.testing.assert_allclose(by_id.loc["1", CLIMATE].astype(float), expected, rtol=1e-12)
    assert report["left_out"] == {"at sea": 1, "no data in the map": 1} and report["labelled"] == 4
    maps = report["source"]["maps"]
    assert maps["temperature_c"]["scale"] == 0.1 and maps["temperature_c"]["offset"] == -273.15
    assert labels.attrs["attribution"].count("CHELSA") == 1


def test_trees_from_occurrences(here):
    lines = ["X,Y,COUNTRY,SPECIES NAME"]
    for i in range(12):
        x, y = 4_000_500 + 1000 * i, 3_000_500
        lines += [f"{x},{y},A,Pinus sylvestris", f"{x},{y},A,Pinus sylvestris"]
        lines += [f"{x},{y},A,Quercus robur"] * (i % 2) + [f"{x + 30_000},{y},A,Abies alba"] * (i == 0)
    table_named("euforest_species").path.write_text("\n".join(lines) + "\n")
    sites = _sites("euforest_species")
    assert len(sites) == 13 and sites["site_id"].str.fullmatch(r"1kmE\d+N3000").all()
    labels, _, report = _run(_library("euforest_species_rebuilt", here, min_count=5), sites, here)
    assert report["classes"] == {"Pinus sylvestris": 12, "Quercus robur": 6}
    assert report["rare_classes"] == {"Abies alba": 1}
    assert report["left_out"] == {"only classes with too few images": 1}
    by_id = labels.set_index("site_id")["label"]
    assert by_id["1kmE4000N3000"] == "Pinus sylvestris"
    assert by_id["1kmE4001N3000"] == "Pinus sylvestris, Quercus robur"
    genera, _, _ = _run(_library("euforest_genera_rebuilt", here, min_count=1), sites, here)
    assert genera.set_index("site_id")["label"]["1kmE4030N3000"] == "Abies"


def test_a_cell_without_occurrences(here):
    table_named("euforest_species").path.write_text(
        "X,Y,SPECIES NAME\n"
        + "".join(f"{4_000_500 + 1000 * i},3000500,{n}\n" for i in range(4) for n in ("A a", "B b"))
    )
    sites = _sites("euforest_species")
    sites.loc[0, ["lon", "lat"]] = 10.0, 52.0
    task = _library("euforest_species_rebuilt", here, min_count=1)
    got = labelled_images(task, sites, _index(sites), IMAGERY)
    assert got.left_out == {"nothing recorded in the cell": 1} and len(got.table) == 3


def test_arctic_cover_is_the_land_cover_of_its_sites(here):
    sites = _sites_at([(x, 70) for x in range(-150, 150, 10)])
    sites["land_cover"] = pd.array((["open_shrubland"] * 2 + ["barren"]) * 10, dtype="string")
    labels, _, report = _run(_library("arctic_cover", here), sites, here)
    assert report["classes"] == {"barren": 10, "open_shrubland": 20} and len(labels) == 30


def _sites_at(places, land=None):
    ids = [str(i) for i in range(len(places))]
    lon, lat = np.array(places, dtype=float).T
    table = pd.DataFrame({"site_id": ids, "lon": lon, "lat": lat, "stratum": "s", "climate_zone": "cold"})
    known_land = np.ones(len(ids), bool) if land is None else np.array(land, bool)
    extra = {"ecoregion": None, "realm": None, "biome": None, "mountain": False, "land_cover": "barren", "weight": 1.0}
    return SITES.check(table.assign(land=known_land, shard=0, **extra), "sites")


# ----------------------------------------------------------------------------------------------------------- the report
def test_duplicates_that_disagree_and_the_date_line():
    table = pd.DataFrame(
        {
            "site_id": list("abcdef"),
            "season": "summer",
            "lon": [180.0, -180.0, 5.0, 5.000001, 5.0, 7.0],
            "lat": [60.0, 60.0, 1.0, 1.0, 2.0, 3.0],
            "label": ["fen", "moor", "fen", "fen", "fen", "moor"],
        }
    )
    assert duplicates(table) == {"places": 2, "images": 4, "disagreeing": 1, "groups": [["a", "b"], ["c", "d"]]}
    assert duplicates(table[4:]) == {"places": 0, "images": 0, "disagreeing": 0, "groups": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value,name\n1,fen\n", "column 'class' is missing"),
        ("value,class\none,fen\n", "'one' is not a finite number"),
        ("value,class\n1.5,fen\n", "line 2: '1.5' is no whole number"),
        ("value,class\n1,fen\n1,moor\n", "value 1 stands twice"),
        ("value,class\n1,\n2,\n", "no value has a class"),
    ],
)
def test_legends_that_do_not_fit(tmp_path, text, message):
    path = tmp_path / "legend.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_legend(str(path))
