"""Tables of comparisons and leakage as they are read, and official splits among the results."""

import re

import numpy as np
import pandas as pd
import pytest
from greenup.paper.comparisons import probability, readable_comparisons
from greenup.paper.leakage import leakage_table, readable_leakage
from greenup.paper.plain import to_html, to_latex, to_markdown
from greenup.paper.results import results_table
from greenup.paper.tables import to_html as results_html
from greenup.paper.tables import to_markdown as results_markdown


def pair(first, second, means, *, p=0.01, p_holm=0.03, seeds=(1, 1), test="corrected_t", folds="random", n=10):
    difference = means[0] - means[1]
    return {
        "task": "biomes",
        "protocol": "linear",
        "folds": folds,
        "metric": "macro_f1",
        "first": first,
        "second": second,
        "mean_first": means[0],
        "mean_second": means[1],
        "seeds_first": seeds[0],
        "seeds_second": seeds[1],
        "seed_sd_first": 0.012 if seeds[0] > 1 else np.nan,
        "seed_sd_second": 0.034 if seeds[1] > 1 else np.nan,
        "difference": difference,
        "low": difference - 0.02,
        "high": difference + 0.03,
        "p": p,
        "p_holm": p_holm,
        "test": test,
        "n": n,
        "boot_low": difference - 0.01,
        "boot_high": difference + 0.01,
        "simulated": True,
    }


def test_each_model_is_shown_less_the_best():
    table = pd.DataFrame(
        [
            pair("a", "b", (0.5, 0.6), seeds=(3, 1)),
            pair("a", "c", (0.5, 0.4)),
            pair("b", "c", (0.6, 0.4), p=0.2, p_holm=0.2),
        ]
    )
    shown = readable_comparisons(table)
    ((title, rows),) = shown.groups
    assert title.endswith("linear probe, random (macro F1): less b, 60.0")
    assert rows[0] == (
        *("a", "50.0", "3 ± 1.2", "−10.0*", "[−12.0, −7.0]", "0.010", "0.030", "[−11.0, −9.0]", "t, 10 folds"),
    )
    # Turned round: the pair is b less c, the row c less b.
    assert rows[1][:6] == ("c", "40.0", "1", "−20.0", "[−23.0, −18.0]", "0.200")
    assert len(rows) == 2
    for write in (to_html, to_markdown, to_latex):
        assert "Simulated images" in write(shown)


def test_a_reference_is_compared_with_though_it_is_not_best():
    table = pd.DataFrame([pair("a", "b", (0.6, 0.5)), pair("c", "b", (0.4, 0.5))])
    ((title, rows),) = readable_comparisons(table, "b").groups
    assert title.endswith(": less b, 50.0") and [r[3] for r in rows] == ["+10.0*", "−10.0*"]


def test_what_was_not_tested_has_dashes():
    row = pair("a", "b", (0.6, 0.5), p=np.nan, p_holm=np.nan, test="bootstrap", folds="official", n=1)
    row |= {c: np.nan for c in ("low", "high", "boot_low", "boot_high")}
    ((title, rows),) = readable_comparisons(pd.DataFrame([row])).groups
    assert "official split" in title
    assert rows[0] == ("b", "50.0", "1", "−10.0", "–", "–", "–", "–", "bootstrap")
    assert [probability(p) for p in (0.0004, 0.001, 0.9999)] == ["< 0.001", "0.001", "1.000"]


def cell(model, right, kind="random"):
    n = len(right)
    predictions = pd.DataFrame(
        {"site_id": [f"p{i}" for i in range(n)], "fold": 0, "observed": "a", "predicted": np.where(right, "a", "b")}
    )
    about = {"model": model, "task": "biomes", "protocol": "knn", "folds": kind, "fold": 0}
    scores = pd.DataFrame([about | {"metric": "accuracy", "value": np.mean(right), "n_test": n, "n_train": 9}])
    scores.attrs["simulated"] = False
    return scores, predictions


