"""Which file feeds which."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from greenup.config import Dataset, Model, load_study, parse, resolve
from greenup.config.load import LIBRARY
from greenup.plan import STAGES, Plan

SCRIPTS = Path(__file__).parents[2] / "scripts"

POINTS = {
    "sites": {"sampler": "points", "file": "my/points.csv"},
    "phenology": {"source": "table", "file": "my/dates.csv"},
    "seasons": {"rule": "evi"},
    "imagery": {"source": "miniature"},
    "shards": 3,
}
TASK = {
    "dataset": "mine",
    "labels": {"source": "file", "file": "my/labels.csv", "columns": ["habitat"], "simulated": True},
    "kind": "classification",
    "metric": "accuracy",
}


def plan(**blocks) -> Plan:
    return Plan(resolve({"study": "x", "datasets": {"mine": POINTS}, **blocks}))


@pytest.fixture(scope="module")
def tiny() -> Plan:
    return Plan(load_study(LIBRARY / "tiny.yaml"))


class TestOwnFiles:
    def test_points_dates_and_labels_are_inputs(self):
        mine = plan(tasks={"habitats": TASK})
        assert mine.sites_inputs("mine") == ["my/points.csv"]
        assert mine.phenology_inputs("mine") == ["my/dates.csv"]
        assert mine.label_inputs("habitats") == ["my/labels.csv"]

    @pytest.mark.parametrize(
        ("phenology", "path"),
        [
            ({"source": "series", "file": "my/evi.csv"}, "my/evi.csv"),
            ({"source": "tiles", "folder": "my/hdf"}, "my/hdf"),
        ],
    )
    def test_series_and_tiles_are_inputs(self, phenology, path):
        mine = plan(datasets={"mine": {**POINTS, "phenology": phenology}})
        assert mine.phenology_inputs("mine") == [path]

    def test_drawn_sites_and_simulated_dates_have_none(self, tiny):
        assert tiny.sites_inputs("ssl4eco") == tiny.phenology_inputs("ssl4eco") == tiny.label_inputs("biomes") == []


class TestDatasets:
    def test_shards(self):
        assert plan().shards("mine") == ["0000", "0001", "0002"]
        assert plan().shard_files("mine", "patches/{dataset}/{shard}.h5") == [
            f"results/x/patches/mine/000{i}.h5" for i in range(3)
        ]

    def test_a_shard_fits_the_wildcard(self):
        """The Snakefile allows four digits."""
        many = plan(datasets={"mine": {**POINTS, "shards": 10_000}})
        assert all(re.fullmatch(r"\d{4}", s) for s in many.shards("mine"))

    def test_only_the_evi_rule_reads_dates(self, tiny):
        dates = ["results/tiny/phenology/ssl4eco.parquet"]
        assert tiny.seasons_inputs("ssl4eco") == {"phenology": dates, "windows": [], "published": []}
        assert tiny.seasons_inputs("biome_points") == {"phenology": [], "windows": [], "published": []}

    def test_used_are_those_that_somebody_needs(self):
        drawn = {"sites": {"sampler": "grid"}}
        imaged = {**drawn, "seasons": {"rule": "calendar"}, "imagery": {"source": "miniature"}}
        datasets = {"a": drawn, "b": imaged, "c": imaged, "d": imaged, "e": imaged}
        x = plan(
            datasets=datasets,
            models={"m": {"method": "random_init", "dataset": "b"}},
            tasks={"t": {**TASK, "dataset": "c", "labels": {"source": "site", "column": "biome"}}},
            paper={"fig2_dataset": "d", "fig1_datasets": ["a", "e"]},
        )
        assert x.imaged == ["b", "c", "d", "e"]
        assert x.used == ["b", "c", "d"]

    def test_a_study_of_images_alone_wants_them_all(self):
        x = plan(datasets={"mine": POINTS, "yours": POINTS, "drawn": {"sites": {"sampler": "grid"}}})
        assert x.used == ["mine", "yours"]

    def test_the_grid_of_bands_that_are_not_written_is_that_of_the_product(self):
        s1 = {**POINTS, "phenology": None, "seasons": {"rule": "calendar"}}
        s1["imagery"] = {"source": "archive", "path": "a", "product": "s1_grd"}
        assert json.loads(plan(datasets={"mine": s1}).grid("mine"))["native_m"] == [10]
        assert json.loads(plan().grid("mine"))["native_m"] == [10, 20, 60]

    def test_grid_says_what_scene_choice_needs(self):
        small = plan(datasets={"mine": {**POINTS, "patches": {"size_px": 64, "bands": ["B2", "B11"]}}})
        assert json.loads(small.grid("mine")) == {"size_px": 64, "native_m": [10, 20]}


BOX = [0, 40, 20, 50]
GRID = {
    "sites": {"sampler": "grid", "region": BOX},
    "seasons": {"rule": "calendar"},
    "imagery": {"source": "miniature"},
    "shards": 2,
}


class TestBorrowed:
    """Datasets that take the sites, and pair their scenes with those, of another."""

    @pytest.fixture
    def chain(self) -> Plan:
        taken = {**GRID, "sites": {"sampler": "dataset", "dataset": "a"}, "scenes": {"pair_with": "a"}}
        last = {**taken, "sites": {"sampler": "dataset", "dataset": "b"}, "scenes": {"pair_with": "b"}}
        return plan(datasets={"a": GRID, "b": taken, "c": last})

    def test_sites_come_from_the_other_and_from_nothing_else(self, chain):
        assert [chain.sites_taken(d) for d in "abc"] == [
            [],
            ["results/x/sites/a.parquet"],
            ["results/x/sites/b.parquet"],
        ]
        assert chain.sites_inputs("c") == []
        assert chain.sampler("c") == chain.dataset("a").sites
        assert chain.region("c") == tuple(BOX)
        assert chain.regions == [tuple(BOX)]

    def test_region_files_are_those_of_the_sampler(self):
        grid = {"sites": {"sampler": "grid", "region": "my/land.gpkg"}}
        x = plan(datasets={"a": grid, "b": {"sites": {"sampler": "dataset", "dataset": "a"}}})
        assert x.region_inputs("b") == ["my/land.gpkg"]
        assert x.land_inputs[0] == "my/land.gpkg"

    def test_scenes_wait_for_the_same_shard_of_the_pair(self, chain):
        none = {"index": [], "pair": [], "published": []}
        assert chain.scenes_inputs("a", "0001") == {"seasons": "results/x/seasons/a.parquet", **none}
        assert chain.scenes_inputs("c", "0001") == {
            "seasons": "results/x/seasons/a.parquet",
            **none,
            "pair": ["results/x/scenes/b/0001.parquet"],
        }

    def test_a_table_of_ids_is_an_input(self):
        x = plan(datasets={"mine": {**POINTS, "scenes": {"index": "my/ids.csv"}}})
        assert x.scenes_inputs("mine", "0000")["index"] == ["my/ids.csv"]


class TestModels:
    def test_band_statistics_have_no_weights_and_no_training(self, tiny):
        assert tiny.weighted_models == ["seco_eco", "random_init"]
        assert tiny.trained_models == ["seco_eco"]

    def test_embedding_reads_weights_where_there_are_some(self, tiny):
        with_weights, without = (tiny.embed_inputs(m, "biome_points") for m in ("seco_eco", "band_statistics"))
        assert with_weights["weights"] == "results/tiny/models/seco_eco/weights.safetensors"
        assert {k: v for k, v in with_weights.items() if k not in ("weights", "model_config")} == without
        assert without["index"] == "results/tiny/datasets/biome_points/index.parquet"

    def test_every_model_on_every_task_protocol_and_kind_of_folds(self, tiny):
        assert len(tiny.probes) == 3 * 2 * 2 * 2 == len(set(tiny.probes))

    def test_tasks_on_the_same_images_share_their_embeddings(self, tiny):
        assert tiny.embeddings == [
            f"results/tiny/embeddings/{m}/biome_points.parquet" for m in ("seco_eco", "random_init", "band_statistics")
        ]

    def test_a_dataset_without_labels_can_be_embedded(self):
        x = plan(models={"m": {"method": "band_statistics"}}, evaluation={"embed": ["mine"]})
        assert x.embeddings == ["results/x/embeddings/m/mine.parquet"]
        assert x.used == ["mine"]
        assert x.probes == []

    def test_evaluation_may_ask_for_less(self):
        x = plan(
            models={"m": {"method": "random_init", "dataset": "mine"}, "n": {"method": "band_statistics"}},
            tasks={"t": TASK},
            evaluation={"models": ["n"], "folds": {"kinds": ["blocks"]}},
        )
        assert x.probes == ["results/x/probes/n/t/linear.blocks.parquet", "results/x/probes/n/t/knn.blocks.parquet"]

    def test_a_model_has_the_studys_seed_or_its_own(self):
        model = {"method": "random_init", "dataset": "mine", "backbone": "vit_tiny", "patch_px": 8}
        x = plan(seed=9, models={"a": model, "b": {**model, "seed": 0}, "c": {"method": "band_statistics"}})
        assert [x.model_seed(m) for m in "abc"] == [9, 0, 9]
        assert x.trainings == {
            "a": {"method": "random_init", "backbone": "vit_tiny/8", "seed": 9},
            "b": {"method": "random_init", "backbone": "vit_tiny/8", "seed": 0},
            "c": {"method": "band_statistics", "backbone": None, "seed": 9},
        }

    def test_trainings_are_compared_where_some_have_seeds_of_their_own(self, tiny):
        assert "learning" not in tiny.tables
        models = {"a": {"method": "moco", "dataset": "mine", "seed": 1}}
        assert "learning" in plan(models=models, tasks={"t": TASK}).tables
        assert "learning" not in plan(models=models).tables
        models["b"] = {"method": "band_statistics"}
        assert "learning" not in plan(models=models, tasks={"t": TASK}, evaluation={"models": ["b"]}).tables

    def test_nothing_to_evaluate(self):
        assert plan().probes == []
        drawn = plan(datasets={"mine": {"sites": {"sampler": "grid"}}})
        assert not {"results", "comparisons", "leakage", "learning"} & {*plan().tables, *drawn.tables}
        assert "tableA1" in plan().tables
        assert "tableA1" not in drawn.tables
        assert "table1" in drawn.tables


class TestParams:
    def test_blocks_come_back_from_the_command_line(self, tiny):
        assert parse(Dataset, tiny.json(tiny.dataset("ssl4eco"))) == tiny.dataset("ssl4eco")
        assert parse(Model, tiny.json(tiny.model("seco_eco"))) == tiny.model("seco_eco")
        assert parse(Dataset, tiny.settings(tiny.dataset("ssl4eco"))) == tiny.dataset("ssl4eco")
        assert "\n" not in tiny.json(tiny.model("seco_eco"))
        assert tiny.settings(None) == {}

    def test_runtime_keys_reach_no_params(self, tiny):
        """Changing how fast things go must not make anything again."""
        written = json.dumps([tiny.settings(b) for b in (*tiny.study.datasets.values(), *tiny.study.models.values())])
        assert not any(f'"{key}"' in written for key in type(tiny.study.runtime).model_fields)


class TestFigures:
    def test_only_those_that_can_be_drawn(self):
        drawn = {"sites": {"sampler": "grid"}}
        assert set(plan(datasets={"mine": drawn}).figures) == {"coverage"}
        assert list(plan().figures) == ["coverage", "quality"]
        x = plan(paper={"fig2_dataset": "mine"})
        assert list(x.figures) == ["coverage", "fig2", "figA1", "cycles", "quality"]
        assert x.figures["fig2"] == "results/x/paper/figures/fig2.png"


def test_stages_are_rule_files():
    """The stage names are the same words for rule files and targets; plan.smk, the costs of all, is no stage, and some
    stages have further files."""
    rules = {p.stem: p.read_text() for p in (SCRIPTS.parent / "rules").glob("*.smk")}
    assert {*STAGES, "plan"} <= set(rules)
    assert all(f"\nrule {stage}:\n" in rules[stage] for stage in STAGES)


def test_planning_imports_nothing_heavy():
    """Snakemake imports the plan again in every job."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import greenup.plan; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "pandas", "rasterio", "torch", "pyarrow"} & set(loaded)
