"""The results table: every model on every task, with its doubt, for reading (HTML, Markdown, LaTeX) and reuse (CSV)."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.files import atomic_path, write_text
from greenup.paper.plain import Outputs, latex
from greenup.paper.results import KEYS, OFFICIAL

_FOLDS = {
    "random": "random",
    "blocks": "blocks are whole spatial blocks, so that a model is tested where it was not trained",
    OFFICIAL: "official is the split of the image set's publishers",
}

_TITLES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "micro_map": "micro mAP",
    "r2_mean": "mean R²",
    "accuracy": "accuracy",
    "linear": "linear probe",
    "knn": "k-NN",
    "random": "random",
    "blocks": "blocks",
    "official": "official split",
    "siamese": "siamese head",
    "finetune": "fine-tuning",
    "f1": "F1",
}


# -------------------------------------------------------------------------------------------------------- readable
@dataclass(frozen=True)
class Cell:
    """One number as printed (x 100): mean ± sd, the interval, its rank, and whether it may equal the best."""

    mean: str
    sd: str
    interval: str
    rank: int
    is_tied: bool


def cells(table: pd.DataFrame) -> tuple[list[tuple[str, str, str, str]], dict[str, dict[tuple, Cell]]]:
    """The main metrics as columns (task, protocol, folds, metric) and, a model, its cell of each column."""
    main = table[table["is_main"]]
    columns = list(dict.fromkeys(main[KEYS].itertuples(index=False, name=None)))
    rows: dict[str, dict[tuple, Cell]] = {}
    for r in main.itertuples(index=False):
        key = (r.task, r.protocol, r.folds, r.metric)
        interval = "" if np.isnan(r.low) else f"[{number(r.low)}, {number(r.high)}]"
        sd = "" if np.isnan(r.sd) else number(r.sd)
        rows.setdefault(r.model, {})[key] = Cell(number(r.mean), sd, interval, r.rank, bool(r.p_holm >= 0.05))
    return columns, rows


def _sizes(table: pd.DataFrame) -> dict[tuple, str]:
    """Tested images of each column of `cells`, as printed; the most of any model."""
    largest = table[table["is_main"]].groupby(KEYS, sort=False)["images"].max()
    return {key: f"n = {int(images):,}" for key, images in largest.items()}


def number(value: float, *, sign: bool = False) -> str:
    """A fraction x 100 with one decimal and a true minus sign; never -0.0."""
    if np.isnan(value):
        return "–"
    text = f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"
    return {"-0.0": "0.0", "+0.0": "0.0"}.get(text, text).replace("-", "−")


def legend(table: pd.DataFrame) -> str:
    """What the cells mean, as one sentence each; says when the images are simulated."""
    folds = sorted(set(table.loc[table["is_main"], "n"]))
    count = f"{folds[0]}" if len(folds) == 1 else f"{folds[0]}–{folds[-1]}"
    main = table[table["is_main"]]
    over = {i: sorted(set(g["folds"])) for i, g in main[main["low"].notna()].groupby("interval")}
    ways = " or ".join(
        (["corrected resampled t over folds"] if "corrected_t" in over else [])
        + (["bootstrap over test images, where there is one test part"] if "bootstrap" in over else [])
    )
    brackets = f", and in brackets the 95 % confidence interval ({ways})" if ways else ""
    described = "; ".join(_FOLDS[f] for f in _FOLDS if f in set(main["folds"]))
    text = (
        f"Metrics × 100: mean ± standard deviation over {count} folds{brackets}. n: tested images. Bold: best; "
        "underlined: second best; †: tied with the best, not distinguishable from it at 5 % (paired test on the same "
        f"folds or images, Holm's correction for the models of a column). Folds: {described}."
    )
    return ("Simulated images (miniature Earth). " if table["simulated"].any() else "") + text


def write_results(table: pd.DataFrame, outputs: Outputs) -> None:
    """Write the table as CSV (everything, fractions) and its main metrics as Markdown, LaTeX (booktabs) and HTML."""
    with atomic_path(outputs.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_text(outputs.md, to_markdown(table))
    write_text(outputs.tex, to_latex(table))
    write_text(outputs.html, to_html(table))


def title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def to_markdown(table: pd.DataFrame) -> str:
    """GitHub's Markdown, one column a task x protocol x kind of folds."""
    columns, rows = cells(table)
    sizes = _sizes(table)
    head = [f"{title(c[0])}, {title(c[1])}, {title(c[2])} ({title(c[3])}, {sizes[c]})" for c in columns]
    lines = ["| model | " + " | ".join(head) + " |", "|---" * (len(columns) + 1) + "|"]
    for model, row in rows.items():
        lines.append(f"| {model} | " + " | ".join(_markdown(row.get(c)) for c in columns) + " |")
    return "\n".join([*lines, "", legend(table), ""])


