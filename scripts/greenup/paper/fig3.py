"""Figure 3: one model against the best baseline of every task, published and in this study (SSL4Eco, Figure 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from greenup.config.published import Names
from greenup.errors import UserError
from greenup.paper.spider import FEWEST, MINUS, draw_bars, draw_spider
from greenup.paper.style import BLUE, FAINT, VERMILION, new_figure, panel_title, readable

PAPER, PUBLISHED_MODEL = "ssl4eco", "SeCo-Eco"
"""The paper, and the model of it, as its tables call it."""

TABLES: tuple[str, ...] = ("3", "4", "5")
"""Tables of SSL4Eco that compare it with its six baselines on eight tasks."""

NUMBERS: tuple[str, ...] = (
    *("panel", "published_task", "task", "name", "metric", "folds", "model", "score", "low", "high"),
    *("baseline", "best", "best_low", "best_high", "difference", "status", "other", "simulated"),
)
"""Columns of the numbers behind the figure; ``other``: why a task of the study is not the published one of its axis."""

RUN, NOT_RUN, ALONE = "run", "not run", "no baseline"
"""What may be said of an axis (``status``): both scores are there, the model's is not, or no baseline's is."""

_HEIGHT = 3.5
_SCORES = ("score", "low", "high", "best", "best_low", "best_high", "difference")
_KINDS = ("random", "blocks", "official")


@dataclass(frozen=True)
class _Axis:
    """One axis: the published task, the study's own one (that of the scores), its name on the page."""

    published: str
    task: str
    name: str
    other: str = ""


def published_axes(published: pd.DataFrame, names: Names, protocol: str = "linear") -> pd.DataFrame:
    """SSL4Eco's model and the best of its baselines on each task, in the order of ``names``.

    ``published``: as `read_published` returns it (numbers x 100). Returns columns `NUMBERS`, scores and their
    ``difference`` in points (x 100), ``low`` and ``high`` one standard deviation over folds away, where one is printed.
    Raises `UserError` when the model is not among the published.
    """
    rows = published[(published["paper"] == PAPER) & published["table"].isin(TABLES)]
    rows = rows[rows["protocol"] == protocol].drop_duplicates(["task", "model"])
    if PUBLISHED_MODEL not in set(rows["model"]):
        raise UserError(
            f"config/published/results.csv: no {protocol} score of {PUBLISHED_MODEL} in tables {', '.join(TABLES)}",
            "restore the file from the repository, or set paper.fig3_protocol to linear or knn",
        )
    paper = names.paper(PAPER)
    spread = rows["std"].astype("float64").fillna(0.0)
    scores = rows.assign(low=rows["mean"] - spread, high=rows["mean"] + spread, folds="", simulated=False)
    scores["metric"] = scores["metric"].map(lambda metric: names.metric(metric).title)
    scores["model"] = scores["model"].map(lambda model: paper.model(model).title)
    axes = [_Axis(t, t, block.title) for t, block in paper.tasks.items() if t in set(rows["task"])]
    model = paper.model(PUBLISHED_MODEL).title
    return _numbers(scores, "published", axes, model, sorted(set(scores["model"]) - {model}))


def study_axes(
    results: pd.DataFrame,
    tasks: Sequence[str],
    published: pd.DataFrame,
    names: Names,
    model: str,
    baselines: Sequence[str],
    *,
    protocol: str = "linear",
    folds: str = "random",
) -> pd.DataFrame:
    """The study's model and its best baseline on each task, and which published tasks were not run.

    ``results``: the results table (`results_table`; fractions, main metrics); ``tasks``: evaluated tasks;
    ``published``: `published_axes`, whose axes come first: each is that of the first evaluated task which ``names``
    gives for it, one that only stands in says so in its name. Tasks of the study's own follow, then those
    without both scores. ``folds``: random or
    blocks, where a task has no official split. Returns columns `NUMBERS`, scores in points (x 100), ``low`` and
    ``high`` the 95 % interval; a published task that the study does not evaluate is "not run".
    """
    axes = _study_axes(tasks, published["published_task"], names)
    preferred = [folds, "official", *[k for k in _KINDS if k not in (folds, "official")]]
    rows = results[results["is_main"].astype(bool) & (results["protocol"] == protocol)]
    rank = rows["folds"].map({kind: i for i, kind in enumerate(preferred)})
    # One kind of folds a task: scores over random folds and over blocks are no match for each other.
    rows = rows[rank == rank.groupby(rows["task"]).transform("min")]
    scores = rows.assign(**{c: 100.0 * rows[c].astype("float64") for c in ("mean", "low", "high")})
    titles = {own: m.title for m in names.metrics.values() for own in m.ours}
    scores["metric"] = scores["metric"].map(lambda metric: titles.get(metric, readable(metric)))
    table = _numbers(scores, "study", axes, model, baselines)
    # What was run stands together: a shape has one gap at most.
    return table.iloc[(table["status"] != RUN).argsort(kind="stable")].reset_index(drop=True)


def _study_axes(tasks: Sequence[str], published: Iterable[str], names: Names) -> list[_Axis]:
    axes = []
    for task in published:
        block = names.paper(PAPER).task(task)
        own = next((o for o in block.ours if o.task in tasks), None)
        if own is None:
            axes.append(_Axis(task, "", block.title))
        elif own.other:
            axes.append(_Axis(task, own.task, f"{readable(own.task)} for {block.title}", own.other))
        else:
            axes.append(_Axis(task, own.task, block.title))
    taken = {axis.task for axis in axes}
    return axes + [_Axis("", task, readable(task)) for task in tasks if task not in taken]


