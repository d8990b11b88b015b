import numpy as np
import pandas as pd
import pytest
from greenup.config.published import FOLDER, read_names, result_tables
from greenup.errors import UserError
from greenup.paper.paper_tables import TIDY, compare_with_published, tidy, tolerance_of
from greenup.paper.published import read_published
from scipy import stats

NAMES = read_names()
PUBLISHED = read_published(NAMES)


def of(name):
    return PUBLISHED[PUBLISHED["name"] == name]


def probe(model, task, values, *, protocol="linear", folds="random", metric="macro_f1", k=None, simulated=False):
    table = pd.DataFrame(
        {
            "model": model,
            "task": task,
            "protocol": protocol,
            "folds": folds,
            "fold": range(len(values)),
            "metric": metric,
        }
        | {"value": values, "n_test": 5200, "n_train": 41_600, "choice": f"k={k}" if k else "weight_decay=0.01"}
    )
    table.attrs["simulated"] = simulated
    return table


def cell(table, model, task, protocol="linear", metric=None):
    found = table[(table["model"] == model) & (table["task"] == task) & (table["protocol"] == protocol)]
    found = found if metric is None else found[found["metric"] == metric]
    assert len(found) == 1
    return found.iloc[0]


VALUES = 0.55 + 0.01 * np.array([-1, 1, 0, 2, -2, 0.5, -0.5, 1.5, -1.5, 0])


def test_every_published_number_stands_in_exactly_the_table_it_came_from():
    """The CSVs of all tables together hold the rows of results.csv, each once, with its source and as printed."""
    printed = pd.read_csv(FOLDER / "results.csv", dtype=str, keep_default_na=False)
    made = pd.concat([tidy(compare_with_published(of(n), NAMES)).assign(target=n) for n in result_tables()])
    made = made[made["of"] == "published"]
    assert len(made) == len(printed) and made["source"].notna().all() and made["url"].str.startswith("https://").all()
    key = ["paper", "table", "task", "model", "protocol", "k", "metric"]
    made = made.assign(k=made["k"].astype("string").fillna("")).astype(dict.fromkeys(key, "string"))
    both = printed.merge(made, on=key, how="outer", validate="one_to_one", indicator=True)
    assert (both["_merge"] == "both").all()
    assert (both["value"] == both["mean"].astype(float)).all()
    assert both["sd"].isna().equals(both["std"] == "")
    targets = {"seco": "seco_table", "ssl4eo_s12": "ssl4eo_table"}
    wanted = [targets.get(p, f"table{t.replace('-', '')}") for p, t in zip(both["paper"], both["table"], strict=True)]
    assert both["target"].tolist() == wanted


@pytest.mark.parametrize("name", result_tables())
def test_without_a_score_nothing_is_blank_nor_copied(name):
    table = compare_with_published(of(name), NAMES)
    assert (table["why_not_run"] == "not run").all() and (table["why_not_compared"] == "not run").all()
    assert table[["own_mean", "own_sd", "n", "difference", "tolerance", "own_rank"]].isna().all(axis=None)
    rows = tidy(table)
    assert (rows.groupby("of").size() == len(table)).all() and tuple(rows.columns) == TIDY
    assert (rows.loc[rows["of"] != "published", "status"] == "not run").all()


def test_ours_is_on_the_scale_of_the_paper_with_its_doubt():
    table = compare_with_published(of("table3"), NAMES, [probe("seco_eco_published", "biomes_published", VALUES)])
    mine = cell(table, "SeCo-Eco", "biomes")
    x = 100 * VALUES
    half = stats.t.ppf(0.975, 9) * np.sqrt(x.var(ddof=1) * (1 / 10 + 5200 / 41_600))
    assert mine[["own_mean", "own_sd"]].tolist() == pytest.approx([x.mean(), x.std(ddof=1)])
    assert mine[["own_low", "own_high"]].tolist() == pytest.approx([x.mean() - half, x.mean() + half])
    assert (mine["n"], mine["images"], mine["own_rank"], mine["rank"]) == (10, 52_000, 1, 1)
    assert mine["difference"] == pytest.approx(x.mean() - 56.1)
    assert mine["tolerance"] == pytest.approx(2 * np.hypot(0.7, x.std(ddof=1)) + 0.05)
    assert mine["within"] == (abs(x.mean() - 56.1) <= mine["tolerance"])
    others = table[table["model"] != "SeCo-Eco"]
    assert (others["why_not_run"] == "not run").all()


