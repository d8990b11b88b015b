"""A table of published results in Markdown, LaTeX (booktabs) and HTML: its views one below the other."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from greenup.files import atomic_path, write_text
from greenup.paper.paper_views import Cell, Column, View
from greenup.paper.plain import Outputs, latex

_CAPTION = "text-align: left; padding: .8rem 0 .35rem; font-weight: 600"


def write_views(shown: Sequence[View], numbers: pd.DataFrame, outputs: Outputs) -> None:
    """Write the views as Markdown, LaTeX and HTML, and ``numbers`` as CSV; each file whole or not at all."""
    with atomic_path(outputs.csv) as temporary:
        numbers.to_csv(temporary, index=False, float_format="%.6g")
    write_text(outputs.md, views_to_markdown(shown))
    write_text(outputs.tex, views_to_latex(shown))
    write_text(outputs.html, views_to_html(shown))


# ---------------------------------------------------------------------------------------------------------- Markdown
def views_to_markdown(shown: Sequence[View]) -> str:
    """GitHub's Markdown: a heading, a table and its notes a view."""
    return "\n".join(line for view in shown for line in _markdown(view))


def _markdown(view: View) -> list[str]:
    lines = [f"**{view.title}**", ""]
    if view.rows:
        heads = [", ".join((c.task, c.metric, c.protocol)) + (f" ({c.size})" if c.size else "") for c in view.columns]
        lines.append("| model | " + " | ".join(_pipes(h) for h in heads) + " |")
        lines.append("|---" * (len(heads) + 1) + "|")
        for row in view.rows:
            head = row.title + (f" (`{row.own}`)" if row.own else "")
            lines.append(f"| {_pipes(head)} | " + " | ".join(_markdown_cell(c) for c in row.cells) + " |")
        lines.append("")
    for note in view.notes:
        lines += [note, ""]
    return lines


def _markdown_cell(cell: Cell) -> str:
    text = {1: f"**{cell.text}**", 2: f"<u>{cell.text}</u>"}.get(cell.rank, cell.text)
    marks = f"<sup>{cell.marks}</sup>" if cell.marks else ""
    return _pipes(f"{text}{marks} {cell.small}".rstrip())


def _pipes(text: str) -> str:
    return text.replace("|", "\\|")


# -------------------------------------------------------------------------------------------------------------- LaTeX
def views_to_latex(shown: Sequence[View]) -> str:
    r"""A heading, a ``tabular`` with booktabs rules and its notes a view, to be \input into a paper."""
    return "\n".join(line for view in shown for line in _latex(view))


def _latex(view: View) -> list[str]:
    lines = [r"\par\medskip\noindent", rf"\textbf{{{_tex(view.title)}}}\par\smallskip"]
    if view.rows:
        heads = []
        for level in range(3):
            spans = _spans(view.columns, level)
            heads.append(
                " & ".join(["", *(rf"\multicolumn{{{n}}}{{c}}{{{_tex(c.heads[level])}}}" for n, c in spans)]) + r" \\"
            )
        if any(c.size for c in view.columns):
            heads.append(" & ".join(["", *(_tex(c.size) for c in view.columns)]) + r" \\")
        lines += [rf"\begin{{tabular}}{{l{'c' * len(view.columns)}}}", r"\toprule", *heads, r"\midrule"]
        for row in view.rows:
            head = _tex(row.title) + (rf" (\texttt{{{_tex(row.own)}}})" if row.own else "")
            lines.append(" & ".join([head, *(_latex_cell(c) for c in row.cells)]) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
    return [*lines, *(rf"\par\smallskip\noindent{{\footnotesize {_tex(n)}}}" for n in view.notes), ""]


def _latex_cell(cell: Cell) -> str:
    text = _tex(cell.text)
    text = {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(cell.rank, text)
    marks = rf"\textsuperscript{{{_tex(cell.marks)}}}" if cell.marks else ""
    return f"{text}{marks} {_tex(cell.small)}".rstrip()


def _tex(text: str) -> str:
    return latex(text).replace("‡", r"\ddag{}")


# --------------------------------------------------------------------------------------------------------------- HTML
def views_to_html(shown: Sequence[View]) -> str:
    """A `<table class="results">` with a caption and its notes a view; the report carries its style."""
    return "\n".join(line for view in shown for line in _html(view))


def _html(view: View) -> list[str]:
    notes = [f'<p class="legend">{html.escape(n)}</p>' for n in view.notes]
    if not view.rows:
        return [f'<p class="legend"><strong>{html.escape(view.title)}</strong></p>', *notes, ""]
    # Each scrolls by itself where it is wider than the page, so that notes stay in sight.
    lines = [
        '<div class="scroll">',
        f'<table class="results view-{view.kind}">',
        f'<caption style="{_CAPTION}">{html.escape(view.title)}</caption>',
    ]
    lines.append("<thead>")
    for level in range(3):
        corner = '<th rowspan="3" scope="col">model</th>' if level == 0 else ""
        heads = "".join(_html_head(n, c, level) for n, c in _spans(view.columns, level))
        lines.append(f"<tr>{corner}{heads}</tr>")
    lines += ["</thead>", "<tbody>"]
    for row in view.rows:
        own = f"<br><small><code>{html.escape(row.own)}</code></small>" if row.own else ""
        cells = "".join(f"<td>{_html_cell(c)}</td>" for c in row.cells)
        lines.append(f'<tr><th scope="row">{html.escape(row.title)}{own}</th>{cells}</tr>')
    return [*lines, "</tbody>", "</table>", "</div>", *notes, ""]


def _html_head(n: int, column: Column, level: int) -> str:
    sizes = html.escape(column.size).replace(", ", "<br>")
    size = f"<br><small>{sizes}</small>" if level == 2 and column.size else ""
    return f'<th colspan="{n}" scope="colgroup">{html.escape(column.heads[level])}{size}</th>'


def _html_cell(cell: Cell) -> str:
    text = html.escape(cell.text)
    text = {1: f"<strong>{text}</strong>", 2: f"<u>{text}</u>"}.get(cell.rank, text)
    text += f"<sup>{html.escape(cell.marks)}</sup>" if cell.marks else ""
    return text + (f'<span class="interval">{html.escape(cell.small)}</span>' if cell.small else "")


def _spans(columns: Sequence[Column], level: int) -> list[tuple[int, Column]]:
    """Runs of columns that share the first ``level`` + 1 heads: how many, and the first of them."""
    runs: list[tuple[int, Column]] = []
    for column in columns:
        if runs and level < 2 and runs[-1][1].heads[: level + 1] == column.heads[: level + 1]:
            runs[-1] = (runs[-1][0] + 1, runs[-1][1])
        else:
            runs.append((1, column))
    return runs
