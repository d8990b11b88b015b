"""What stands where in the report: titles and sections of figures and tables by name, and each with its provenance."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenup.config import Study
from greenup.config.published import published_tables, result_tables
from greenup.paper.markup import inline
from greenup.paper.page import caption, read_text
from greenup.paper.pictures import Picture
from greenup.paper.report_provenance import provenance_rows
from greenup.paper.style import readable


@dataclass(frozen=True)
class Section:
    """A section of the report: its figures and tables in order, and those that are folded away below them.

    A name that ends in ``*`` stands for all that begin so and have no place of their own.
    """

    anchor: str
    title: str
    names: tuple[str, ...]
    folded: tuple[str, ...] = ()
    intro: str = ""


SECTIONS: tuple[Section, ...] = (
    Section("sites", "Sites", ("fig1", "table1", "coverage", "sampling_check")),
    Section("seasons", "Seasons", ("fig2", "figA1", "cycles", "tableA1")),
    Section("models", "Models compared", ("table2",)),
    Section("tasks", "Tasks", ("figA2",)),
    Section(
        "results-of-models",
        "Results",
        ("results", "comparisons", "leakage", "learning", "fig3", "table3", "table4", "table5", "table6", "table7"),
        ("tableA2", "tableA3", "tableA4", "tableA5", "tableA6", "tableA7", "tableA8", "tableA9", "tableA10"),
    ),
    Section("other-papers", "The other two papers", ("ssl4eo_table", "seco_table")),
    Section(
        "beyond",
        "Beyond the papers",
        ("season_fit", "season_fit_table", "sampling_effect", "ablation_table", "ablation_effects"),
    ),
    Section("quirks", "Errata", ("errata*",)),
    Section("training-curves", "Training", ("training",)),
    Section("data", "Data quality", ("quality",)),
)
"""Sections in the order of the page; those of which a study has nothing are left out, but for results and training."""

TITLES: dict[str, str] = {
    "fig1": "Where the sites lie",
    "table1": "Datasets, drawn and published",
    "coverage": "How evenly they cover the land",
    "sampling_check": "Rebuilt and real sampling",
    "fig2": "Seasons and images",
    "figA1": "A year of growth and its four dates",
    "cycles": "Years of growth at a dozen sites",
    "tableA1": "When the four dates fall",
    "table2": "Pretrained models compared",
    "figA2": "Labels of the tasks",
    "results": "Scores of every model",
    "comparisons": "Which models differ",
    "leakage": "Ground seen in pretraining",
    "learning": "What each method learns",
    "fig3": "Our model against the best baseline of each task",
    "season_fit": "How far dates fall from the season they stand for",
    "season_fit_table": "Distance of dates from their season, in numbers",
    "sampling_effect": "What the season rule changes downstream",
    "ablation_table": "Ablation: every model of the grid",
    "ablation_effects": "Ablation: what each choice changes",
    "errata": "What the papers and their code say and do",
    "ssl4eo_table": "SSL4EO-S12, published and ours",
    "seco_table": "SeCo, published and ours",
    "training": "Training curves",
    "quality": "What became of every site and season",
}
"""Titles of figures and tables; others are made of the name."""

_NUMBERED = re.compile(r"(fig|table)(A?)(\d+)")
_WORDS = {"fig": "Figure", "table": "Table"}


def label_of(name: str) -> str:
    """The number under which a paper has it: ``tableA3`` -> Table A-3; empty for other names."""
    match = _NUMBERED.fullmatch(name)
    return f"{_WORDS[match[1]]} {'A-' if match[2] else ''}{match[3]}" if match else ""


def title_of(name: str) -> str:
    """Title of a figure or table as the report heads it."""
    published = {t.name: t.title for t in published_tables()}
    label, title = label_of(name), TITLES.get(name) or published.get(name, "")
    if label:
        return f"{label}: {title}" if title else label
    return title or readable(name).capitalize()


def arranged(names: Iterable[str]) -> tuple[dict[str, tuple[list[str], list[str]]], list[str]]:
    """Anchor of a section -> its names and its folded names, in order; and the names that have no place."""
    left = list(names)
    exact = {n for s in SECTIONS for n in (*s.names, *s.folded) if not n.endswith("*")}

    def take(wanted: Sequence[str]) -> list[str]:
        found = []
        for pattern in wanted:
            is_open = pattern.endswith("*")
            hits = [n for n in left if (n.startswith(pattern[:-1]) and n not in exact if is_open else n == pattern)]
            found += hits
            for hit in hits:
                left.remove(hit)
        return found

    placed = {s.anchor: (take(s.names), take(s.folded)) for s in SECTIONS}
    return placed, left


def figure_part(path: Path, study: Study, out: Path, picture: Picture, about: Mapping[str, Any]) -> dict[str, Any]:
    """A figure for the template: ``path`` is its PNG; PDF, CSV and, where it has one, a caption (Markdown) lie beside
    it."""
    part = _part(path, study, out, about, {"CSV": ".csv", "PDF": ".pdf", "caption": ".md"})
    if (written := path.with_suffix(".md")).is_file():
        part["caption"] = _written_caption(read_text(written))
    # The caption's bold beginnings say what is shown; the numbers behind it say it whole.
    heads = [html.unescape(re.sub(r"<[^>]+>", "", h)) for h in re.findall(r"<strong>(.*?)</strong>", part["caption"])]
    told = [h.strip() for h in heads if h.strip().rstrip(".") != part["title"] and not h.startswith("In this run")]
    alt = " ".join([f"{part['title']}.", *told])
    return {**part, "uri": picture.uri, "width": picture.width, "height": picture.height, "alt": alt}


def _written_caption(text: str) -> str:
    """A caption as Markdown without its number, which stands in the heading, and its files, which stand below."""
    paragraphs = [p.strip() for p in text.split("\n\n") if p.strip() and not p.startswith("Files:")]
    if paragraphs:
        paragraphs[0] = re.sub(r"^\*\*Figure [^*]*\*\*\s*", "", paragraphs[0])
    return "\n".join(f"<p>{inline(p)}</p>" for p in paragraphs if p)


def table_part(path: Path, study: Study, out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """A table for the template: ``path`` is its HTML fragment; CSV, Markdown and LaTeX lie beside it."""
    part = _part(path, study, out, about, {"CSV": ".csv", "Markdown": ".md", "LaTeX": ".tex"})
    return {**part, "html": scrolling(read_text(path), part["title"])}


def scrolling(fragment: str, title: str) -> str:
    """Tables in boxes that scroll and can be reached by keys: those the fragment has, or one around all of it."""
    if '<div class="scroll">' not in fragment:
        fragment = f'<div class="scroll">{fragment}</div>'
    count = fragment.count('<div class="scroll">')
    for number in range(1, count + 1):
        name = html.escape(f"Table: {title}" + (f", {number} of {count}" if count > 1 else ""))
        box = f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        fragment = fragment.replace('<div class="scroll">', box, 1)
    return fragment


def _part(path: Path, study: Study, out: Path, about: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    approximated = study.sources.ecoregions == "packaged"
    name = path.stem
    # All tables of published results share one rule, and so one text.
    words = "paper_table" if name in result_tables() else name
    found = {kind: path.with_suffix(end) for kind, end in kinds.items()}
    return {
        "name": name,
        "title": title_of(name),
        "caption": caption(words, simulated=study.simulated, approximated=approximated),
        "files": [(k, Path(os.path.relpath(p, out.parent)).as_posix()) for k, p in found.items() if p.is_file()],
        "provenance": provenance_rows(about.get(name)),
        "command": (about.get(name) or {}).get("command") or "",
    }