def test_leakage_beside_the_full_result():
    audit = pd.DataFrame(
        {
            "site_id": [f"p{i}" for i in range(10)],
            "nearest_km": np.arange(10) * 4.0,
            "overlaps": [True] * 4 + [False] * 6,
        }
    )
    right = np.array([True] * 4 + [False, True, False, True, False, True])
    table = leakage_table([cell("m", right)], {("biomes", "eco"): audit}, {"m": "eco"}, {"biomes": "accuracy"})
    row = table.iloc[0]
    assert (row["images"], row["overlapping"], row["near"], row["median_km"]) == (10, 4, 3, 18.0)
    assert (row["full"], row["apart"], row["difference"]) == (0.7, 0.5, pytest.approx(-0.2))
    shown = readable_leakage(table)
    ((title, rows),) = shown.groups
    assert title == (
        "biomes and eco: 4 of 10 images share ground with a patch, 3 lie nearer than 10 km to a site, "
        "median 18 km (accuracy)"
    )
    assert rows == (("m", "k-NN", "random", "70.0", "50.0", "−20.0"),)
    assert "imulated" not in to_html(shown)
    gone = leakage_table(
        [cell("m", right)], {("biomes", "eco"): audit.assign(overlaps=True)}, {"m": "eco"}, {"biomes": "accuracy"}
    )
    assert readable_leakage(gone).groups[0][1][0][3:] == ("70.0", "–", "–")


# ------------------------------------------------------------------------------------------------------------ official
def _official(samples):
    rows, doubt = [], []
    for model, drawn in samples.items():
        about = {"model": model, "task": "be", "protocol": "linear", "folds": "official", "metric": "micro_map"}
        rows.append(pd.DataFrame([about | {"fold": 0, "value": np.mean(drawn), "n_test": 1234, "n_train": 5000}]))
        low, high = np.quantile(drawn, [0.025, 0.975])
        doubt.append(about | {"low": low, "high": high, "images": 1234, "samples": drawn})
    return rows, pd.DataFrame(doubt)


def test_one_test_part_has_the_interval_of_its_images_and_ties_by_them():
    base = 0.8 + 0.01 * np.linspace(-1, 1, 1000)
    rows, doubt = _official(
        {"best": base, "tied": base - 0.001 + 0.004 * np.sin(np.arange(1000)), "worse": base - 0.05}
    )
    table = results_table(rows, {"be": "micro_map"}, ["best", "tied", "worse"], doubt).set_index("model")
    assert (table["interval"] == "bootstrap").all() and (table["images"] == 1234).all() and (table["n"] == 1).all()
    assert (table.loc["best", "low"], table.loc["best", "high"]) == pytest.approx((0.7905, 0.8095), abs=1e-4)
    assert np.isnan(table.loc["best", "p_best"]) and np.isnan(table.loc["best", "sd"])
    assert table.loc["tied", "p_holm"] > 0.05
    # 1000 samples, none at or above 0: p is 2 / 1001, twice that for two models.
    assert table.loc["worse", ["p_best", "p_holm"]].tolist() == pytest.approx([2 / 1001, 4 / 1001])
    page = results_html(table.reset_index())
    assert "official split <small>n = 1,234</small>" in page
    assert re.search(r"<u>79.9</u><sup>†</sup>", page) and "75.0</td>" not in page and "<td>75.0<span" in page
    assert "bootstrap over test images" in page and "corrected resampled t" not in page


def test_kinds_of_folds_stand_side_by_side():
    rng = np.random.default_rng(0)
    rows, doubt = _official({"m": 0.8 + 0.01 * rng.normal(size=1000)})
    for folds in ("blocks", "random"):
        values = 0.7 + 0.01 * rng.normal(size=10)
        about = {"model": "m", "task": "be", "protocol": "linear", "folds": folds, "metric": "micro_map"}
        rows.append(pd.DataFrame({**about, "fold": range(10), "value": values, "n_test": 100, "n_train": 810}))
    table = results_table(rows, {"be": "micro_map"}, ["m"], doubt)
    assert table["folds"].tolist() == ["random", "blocks", "official"]
    assert table["interval"].tolist() == ["corrected_t", "corrected_t", "bootstrap"]
    assert table["images"].tolist() == [1000, 1000, 1234]
    text = results_markdown(table)
    head = text.split("\n")[0]
    assert [head.index(w) for w in ("random (", "blocks (", "official split (")] == sorted(
        head.index(w) for w in ("random (", "blocks (", "official split (")
    )
    assert "corrected resampled t over folds or bootstrap over test images" in text
    assert "whole spatial blocks" in text and "publishers" in text