def _numbers(
    scores: pd.DataFrame, panel: str, axes: Sequence[_Axis], model: str, baselines: Sequence[str]
) -> pd.DataFrame:
    rows = []
    for axis in axes:
        mine = scores[scores["task"] == axis.task]
        own = mine[mine["model"] == model]
        # Equal scores: the first by name, so that the figure does not depend on the order of rows.
        others = mine[mine["model"].isin(list(baselines))].sort_values(["mean", "model"], ascending=[False, True])
        row: dict[str, object] = {
            **{"panel": panel, "published_task": axis.published, "task": axis.task, "name": axis.name, "model": model},
            **{"other": axis.other, "simulated": bool(mine["simulated"].any())},
            "status": NOT_RUN if own.empty else ALONE if others.empty else RUN,
        }
        if len(own):
            first = own.iloc[0]
            row |= {"metric": first["metric"], "folds": first["folds"]}
            row |= {"score": first["mean"], "low": first["low"], "high": first["high"]}
        if len(own) and len(others):
            best = others.iloc[0]
            row |= {"baseline": best["model"], "best": best["mean"], "best_low": best["low"], "best_high": best["high"]}
            row["difference"] = first["mean"] - best["mean"]
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=list(NUMBERS)).astype(dict.fromkeys(_SCORES, "float64"))


def draw_fig3(published: pd.DataFrame, study: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """The published numbers (a) and the study's own (b), each on axes of its own, never on one.

    ``published``, ``study``: as `published_axes` and `study_axes` return them. On every axis the best baseline is the
    same line, 0, and the model stands as many points (score x 100) outside or inside of it as it is better or worse:
    one scale for all tasks of a panel. Fewer than `FEWEST` tasks with both scores are drawn as bars; with none, the
    panel says so. Returns the figure and the numbers: columns `NUMBERS`.
    """
    figure = new_figure(_HEIGHT)
    is_simulated = bool(study.loc[study["status"] != NOT_RUN, "simulated"].any())
    titles = ("SSL4Eco, as published", "this study" + (", simulated" if is_simulated else ""))
    for i, (table, title) in enumerate(zip((published, study), titles, strict=True)):
        axes = figure.add_axes((i * 0.5, 0.075, 0.5, 0.845))
        head = figure.add_axes((i * 0.5 + 0.005, 0.945, 0.49, 1e-6))
        head.axis("off")
        panel_title(head, "ab"[i], title)
        is_run = table["status"] == RUN
        if is_run.sum() >= FEWEST:
            draw_spider(axes, table)
        elif (table["status"] != NOT_RUN).any():
            draw_bars(axes, table)
        else:
            axes.axis("off")
            text = f"{table['model'].iloc[0]}: not run on any task"
            axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=7.5)
    handles = [
        Line2D([], [], color=BLUE, marker="o", markersize=4, linewidth=1.5, label=_who(published, study)),
        Line2D([], [], color=VERMILION, linewidth=1.2, linestyle=(0, (4, 1.5)), label="best baseline of each task"),
        Line2D([], [], color=FAINT, linewidth=1.0, label="points (score × 100) from it"),
    ]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, -0.02), ncols=3, columnspacing=1.5)
    return figure, pd.concat([published, study], ignore_index=True)[list(NUMBERS)]


def _who(published: pd.DataFrame, study: pd.DataFrame) -> str:
    names = [str(t["model"].iloc[0]) for t in (published, study) if len(t)]
    return ", ".join(f"{n} ({panel})" for n, panel in zip(names, "ab", strict=False))


def signed(points: float) -> str:
    """A difference with its sign: +2.8."""
    return f"{points:+.1f}".replace("-", MINUS)


def fig3_facts(data: pd.DataFrame) -> list[str]:
    """What the figure of this run shows, as sentences for its caption; ``data``: the numbers of `draw_fig3`."""
    sentences = []
    for letter, (panel, part) in zip("ab", data.groupby("panel", sort=False), strict=False):
        run = part[part["status"] == RUN]
        what = "as printed in SSL4Eco" if panel == "published" else "in this study"
        if run.empty:
            sentences.append(f"({letter}) {part['model'].iloc[0]}, {what}: not run on any task with a baseline.")
            continue
        ahead = int((run["difference"] > 0).sum())
        worst, best = run.loc[run["difference"].idxmin()], run.loc[run["difference"].idxmax()]
        sentences.append(
            f"({letter}) {part['model'].iloc[0]}, {what}: above the best baseline on {ahead} of {len(run)} tasks, by "
            f"{signed(best['difference'])} points at most ({best['name']}, {best['baseline']}), by "
            f"{signed(worst['difference'])} at least ({worst['name']}, {worst['baseline']})."
        )
        if kinds := sorted(set(run["folds"]) - {""}):
            sentences.append(f"Folds: {', '.join(kinds)}.")
    study = data[data["panel"] == "study"]
    for _, row in study[(study["other"] != "") & (study["status"] != NOT_RUN)].iterrows():
        sentences.append(f"{row['task']} is not the published task: {row['other']}.")
    if len(missing := study.loc[study["status"] == NOT_RUN, "name"]):
        sentences.append(f"Not run in this study: {'; '.join(missing)}.")
    if study["simulated"].any():
        sentences.append("Panel b is simulated (miniature Earth), panel a is not: the two are no match for each other.")
    return sentences
