import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.results import results_table
from greenup.paper.tables import to_html, to_latex, to_markdown, write_results
from scipy import stats

METRICS = {"biomes": "macro_f1", "climate": "r2_mean"}
MODELS = ["seco_eco", "random_init", "band_statistics"]


def probe(model, task, protocol, folds, values, *, metric=None, simulated=True, n_train=None):
    table = pd.DataFrame(
        {
            "model": model,
            "task": task,
            "protocol": protocol,
            "folds": folds,
            "fold": range(len(values)),
            "metric": metric or METRICS[task],
            "value": values,
            "n_test": 60 + np.arange(len(values)),
        }
    )
    if n_train is not None:
        table["n_train"] = n_train
    table.attrs["simulated"] = simulated
    return table


@pytest.fixture
def probes():
    """Every model, task, protocol and kind of folds, in an order that is not the table's."""
    rng = np.random.default_rng(11)
    level = dict(zip(MODELS, (0.5, 0.3, 0.4), strict=True))
    out = []
    for folds in ("blocks", "random"):
        for protocol in ("knn", "linear"):
            for task in ("climate", "biomes"):
                for model in reversed(MODELS):
                    values = level[model] + rng.normal(0, 0.01, 10)
                    out.append(probe(model, task, protocol, folds, values, n_train=np.arange(500, 510)))
    return out


def test_numbers_agree_with_numpy_and_scipy(probes):
    table = results_table(probes, METRICS, MODELS)
    assert len(table) == len(probes) == 24
    for p in probes:
        first = p.iloc[0]
        keys = ["task", "protocol", "folds", "model"]
        mine = table[(table[keys] == first[keys].to_numpy()).all(axis=1)].iloc[0]
        x = p["value"].to_numpy()
        # Nadeau and Bengio's corrected variance, written out again.
        error = np.sqrt(x.var(ddof=1) * (1 / 10 + np.mean(p["n_test"] / p["n_train"])))
        low, high = stats.t.interval(0.95, 9, loc=x.mean(), scale=error)
        assert (mine["mean"], mine["sd"], mine["n"]) == (pytest.approx(x.mean()), pytest.approx(x.std(ddof=1)), 10)
        assert (mine["low"], mine["high"]) == (pytest.approx(low), pytest.approx(high))


def test_order_and_ranks(probes):
    table = results_table(probes, METRICS, MODELS)
    assert table["task"].tolist() == ["biomes"] * 12 + ["climate"] * 12
    assert table["protocol"].tolist()[:12] == ["linear"] * 6 + ["knn"] * 6
    assert table["folds"].tolist()[:6] == ["random"] * 3 + ["blocks"] * 3
    assert table["model"].tolist() == MODELS * 8
    assert table["rank"].tolist() == [1, 3, 2] * 8


def test_training_size_is_inferred_where_it_is_missing(probes):
    values = probes[0]["value"].to_numpy()
    table = results_table([probe("m", "biomes", "linear", "random", values)], {"biomes": "macro_f1"}, ["m"])
    tested = 60 + np.arange(10)
    error = np.sqrt(values.var(ddof=1) * (0.1 + np.mean(tested / (tested.sum() - tested))))
    assert table["high"][0] - table["low"][0] == pytest.approx(2 * stats.t.ppf(0.975, 9) * error)


def test_the_paired_test_tells_small_steady_differences_from_noise():
    rng = np.random.default_rng(3)
    base = 0.5 + rng.normal(0, 0.05, 10)
    rows = [
        probe("best", "biomes", "linear", "random", base, n_train=540),
        probe("steady", "biomes", "linear", "random", base - 0.02 + rng.normal(0, 1e-4, 10), n_train=540),
        probe("noisy", "biomes", "linear", "random", base - 0.02 + np.resize([0.08, -0.08], 10), n_train=540),
    ]
    table = results_table(rows, {"biomes": "macro_f1"}, ["best", "steady", "noisy"]).set_index("model")
    assert np.isnan(table.loc["best", "p_best"])
    assert table.loc["steady", "p_best"] < 1e-6 and table.loc["noisy", "p_best"] > 0.05


