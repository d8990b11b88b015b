"""Main effects of an ablation against differences of marginal means, and intervals against the formula."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from greenup.config.ablation import Ablation
from greenup.evaluate.intervals import compare, compare_trainings
from greenup.paper.ablation import cell_scores, main_effects, readable_cells, readable_effects
from greenup.paper.plain import to_markdown

EFFECTS = {
    "sampling": {"grid": 0.0, "cities": -0.1},
    "seasons": {"evi": 0.0, "calendar": -0.03, "quarters": -0.05},
    "methods": {"seco": 0.0, "moco": 0.01},
    "bands": {"b9": 0.0, "rgb": -0.07},
}


def grid(seeds=(), exclude=()):
    axes = {axis: {value: {} for value in values} for axis, values in EFFECTS.items()}
    return Ablation(**{**axes, "bands": {"b9": ["B4"], "rgb": ["B4"]}}, seeds=seeds, exclude=exclude).cells


def scores_of(cells, folds=5, noise=0.0, interaction=0.0):
    """Additive effects, and folds that differ alike for all."""
    rng, rows = np.random.default_rng(1), []
    for cell, fold in product(cells, range(folds)):
        value = 0.6 + 0.02 * fold + sum(EFFECTS[a][cell.value(a)] for a in EFFECTS) + noise * rng.standard_normal()
        value += interaction * (cell.sampling == "cities" and cell.seasons == "calendar")
        rows.append({"model": cell.model, "task": "biomes", "protocol": "linear", "folds": "random", "fold": fold})
        rows[-1] |= {"metric": "macro_f1", "value": value, "n_test": 20, "n_train": 80}
        rows.append(rows[-1] | {"metric": "accuracy", "value": 0.0})
    return pd.DataFrame(rows)


METRICS = {"biomes": "macro_f1"}


def effects_of(table):
    return {(r.axis, r.value): r.effect for r in table.itertuples()}


def test_main_effects_are_what_was_put_in():
    cells = grid()
    found = effects_of(main_effects(scores_of(cells), cells, METRICS))
    expected = {(a, v): e for a, values in EFFECTS.items() for v, e in values.items() if e}
    assert found == pytest.approx(expected)


def test_in_a_whole_grid_they_are_differences_of_marginal_means():
    cells = grid()
    scores = scores_of(cells, noise=0.05, interaction=0.2)
    main = scores[scores["metric"] == "macro_f1"]
    seasons = main["model"].map({c.model: c.seasons for c in cells})
    means = main["value"].groupby(seasons).mean()
    found = effects_of(main_effects(scores, cells, METRICS))
    assert found["seasons", "calendar"] == pytest.approx(means["calendar"] - means["evi"])


def test_where_cells_are_left_out_only_whole_pairs_count():
    cells = grid(exclude=({"sampling": "cities", "seasons": "evi"},))
    table = main_effects(scores_of(cells), cells, METRICS)
    # A difference of marginal means would mix in the cities, which only the calendar has here.
    assert effects_of(table)["seasons", "calendar"] == pytest.approx(-0.03)
    pairs = {(r.axis, r.value): r.pairs for r in table.itertuples()}
    assert pairs["seasons", "calendar"] == 4 and pairs["sampling", "cities"] == 8


def test_the_interval_is_the_corrected_one():
    cells = [c for c in grid() if c.key[1:] == ("evi", "seco", "b9")]
    scores = scores_of(cells, noise=0.05)
    (row,) = main_effects(scores, cells, METRICS).itertuples()
    values = scores[scores["metric"] == "macro_f1"].pivot_table(index="model", columns="fold", values="value")
    one, other = values.loc["ablation_cities_evi_seco_b9"], values.loc["ablation_grid_evi_seco_b9"]
    expected = compare(one, other, 20, 80)
    assert (row.low, row.high, row.p) == pytest.approx((expected.difference.low, expected.difference.high, expected.p))


def test_the_spread_of_seeds_widens_the_interval():
    cells = [c for c in grid(seeds=(1, 2, 3)) if c.key[1:] == ("evi", "seco", "b9")]
    scores = scores_of(cells, noise=0.05)
    (row,) = main_effects(scores, cells, METRICS).itertuples()
    values = scores[scores["metric"] == "macro_f1"].pivot_table(index="model", columns="fold", values="value")
    sides = [values.filter(like=f"ablation_{s}_", axis=0).to_numpy() for s in ("cities", "grid")]
    expected = compare_trainings(*sides, 20, 80)
    assert row.seeds == 3 and (row.low, row.high) == pytest.approx((expected.difference.low, expected.difference.high))


def test_cells_and_both_tables_as_text():
    cells = grid(seeds=(1, 2))
    scores = scores_of(cells, noise=0.01)
    table = cell_scores(scores, cells, METRICS)
    assert len(table) == 24 and (table["seeds"] == 2).all() and (table["folds_n"] == 5).all()
    best = table.loc[table["mean"].idxmax()]
    text = to_markdown(readable_cells(table, simulated=True))
    assert "Simulated" in text and text.count("*") - text.count("**") * 2 == 2  # the best, and the legend
    assert f"{100 * best['mean']:.1f}*" in text
    effects = main_effects(scores, cells, METRICS)
    text = to_markdown(readable_effects(effects, simulated=False))
    assert "calendar less evi" in text and "Simulated" not in text
    assert (effects["p_holm"] >= effects["p"]).all()


def test_folds_that_a_training_lacks_are_left_out():
    cells = [c for c in grid() if c.key[1:] == ("evi", "seco", "b9")]
    scores = scores_of(cells)
    scores = scores[~((scores["model"] == cells[0].model) & (scores["fold"] == 0))]
    (row,) = main_effects(scores, cells, METRICS).itertuples()
    assert row.n == 4 and row.effect == pytest.approx(-0.1)
