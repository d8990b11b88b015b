"""A table of published results with ours beside it: which of our scores stands for which number, and how far it is.

One row a published number, whatever of it has been run; `greenup.paper.paper_views` lays it out for reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from greenup.config.published import Names, OwnTask
from greenup.errors import UserError
from greenup.paper.results import results_table

NOT_RUN = "not run"
"""What stands where a study has no score."""

FACTOR = 2.0
"""A difference is within its tolerance up to so many combined standard deviations."""

_OWN_NUMBERS = ("own_mean", "own_sd", "own_low", "own_high")

_OWN_TEXTS = (
    *("own_model", "own_task", "own_metric", "folds", "interval"),
    *("another_task", "why_not_run", "why_not_compared"),
)

_OWN = (*_OWN_TEXTS, *_OWN_NUMBERS, "n", "images", "simulated")


def compare_with_published(
    published: pd.DataFrame,
    names: Names,
    probes: Sequence[pd.DataFrame] = (),
    *,
    doubt: pd.DataFrame | None = None,
    backbones: Mapping[str, str | None] | None = None,
    approximated: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Each published number of one table, what this study has for it, and the difference of the two.

    ``published``: rows of `greenup.paper.published.read_published`; ``probes``: `probe` tables, each with
    ``attrs["simulated"]``; ``doubt``: `doubt` tables, for intervals over one official test part; ``backbones``: network
    of each of the study's models; ``approximated``: tasks whose labels only stand for the published ones -> why.

    Adds the columns own_model, own_task, own_metric, another_task (why the task is not the published one), folds,
    interval (corrected_t or bootstrap), own_mean, own_sd, own_low, own_high (all x 100, errors too, as published; 95 %
    interval), n (folds), images (tested), simulated (NA where nothing was run), why_not_run (empty where there is a
    score), why_not_compared (empty where there is a difference), difference (ours - published), tolerance
    (`tolerance_of`; NaN where one of the two has no deviation), within (NA without a tolerance), rank and own_rank (in
    the column; 1 is best; simulated and real apart).

    A published model and task are looked for under their names of names.yaml: the first that has any score here counts
    for the whole row or column. k-NN counts with the published k alone, chosen or given. Simulated scores are never
    compared.
    """
    if published.empty:
        raise UserError("no published number to compare with", "name a table of config/published/tables.csv")
    scores = results_table(probes, {}, [], doubt) if len(probes) else pd.DataFrame()
    by_key = {(r["model"], r["task"], r["protocol"], r["folds"], r["metric"]): r for r in scores.to_dict("records")}
    cells = {key[:4] for key in by_key}
    neighbours = _neighbours(probes)
    models, tasks = _chosen(published, names, cells)
    rows = []
    for row in published.to_dict("records"):
        paper = names.paper(row["paper"])
        model, task = models.get((row["paper"], row["model"])), tasks.get((row["paper"], row["task"]))
        own = dict.fromkeys(_OWN, pd.NA) | dict.fromkeys(_OWN_TEXTS, "") | dict.fromkeys(_OWN_NUMBERS, np.nan)
        protocol = names.protocol(row["protocol"]).ours
        found, why = None, NOT_RUN
        if model and task and (cell := (model, task.task, protocol, task.folds)) in cells:
            ks = neighbours.get(cell, set())
            if row["protocol"] == "knn" and ks != {int(row["k"])}:
                why = f"{NOT_RUN} with k = {row['k']}"
            else:
                found = next((by_key[*cell, m] for m in names.metric(row["metric"]).ours if (*cell, m) in by_key), None)
                why = "" if found else f"{NOT_RUN}: not scored by this metric"
        own |= {"why_not_run": why, "why_not_compared": why}
        if found:
            own |= {"own_model": model, "own_task": task.task, "folds": task.folds}
            own |= {f"own_{c}": 100 * found[c] for c in ("mean", "sd", "low", "high")}
            own |= {c: found[c] for c in ("interval", "n", "images", "simulated")} | {"own_metric": found["metric"]}
            own["another_task"] = task.other or (approximated or {}).get(task.task, "")
            own["why_not_compared"] = _why_not_compared(
                bool(found["simulated"]),
                own["another_task"],
                _other_network(model, paper.model(row["model"]).backbone, backbones or {}),
            )
        rows.append(own)
    table = pd.concat([published.reset_index(drop=True), pd.DataFrame(rows, columns=list(_OWN))], axis=1)
    return _ranked(_with_differences(table), names)


def tolerance_of(sd: pd.Series | float, own_sd: pd.Series | float, decimals: pd.Series | int) -> pd.Series | float:
    """How far two means may lie apart: 2 x sqrt(sd^2 + own_sd^2), and half of the last digit that is printed.

    Deviations over folds, of the published number and ours; NaN where one of them is not known. It is a yardstick and
    no test: folds share most of their training images, and two pretrainings differ by more than their folds show.
    """
    return FACTOR * np.sqrt(sd**2 + own_sd**2) + 0.5 * 10.0 ** -np.asarray(decimals, dtype="float64")