def test_other_metrics_stand_in_the_csv_only_and_errors_rank_upwards():
    rows = [
        probe(m, "climate", "linear", "random", [v, v + 0.01], metric=metric, n_train=100)
        for m, r2, mae in (("a", 0.7, 3.0), ("b", 0.6, 2.0))
        for metric, v in (("r2_mean", r2), ("mae_temp", mae))
    ]
    table = results_table(rows, {"climate": "r2_mean"}, ["a", "b"])
    ranks = table.set_index(["metric", "model"])["rank"].to_dict()
    assert ranks == {("r2_mean", "a"): 1, ("r2_mean", "b"): 2, ("mae_temp", "a"): 2, ("mae_temp", "b"): 1}
    assert "mae" not in to_markdown(table) and not table.loc[table["metric"] == "mae_temp", "is_main"].any()


class Cells(HTMLParser):
    """Text and marks of every body cell."""

    def __init__(self):
        super().__init__()
        self.rows, self.marks, self.depth = [], [], []

    def handle_starttag(self, tag, attrs):
        self.depth.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.marks.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.marks[-1].append(set())
        if tag in ("strong", "u", "sup"):
            self.marks[-1][-1].add(tag)

    def handle_endtag(self, tag):
        assert self.depth.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.depth):
            self.rows[-1][-1] += data


def test_html_shows_the_numbers_with_best_and_second_marked(probes):
    table = results_table(probes, METRICS, MODELS)
    page = Cells()
    page.feed(to_html(table))
    assert page.depth == []
    body = page.rows[3:]
    assert [r[0] for r in body] == MODELS
    for model, cells, marks in zip(MODELS, body, page.marks[3:], strict=True):
        mine = table[table["model"] == model]
        assert len(cells) == 9
        for text, r in zip(cells[1:], mine.itertuples(), strict=True):
            numbers = [float(x) for x in re.findall(r"\d+\.\d", text)]
            assert numbers == pytest.approx([100 * v for v in (r.mean, r.sd, r.low, r.high)], abs=0.051)
        expected = {"seco_eco": {"strong"}, "band_statistics": {"u"}, "random_init": set()}[model]
        assert all(m - {"sup"} == expected for m in marks[1:])
    # Heads span what stands below them.
    spans = [[int(n) for n in re.findall(r'colspan="(\d+)"', line)] for line in to_html(table).split("\n")[2:5]]
    assert spans == [[4, 4], [2, 2, 2, 2], [1] * 8]


def test_markdown_and_latex_have_as_many_cells_as_heads(probes):
    table = results_table(probes, METRICS, MODELS)
    lines = [line for line in to_markdown(table).split("\n") if line.startswith("|")]
    assert {line.count("|") for line in lines} == {10} and len(lines) == 5
    assert lines[2].count("**") == 16 and lines[4].count("<u>") == 8
    latex = to_latex(table)
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().split("\n")
    assert [line.count("&") for line in body] == [8, 8, 8]
    assert body[0].count(r"\textbf") == 8 and body[2].count(r"\underline") == 8
    assert "seco\\_eco" in body[0] and not re.search(r"(?<!\\)_", latex.split(r"\toprule")[1])


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_is_said_in_every_form(tmp_path, simulated):
    rows = [probe("m", "biomes", "linear", "random", [0.5, 0.6, -0.2], n_train=90, simulated=simulated)]
    out = SimpleNamespace(**{k: str(tmp_path / f"r.{k}") for k in ("csv", "md", "tex", "html")})
    write_results(results_table(rows, {"biomes": "macro_f1"}, ["m"]), out)
    for kind in ("md", "tex", "html"):
        assert ("imulated" in Path(getattr(out, kind)).read_text()) is simulated
    assert pd.read_csv(out.csv)["simulated"].tolist() == [simulated]


def test_one_fold_has_no_interval_and_a_missing_model_a_dash():
    rows = [
        probe("a", "biomes", "linear", "random", [0.5], n_train=90),
        probe("b", "biomes", "knn", "random", [-0.0004], n_train=90),
    ]
    table = results_table(rows, {"biomes": "macro_f1"}, ["a", "b"])
    lines = to_markdown(table).split("\n")
    assert lines[2] == "| a | **50.0** | – |" and lines[3] == "| b | – | **0.0** |"


def test_what_cannot_be_tabulated_is_refused():
    with pytest.raises(UserError, match="no probe"):
        results_table([], METRICS, MODELS)
    with pytest.raises(UserError, match="'climate': no score 'r2_mean'"):
        results_table([probe("m", "biomes", "linear", "random", [0.5])], METRICS, ["m"])
