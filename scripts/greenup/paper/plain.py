"""A plain table of texts in groups of rows, written for reading (HTML, Markdown, LaTeX), and its numbers as CSV."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from greenup.files import atomic_path, write_text

Row = Sequence[str]


class Outputs(Protocol):
    """The files of a table, as Snakemake's ``output`` gives them."""

    csv: str
    md: str
    tex: str
    html: str


@dataclass(frozen=True)
class PlainTable:
    """What a reader sees of a table: every cell is text as printed; the first cell of a row is its head.

    ``numeric`` names the columns (by position) that are set to the right; a group without a title has no line of its
    own; ``legend`` stands below.
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    legend: str = ""
    numeric: tuple[int, ...] = ()
    is_prose: bool = False
    """Whether cells are sentences: the heads of rows then wrap too."""

    def __post_init__(self) -> None:
        for _, rows in self.groups:
            for row in rows:
                if len(row) != len(self.columns):
                    raise ValueError(f"row {list(row)} has {len(row)} cells for {len(self.columns)} columns")


def write_plain(table: PlainTable, numbers: pd.DataFrame, outputs: Outputs) -> None:
    """Write the readable table as Markdown, LaTeX (booktabs) and HTML, and ``numbers`` as CSV; each whole or not."""
    with atomic_path(outputs.csv) as temporary:
        numbers.to_csv(temporary, index=False, float_format="%.6g")
    write_text(outputs.md, to_markdown(table))
    write_text(outputs.tex, to_latex(table))
    write_text(outputs.html, to_html(table))


def to_markdown(table: PlainTable) -> str:
    """GitHub's Markdown; a group's title is a row with one bold cell."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    lines = [line(table.columns)]
    lines.append("|" + "|".join("---:" if i in table.numeric else "---" for i in range(len(table.columns))) + "|")
    for title, rows in table.groups:
        if title:
            lines.append(line([f"**{title}**", *[""] * (len(table.columns) - 1)]))
        lines += [line(row) for row in rows]
    return "\n".join([*lines, *(["", table.legend] if table.legend else []), ""])


def to_latex(table: PlainTable) -> str:
    r"""A ``tabular`` for the package booktabs, with the legend as a comment above it."""
    width = len(table.columns)
    form = "".join("r" if i in table.numeric else "l" for i in range(width))
    lines = [f"% {table.legend}"] if table.legend else []
    lines += [rf"\begin{{tabular}}{{{form}}}", r"\toprule", _latex_line(table.columns)]
    for title, rows in table.groups:
        lines.append(r"\midrule")
        if title:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{latex(title)}}}}} \\")
        lines += [_latex_line(row) for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(latex(c) for c in cells) + r" \\"


def latex(text: str) -> str:
    """Text for LaTeX: what would be a command is escaped, signs of the tables are set in mathematics."""
    for a, b in (
        *(("\\", r"\textbackslash{}"), ("{", r"\{"), ("}", r"\}"), (r"\textbackslash\{\}", r"\textbackslash{}")),
        *(("_", r"\_"), ("&", r"\&"), ("%", r"\%"), ("#", r"\#"), ("$", r"\$"), ("~", r"\textasciitilde{}")),
        *(("±", r"$\pm$"), ("²", "$^2$"), ("°", r"$^\circ$"), ("–", "--"), ("−", "$-$"), ("×", r"$\times$")),
    ):
        text = text.replace(a, b)
    return text


def to_html(table: PlainTable) -> str:
    """A `<table class="plain">` fragment; the report carries its style."""

    def cell(i: int, text: str, tag: str, extra: str = "") -> str:
        number = ' class="n"' if i in table.numeric else ""
        return f"<{tag}{number}{extra}>{html.escape(text)}</{tag}>"

    head = "".join(cell(i, c, "th", ' scope="col"') for i, c in enumerate(table.columns))
    lines = [f'<table class="plain{" prose" if table.is_prose else ""}">', f"<thead><tr>{head}</tr></thead>"]
    for title, rows in table.groups:
        lines.append("<tbody>")
        if title:
            span = f' colspan="{len(table.columns)}" scope="rowgroup"'
            lines.append(f'<tr class="group"><th{span}>{html.escape(title)}</th></tr>')
        for row in rows:
            head = cell(0, row[0], "th", ' scope="row"')
            lines.append(f"<tr>{head}{''.join(cell(i, c, 'td') for i, c in enumerate(row) if i)}</tr>")
        lines.append("</tbody>")
    lines.append("</table>")
    if table.legend:
        lines.append(f'<p class="legend">{html.escape(table.legend)}</p>')
    return "\n".join([*lines, ""])