# ------------------------------------------------------------------------------------------------------------ choice
def _chosen(
    published: pd.DataFrame, names: Names, cells: set[tuple[str, str, str, str]]
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], OwnTask]]:
    """Published (paper, model) -> ours, and (paper, task) -> ours, as far as this study has a score of them.

    A model counts by its scores on tasks of this table, a task by those of the models that were chosen.
    """
    protocols = {names.protocol(p).ours for p in published["protocol"]}
    cells = {c for c in cells if c[2] in protocols}
    models: dict[tuple[str, str], str] = {}
    tasks: dict[tuple[str, str], OwnTask] = {}
    for paper, group in published.groupby("paper", sort=False):
        known = names.paper(paper)
        asked = {(o.task, o.folds) for t in group["task"].unique() for o in known.task(t).ours}
        for name in group["model"].unique():
            has = {m for m, t, _, f in cells if (t, f) in asked}
            if own := next((m for m in known.model(name).ours if m in has), None):
                models[paper, name] = own
        mine = {own for (p, _), own in models.items() if p == paper}
        for name in group["task"].unique():
            has_task = {(t, f) for m, t, _, f in cells if m in mine}
            if own := next((o for o in known.task(name).ours if (o.task, o.folds) in has_task), None):
                tasks[paper, name] = own
    return models, tasks


def _neighbours(probes: Sequence[pd.DataFrame]) -> dict[tuple[str, str, str, str], set[int]]:
    """The k of every k-NN cell, from what its folds chose or were given."""
    found: dict[tuple[str, str, str, str], set[int]] = {}
    for table in probes:
        if "choice" not in table:
            continue
        said = table.loc[table["protocol"] == "knn", ["model", "task", "protocol", "folds", "choice"]].dropna()
        for *cell, choice in said.drop_duplicates().itertuples(index=False, name=None):
            key, _, value = choice.partition("=")
            if key == "k":
                found.setdefault(tuple(cell), set()).add(int(value))
    return found


def _why_not_compared(simulated: bool, other_task: str, other_network: str) -> str:
    if simulated:
        return "simulated images"
    return f"another task: {other_task}" if other_task else other_network


def _other_network(model: str, published: str, backbones: Mapping[str, str | None]) -> str:
    ours = backbones.get(model, published)
    return "" if ours == published else f"another network: {ours or 'none'}, published {published}"


# ----------------------------------------------------------------------------------------------------------- numbers
def _with_differences(table: pd.DataFrame) -> pd.DataFrame:
    compared = table["why_not_compared"] == ""
    tolerance = tolerance_of(table["std"], table["own_sd"], table["decimals"])
    table["difference"] = (table["own_mean"] - table["mean"]).where(compared)
    table["tolerance"] = tolerance.where(compared)
    within = (table["difference"].abs() <= table["tolerance"]).astype("boolean")
    table["within"] = within.where(table["tolerance"].notna(), pd.NA)
    types = {"n": "Int64", "images": "Int64", "simulated": "boolean"}
    return table.astype(types | dict.fromkeys(_OWN_NUMBERS, "float64"))


def _ranked(table: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Ranks within a column of the table; equal numbers, as printed, share the better one."""
    sign = np.where([names.metric(m).smaller_is_better for m in table["metric"]], 1.0, -1.0)
    column = ["paper", "table", "task", "protocol", "k", "metric"]

    def rank(values: pd.Series, *also: str) -> pd.Series:
        groups = [table[c] for c in (*column, *also)]
        ranks = (sign * values).groupby(groups, dropna=False, sort=False).rank(method="min")
        return ranks.where(values.notna()).astype("Int64")

    return table.assign(rank=rank(table["mean"]), own_rank=rank(table["own_mean"], "simulated"))


# ------------------------------------------------------------------------------------------------------------- tidy
TIDY = (
    *("name", "paper", "table", "task", "model", "metric", "protocol", "k", "of", "value", "sd", "low", "high"),
    *("interval", "n", "images", "rank", "tolerance", "within", "status", "simulated", "own_model", "own_task"),
    *("folds", "otherwise", "source", "url"),
)
"""Columns of the CSV: of is published, ours or difference; value, sd, low, high and tolerance are x 100; status is
printed, run, compared, or why there is no number; source is what to cite, or "this study"."""


_VALUES = ("value", "sd", "low", "high", "tolerance")


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """One row a number, `TIDY`: every published one, ours and the difference, in the order of the table.

    What was not run has a row too, without a value, whose status says so.
    """
    blank = {c: pd.NA for c in TIDY}
    rows = []
    for r in table.to_dict("records"):
        key = {c: r[c] for c in ("name", "paper", "table", "task", "model", "metric", "protocol", "k")}
        here = {c: r[c] for c in ("own_model", "own_task", "folds", "simulated")}
        rows.append(
            {
                **blank,
                **key,
                "of": "published",
                "value": r["mean"],
                "sd": r["std"],
                "rank": r["rank"],
                "simulated": False,
            }
            | {"status": "printed", "otherwise": r["otherwise"], "source": r["source"], "url": r["url"]}
        )
        rows.append(
            {**blank, **key, **here, "of": "ours", "value": r["own_mean"], "sd": r["own_sd"], "low": r["own_low"]}
            | {"high": r["own_high"], "rank": r["own_rank"], "status": r["why_not_run"] or "run"}
            | {c: r[c] for c in ("interval", "n", "images")}
            | {"source": "this study"}
        )
        rows.append(
            {**blank, **key, **here, "of": "difference", "value": r["difference"]}
            | {"tolerance": r["tolerance"], "within": r["within"]}
            | {"status": r["why_not_compared"] or "compared", "source": "this study"}
        )
    types = dict.fromkeys(("k", "n", "images", "rank"), "Int64") | dict.fromkeys(_VALUES, "Float64")
    return pd.DataFrame(rows, columns=list(TIDY)).astype(types).astype(dict.fromkeys(_VALUES, "float64"))