def test_errors_are_times_100_too_and_the_smallest_is_best():
    """A temperature MAE of 4.11 degrees is printed as 411."""
    probes = [
        probe(m, "chelsa", [v, v + 0.02], metric="mae_temperature_c")
        for m, v in (("seco_eco_published", 4.10), ("dofa_published", 5.75))
    ]
    table = compare_with_published(of("tableA9"), NAMES, probes)
    mine = cell(table, "SeCo-Eco", "chelsa", metric="temp_mae")
    assert mine["own_mean"] == pytest.approx(411.0) and mine["difference"] == pytest.approx(-0.4)
    assert mine["own_rank"] == 1 and mine["rank"] == 1
    assert cell(table, "DOFA", "chelsa", metric="temp_mae")["own_rank"] == 2
    # The probes hold no R2: that is said, and nothing else stands for it.
    assert cell(table, "DOFA", "chelsa", metric="temp_r2")["why_not_run"] == "not run: not scored by this metric"


def test_tolerance():
    assert tolerance_of(3.0, 4.0, 1) == pytest.approx(10.05)
    assert tolerance_of(0.0, 0.0, 2) == pytest.approx(0.005)
    assert np.isnan(tolerance_of(np.nan, 1.0, 1)) and np.isnan(tolerance_of(1.0, np.nan, 1))


def test_without_deviations_there_is_a_difference_but_no_tolerance():
    probes = [
        probe("seco_eco_published", "treesatai", [0.43], folds="official", metric="micro_f1"),
        probe("seco_eco_published", "treesatai", [0.40], folds="official", metric="micro_f1", protocol="knn", k=5),
    ]
    table = compare_with_published(of("table4"), NAMES, probes)
    for protocol, difference in (("linear", 43.0 - 42.7), ("knn", 40.0 - 40.6)):
        mine = cell(table, "SeCo-Eco", "treesatai", protocol)
        assert mine["difference"] == pytest.approx(difference)
        assert np.isnan(mine["tolerance"]) and pd.isna(mine["within"])


def test_knn_counts_with_the_published_k_alone():
    def run(*ks):
        values = [
            probe("seco_eco_published", "cavm", [0.6], protocol="knn", k=k).assign(fold=i) for i, k in enumerate(ks)
        ]
        joined = pd.concat(values, ignore_index=True)
        joined.attrs["simulated"] = False
        return cell(compare_with_published(of("table3"), NAMES, [joined]), "SeCo-Eco", "cavm", "knn")

    assert run(20, 20)["own_mean"] == pytest.approx(60.0)
    assert run(10, 10)["why_not_run"] == "not run with k = 20"
    assert run(20, 10)["why_not_run"] == "not run with k = 20"


def test_simulated_scores_are_never_compared():
    probes = [
        probe("seco_eco", "biomes", VALUES, simulated=True),
        probe("seco_eco", "arctic_cover", VALUES, simulated=True),
    ]
    table = compare_with_published(of("table3"), NAMES, probes, approximated={"biomes": "made up"})
    for task, another in (("biomes", "made up"), ("cavm", "classes of MODIS north of 60° in place of CAVM's")):
        mine = cell(table, "SeCo-Eco", task)
        assert mine["simulated"] and mine["why_not_compared"] == "simulated images" and mine["another_task"] == another
        assert np.isnan(mine["difference"]) and not np.isnan(mine["own_mean"])
    rows = tidy(table)
    run = rows[(rows["of"] == "ours") & (rows["status"] == "run")]
    assert len(run) == 2 and run["simulated"].all()
    assert all(rows[c].dtype == "float64" for c in ("value", "sd", "low", "high", "tolerance"))
    assert not rows.loc[rows["of"] == "published", "simulated"].any()
    assert rows.loc[rows["of"] == "difference", "value"].isna().all()


