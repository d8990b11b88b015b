"""The page of a study: one HTML file with map, figures, tables, cards and configuration; it needs no other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from greenup.config import Study
from greenup.config.data import MiniatureImagery
from greenup.paper import report_facts
from greenup.paper.markup import markdown_to_html
from greenup.paper.page import caption, read_text, script, write_page
from greenup.paper.pictures import Picture, load_pictures
from greenup.paper.report_map import map_page
from greenup.paper.report_parts import SECTIONS, arranged, figure_part, label_of, scrolling, table_part, title_of
from greenup.paper.report_provenance import read_provenance

SCRIPTS: tuple[str, ...] = (
    "report_base.js",
    "report_map.js",
    "report_map_moves.js",
    "report_zoom.js",
    "report_tables.js",
)
"""Scripts of the page, in the order in which they are joined."""

_STAGES: dict[str, str] = {
    "sites": "where: the sites of every dataset",
    "phenology": "when: four dates a site, and the season intervals",
    "scenes": "which: the scene of each site and season",
    "patches": "what: pixels, ledgers, index, statistics, cards and quality reports",
    "pretrain": "weights of every model",
    "tasks": "labels and folds",
    "evaluate": "embeddings and probes",
    "paper": "figures, tables and this page",
}


def write_report(
    study: Study,
    *,
    figures: Sequence[str | Path],
    tables: Sequence[str | Path],
    cards: Sequence[str | Path],
    stages: Sequence[str],
    out: str | Path,
    sheets: Sequence[str | Path] = (),
    maps: Sequence[str | Path] = (),
    provenance: str | Path | None = None,
    lacking: Mapping[str, str] | None = None,
    configfile: str | None = None,
) -> None:
    """Write the page of a study to ``out``, whole or not at all.

    ``figures``: PNGs, with CSV and PDF of each beside it; ``tables``: HTML fragments; ``cards``:
    ``<dataset>/README.md``; ``sheets``: ``<dataset>/quality/contact_sheet.jpg``, beside whose folder the dataset's
    quality.html lies; ``maps``: JSON of `greenup.paper.site_map`; ``provenance``: see
    `greenup.paper.report_provenance.read_provenance`; ``lacking``: name of a figure or table that the study does not
    make -> what its file would need; ``stages``: the targets of the workflow; ``configfile``: the study's file as given
    to Snakemake, for the commands.
    A figure or table takes its place by the name of its file; one of another name stands in a section of its own. Parts
    that a study does not have are left out or say why. Same inputs and versions, same bytes. Raises `UserError` for a
    file that cannot be read.
    """
    out, known = Path(out), read_provenance(provenance)
    run = _runner(configfile or f"config/{study.study}.yaml")
    pictures = dict(zip([*figures, *sheets], load_pictures([*figures, *sheets]), strict=True))
    shown = {Path(f).stem: figure_part(Path(f), study, out, pictures[f], known) for f in figures}
    shown |= {Path(t).stem: table_part(Path(t), study, out, known) for t in tables}
    for name, part in shown.items():
        part["command"] = part["command"] or run(name)
    placed, others = arranged(shown)
    sections = [
        {"anchor": s.anchor, "title": s.title, "parts": [shown[n] for n in whole], "folded": [shown[n] for n in folded]}
        for s in SECTIONS
        for whole, folded in [placed[s.anchor]]
    ]
    always = ("results-of-models", "training-curves")
    page = {
        "study": study,
        "simulated": study.simulated,
        "map": map_page(maps),
        "sections": [s for s in sections if s["parts"] or s["folded"] or s["anchor"] in always],
        "others": [shown[name] for name in others],
        "lacking": [(n, label_of(n) or title_of(n), lack) for n, lack in (lacking or {}).items() if n not in shown],
        "why_no_table": report_facts.why_no_table(study),
        "why_no_training": report_facts.why_no_training(study),
        "facts": report_facts.facts_of(study, figures),
        "ledger": report_facts.ledger(report_facts.numbers(figures, "quality")),
        "training": report_facts.training(report_facts.numbers(figures, "training")),
        "datasets": [(name, report_facts.dataset_row(study, name)) for name in study.datasets],
        "sheets": [_sheet(Path(s), study, out, pictures[s]) for s in sheets],
        "cards": [_card(Path(c)) for c in cards],
        "models": [(name, report_facts.model_row(model)) for name, model in study.models.items()],
        "commands": [(run(), "everything that is missing or out of date")]
        + [(run(stage), _STAGES.get(stage, f"stage {stage}")) for stage in stages],
        "configuration": yaml.safe_dump(
            # Of the keys that change only the speed the page knows nothing: it is not written anew for them.
            study.model_dump(mode="json", exclude={"runtime"}),
            sort_keys=False,
            allow_unicode=True,
            width=100,
            default_flow_style=None,
        ),
        "versions": report_facts.versions(),
        "attribution": report_facts.attribution(study),
        "script": script(*SCRIPTS),
    }
    write_page(out, "report.html.j2", page)


def _runner(configfile: str):
    """Command line of a target. It stands first: Snakemake would take one behind --configfile for a second file."""

    def run(target: str = "") -> str:
        return " ".join(["snakemake", *([target] if target else []), f"--cores all --configfile {configfile}"])

    return run


def _card(path: Path) -> tuple[str, str]:
    """A dataset's name, and its card as HTML; ``path``: ``<dataset>/README.md``."""
    name = path.parent.name
    return name, scrolling(markdown_to_html(read_text(path), top=4), f"card of {name}")


def _sheet(path: Path, study: Study, out: Path, picture: Picture) -> dict[str, Any]:
    """A dataset's contact sheet, at ``datasets/<dataset>/quality/contact_sheet.jpg``, and its quality report."""
    folder = path.parent.parent
    simulated = isinstance(study.datasets[folder.name].imagery, MiniatureImagery)
    return {
        "name": folder.name,
        "picture": picture,
        "caption": caption("contact_sheet", simulated=simulated),
        "page": Path(os.path.relpath(folder / "quality.html", out.parent)).as_posix(),
    }
