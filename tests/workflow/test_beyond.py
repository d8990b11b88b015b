"""Beyond the papers: the season fit needs no images of its own, and the grid of an ablation plans at full size."""

import pandas as pd
import pytest

from .conftest import snakemake
from .test_targets import planned


def test_the_season_fit_needs_no_image(tmp_path):
    jobs = planned(snakemake(tmp_path, "season_fit", "season_fit_table", "-n", config="config/season_fit.yaml").stdout)
    assert {"date_phenology", "fit_seasons", "season_fit", "season_fit_table"} <= set(jobs)
    assert not {"choose_scenes", "export_patches", "pretrain_model"} & set(jobs)


def test_the_season_fit_of_a_run(tiny):
    table = pd.read_csv(tiny / "results/tiny/paper/tables/season_fit_table.csv")
    everywhere = table[(table["by"] == "all") & (table["measure"] == "inside")]
    inside = everywhere.set_index(["sampling", "dates"])["value"]
    assert table["simulated"].all() and inside["phenology", "middle"] == 1
    assert inside["ssl4eco", "image"] > inside["calendar", "middle"]
    for kind in ("md", "tex", "html"):
        assert "simulated" in (tiny / f"results/tiny/paper/tables/season_fit_table.{kind}").read_text()


@pytest.mark.parametrize(("config", "models", "datasets"), [("ablation_tiny", 24, 3), ("ablation", 48, 6)])
def test_the_grid_of_an_ablation_plans(tmp_path, config, models, datasets):
    jobs = planned(snakemake(tmp_path, "ablation_table", "-n", config=f"config/{config}.yaml").stdout)
    # One dataset more: that of the task.
    assert jobs["pretrain_model"] == models and jobs["describe_dataset"] == datasets + 1
    assert jobs["ablation_table"] == 1 and "write_report" not in jobs