def test_ranks_of_simulated_and_real_scores_are_apart():
    probes = [
        probe("seco_eco_published", "biomes", [0.5, 0.5]),
        probe("dofa_published", "biomes", [0.4, 0.4]),
        probe("satmae_published", "biomes", [0.9, 0.9], simulated=True),
    ]
    table = compare_with_published(of("table3"), NAMES, probes)
    ranks = {m: cell(table, m, "biomes")["own_rank"] for m in ("SeCo-Eco", "DOFA", "SatMAE")}
    assert ranks == {"SeCo-Eco": 1, "DOFA": 2, "SatMAE": 1}


def test_another_task_and_another_network_are_shown_but_not_compared():
    probes = [
        probe("seco_eco_published", "geolifeclef", [0.2, 0.21], metric="micro_f1"),
        probe("seco_published", "euforest_species", [0.3, 0.31], metric="micro_f1"),
        probe("dofa_published", "euforest_species", [0.3, 0.31], metric="micro_f1"),
    ]
    networks = {"seco_published": "resnet18", "dofa_published": "dofa_vit_large", "seco_eco_published": "resnet50"}
    table = compare_with_published(of("table4"), NAMES, probes, backbones=networks)
    species = cell(table, "SeCo-Eco", "geolifeclef")
    assert species["why_not_compared"].startswith("another task: random folds") and species[
        "own_mean"
    ] == pytest.approx(20.5)
    seco = cell(table, "SeCo", "euforest")
    assert seco["why_not_compared"] == "another network: resnet18, published resnet50" and np.isnan(seco["difference"])
    assert cell(table, "DOFA", "euforest")["difference"] == pytest.approx(30.5 - 34.8)


def test_a_model_without_a_network_is_another_one():
    probes = [probe("seco_eco", "cavm", VALUES)]
    table = compare_with_published(of("table3"), NAMES, probes, backbones={"seco_eco": None})
    assert cell(table, "SeCo-Eco", "cavm")["why_not_compared"] == "another network: none, published resnet50"


def test_of_several_names_the_first_that_was_run_counts():
    genera, species = (
        probe("seco_eco", f"euforest_{t}", [v, v], metric="micro_f1") for t, v in (("genera", 0.4), ("species", 0.3))
    )
    released = probe("seco_eco_published", "treesatai", [0.4], folds="official", metric="micro_f1")
    alone = compare_with_published(of("table4"), NAMES, [genera])
    assert cell(alone, "SeCo-Eco", "euforest")["own_task"] == "euforest_genera"
    both = compare_with_published(of("table4"), NAMES, [genera, species])
    assert cell(both, "SeCo-Eco", "euforest")["own_task"] == "euforest_species"
    # The released weights stand first: then they fill the whole row, and what they lack is not run.
    table = compare_with_published(of("table4"), NAMES, [genera, released])
    assert cell(table, "SeCo-Eco", "treesatai")["own_model"] == "seco_eco_published"
    assert cell(table, "SeCo-Eco", "euforest")["why_not_run"] == "not run"


def test_other_folds_stand_for_nothing():
    table = compare_with_published(of("table3"), NAMES, [probe("seco_eco", "cavm", VALUES, folds="blocks")])
    assert (table["why_not_run"] == "not run").all()


def test_a_table_that_is_none_is_refused():
    with pytest.raises(UserError, match="no published number"):
        compare_with_published(of("table99"), NAMES)