def _markdown(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    text = f"{cell.mean} ± {cell.sd}" if cell.sd else cell.mean
    text = f"**{text}**" if cell.rank == 1 else f"<u>{text}</u>" if cell.rank == 2 else text
    return f"{text}{'†' if cell.is_tied else ''} {cell.interval}".rstrip()


def to_latex(table: pd.DataFrame) -> str:
    r"""A `tabular` with booktabs rules and \multicolumn heads, to be \input into a paper."""
    columns, rows = cells(table)
    heads, sizes = [], _sizes(table)
    for level in range(3):
        spans = _spans(columns, level)
        extra = {0: lambda c: f" ({title(c[3])})", 2: lambda c: f" ({sizes[c]})"}.get(level, lambda c: "")
        titles = [title(c[level]) + extra(c) for _, c in spans]
        heads.append(
            " & ".join(
                ["", *(rf"\multicolumn{{{n}}}{{c}}{{{latex(t)}}}" for (n, _), t in zip(spans, titles, strict=True))]
            )
            + r" \\"
        )
    body = [" & ".join([latex(m), *(_latex(row.get(c)) for c in columns)]) + r" \\" for m, row in rows.items()]
    lines = [
        "% " + legend(table),
        rf"\begin{{tabular}}{{l{'c' * len(columns)}}}",
        r"\toprule",
        *heads,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
    return "\n".join(lines)


def _latex(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    text = rf"{cell.mean} $\pm$ {cell.sd}" if cell.sd else cell.mean
    text = rf"\textbf{{{text}}}" if cell.rank == 1 else rf"\underline{{{text}}}" if cell.rank == 2 else text
    tied = r"$^\dagger$" if cell.is_tied else ""
    return f"{text}{tied} {cell.interval}".replace("−", "$-$").rstrip()


def to_html(table: pd.DataFrame) -> str:
    """A `<table class="results">` fragment with a three-storey head; the report carries its style."""
    columns, rows = cells(table)
    heads, sizes = [], _sizes(table)
    for level in range(3):
        ths = []
        for n, c in _spans(columns, level):
            extra = {0: f" <small>{html.escape(title(c[3]))}</small>", 2: f" <small>{sizes[c]}</small>"}.get(level, "")
            ths.append(f'<th colspan="{n}" scope="colgroup">{html.escape(title(c[level]))}{extra}</th>')
        corner = '<th rowspan="3" scope="col">model</th>' if level == 0 else ""
        heads.append(f"<tr>{corner}{''.join(ths)}</tr>")
    body = []
    for model, row in rows.items():
        tds = "".join(f"<td>{_html(row.get(c))}</td>" for c in columns)
        body.append(f'<tr><th scope="row">{html.escape(model)}</th>{tds}</tr>')
    return "\n".join(
        [
            '<table class="results">',
            "<thead>",
            *heads,
            "</thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
            f'<p class="legend">{html.escape(legend(table))}</p>',
            "",
        ]
    )


def _html(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    text = f"{cell.mean} ± {cell.sd}" if cell.sd else cell.mean
    text = f"<strong>{text}</strong>" if cell.rank == 1 else f"<u>{text}</u>" if cell.rank == 2 else text
    text += "<sup>†</sup>" if cell.is_tied else ""
    return text + (f'<span class="interval">{cell.interval}</span>' if cell.interval else "")


def _spans(columns: list[tuple], level: int) -> list[tuple[int, tuple]]:
    """Runs of columns that share the first ``level`` + 1 heads: how many, and the first of them."""
    runs: list[tuple[int, tuple]] = []
    for column in columns:
        if runs and runs[-1][1][: level + 1] == column[: level + 1]:
            runs[-1] = (runs[-1][0] + 1, runs[-1][1])
        else:
            runs.append((1, column))
    return runs
