"""From a row of a table back to its files."""

import pandas as pd
from greenup.row_sources import SOURCE_COLUMNS, row_sources

FILES = [
    f"results/x/probes/{m}/{t}/{p}.{f}.parquet"
    for m in ("seco", "seco_s2", "random")
    for t in ("biomes", "climate")
    for p in ("linear", "knn")
    for f in ("random", "blocks")
]
OTHERS = ["results/x/comparisons/biomes.doubt.parquet", "results/x/probes/seco/biomes/knn.random.predictions.parquet"]


def sources(rows, files=FILES + OTHERS, **kwargs) -> dict[int, set[str]]:
    found = row_sources("t", pd.DataFrame(rows), files, **kwargs)
    assert list(found.columns) == list(SOURCE_COLUMNS)
    assert found["table"].isin(["t"]).all()
    return {n: set(group["source"]) for n, group in found.groupby("row")}


def test_a_score_comes_from_its_cell_alone():
    rows = [
        {"task": "biomes", "protocol": "knn", "folds": "random", "model": "seco", "mean": 0.4},
        {"task": "climate", "protocol": "linear", "folds": "blocks", "model": "random", "mean": 0.1},
    ]
    assert sources(rows) == {
        1: {"results/x/probes/seco/biomes/knn.random.parquet"},
        2: {"results/x/probes/random/climate/linear.blocks.parquet"},
    }


def test_trainings_that_are_called_together_all_count():
    rows = [{"task": "biomes", "protocol": "knn", "folds": "random", "first": "seco", "second": "random"}]
    together = {"seco": "seco", "seco_s2": "seco", "random": "random"}
    found = sources(rows, together=together)[1]
    assert found == {f"results/x/probes/{m}/biomes/knn.random.parquet" for m in ("seco", "seco_s2", "random")}


def test_published_numbers_have_no_file_and_ours_beside_them_do():
    published = {"task": "Biomes", "model": "SeCo", "protocol": "knn"}
    rows = [
        {**published, "folds": None, "own_model": None, "own_task": None},
        {**published, "folds": "random", "own_model": "seco", "own_task": "biomes"},
    ]
    assert sources(rows) == {2: {"results/x/probes/seco/biomes/knn.random.parquet"}}


def test_a_table_without_protocols_reads_all_of_a_cell():
    found = sources([{"task": "climate", "model": "random"}])[1]
    assert len(found) == 4
    assert all("/random/climate/" in path for path in found)


def test_a_row_of_a_dataset_comes_from_the_files_named_after_it():
    files = ["results/x/sites/eco.parquet", "results/x/phenology/eco.parquet", "results/x/sites/eco_2.parquet"]
    assert sources([{"dataset": "eco"}, {"dataset": "published"}], files) == {1: set(files[:2])}


def test_other_tables_have_none():
    assert sources([{"method": "moco", "loss": 3.0}]) == {}
