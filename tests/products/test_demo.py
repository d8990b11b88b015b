"""The demo's products: complete, honest about being simulated, learnt from, not collapsed. Not: who wins."""

import pandas as pd
from greenup.files import read_json, read_table
from greenup.schemas import INDEX, LEDGER, SITES


def test_sizes(demo):
    assert len(read_table(demo / "sites/ssl4eco.parquet", SITES)) >= 256
    index = read_table(demo / "datasets/ssl4eco/index.parquet", INDEX)
    assert index["site_id"].nunique() >= 256
    for task in ("biomes", "climate"):
        assert len(read_table(demo / f"tasks/{task}/labels.parquet")) >= 600


def test_most_seasons_have_an_image(demo):
    for dataset in ("ssl4eco", "biome_points"):
        ledger = pd.concat(read_table(p, LEDGER) for p in demo.glob(f"patches/{dataset}/*.ledger.parquet"))
        assert (ledger["status"] == "ok").mean() > 0.8


def test_held_out_loss_falls_and_embedding_does_not_collapse(demo):
    curves = pd.read_csv(demo / "models/seco_eco/curves.csv")
    first, last = curves["held_out_loss"].iloc[:3].mean(), curves["held_out_loss"].iloc[-3:].mean()
    assert last < 0.9 * first, (first, last)
    # The per-dimension standard deviation of unit vectors times sqrt(d): 1 when spread evenly, 0 when collapsed.
    assert curves["embedding_std"].iloc[-3:].min() > 0.3


def test_every_model_is_in_the_table(demo):
    table = pd.read_csv(demo / "paper/tables/results.csv")
    cells = table.groupby(["task", "protocol", "folds"])["model"].apply(set)
    assert len(cells) == 2 * 2 * 2
    assert all(models == {"seco_eco", "random_init", "band_statistics"} for models in cells)


def test_everything_says_simulated(demo):
    assert "simulated" in (demo / "report.html").read_text().lower()
    assert "simulated" in (demo / "paper/tables/results.md").read_text().lower()
    assert "simulated" in (demo / "datasets/ssl4eco/README.md").read_text().lower()
    assert "simulated" in (demo / "models/seco_eco/README.md").read_text().lower()
    assert read_json(demo / "models/seco_eco/config.json")["simulated"] is True
    for path in demo.glob("patches/*/*.ledger.parquet"):
        assert read_table(path, LEDGER).attrs["simulated"] is True
