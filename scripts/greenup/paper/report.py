"""The page of a study: one HTML file with figures, tables, cards, configuration and versions; it needs no other."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

import greenup
from greenup.config import Study
from greenup.config.data import MiniatureImagery
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.paper.markup import markdown_to_html
from greenup.paper.page import caption, data_uri, read_text, write_page
from greenup.paper.style import readable
from greenup.sites.packaged import ATTRIBUTION

COPERNICUS = "Contains modified Copernicus Sentinel data."
"""The line that the Sentinel data terms ask for wherever their pixels are shown."""

PACKAGES: tuple[str, ...] = (
    *("snakemake", "numpy", "pandas", "pyarrow", "geopandas", "rasterio", "pyproj", "scipy", "h5py", "torch"),
    *("torchvision", "pytorch-lightning", "scikit-learn", "matplotlib", "earthengine-api", "pystac-client"),
)
"""Distributions whose versions are printed, as far as they are installed where the report is written."""

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

_PARTS: dict[str, tuple[str, str]] = {
    "fig1": ("Where the sites lie", "fig1"),
    "table1": ("Datasets, drawn and published", "table1"),
    "coverage": ("How evenly they cover the land", "coverage_figure"),
    "sampling_check": ("Rebuilt and real sampling", "sampling_check"),
    "fig2": ("Seasons and images", "fig2"),
    "figA1": ("A year of growth and its four dates", "figA1"),
    "cycles": ("Years of growth at a dozen sites", "cycles_figure"),
    "tableA1": ("When the four dates fall", "tableA1"),
    "figA2": ("Labels of the tasks", "figA2"),
    "results": ("Results", "results_table"),
    "comparisons": ("Which models differ", "comparisons_table"),
    "leakage": ("Ground seen in pretraining", "leakage_table"),
    "training": ("Training", "training_figure"),
    "quality": ("Data quality", "quality_figure"),
}
"""Figure or table -> its title, and the rule that makes it."""

_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sites", "Sites", ("fig1", "table1", "coverage", "sampling_check")),
    ("seasons", "Seasons", ("fig2", "figA1", "cycles", "tableA1")),
    ("tasks", "Tasks", ("figA2",)),
)
"""Sections before the results: anchor, title, and their figures and tables in order; those a study lacks are left
out."""


def write_report(
    study: Study,
    *,
    figures: Sequence[str | Path],
    tables: Sequence[str | Path],
    cards: Sequence[str | Path],
    stages: Sequence[str],
    out: str | Path,
    sheets: Sequence[str | Path] = (),
    configfile: str | None = None,
) -> None:
    """Write the page of a study to ``out``, whole or not at all.

    ``figures``: PNGs, with the CSV of each beside it; ``tables``: HTML fragments; ``cards``: ``<dataset>/README.md``;
    ``sheets``: ``<dataset>/quality/contact_sheet.jpg``, beside whose folder the dataset's quality.html lies;
    ``stages``: the targets of the workflow; ``configfile``: the study's file as given to Snakemake, for the commands.
    A figure or table takes its place by the name of its file; one of another name stands in a section of its own. Parts
    that a study does not have are left out or say why. Same inputs and versions, same bytes. Raises `UserError` for a
    file that cannot be read.
    """
    shown = {Path(f).stem: _figure(Path(f), study) for f in figures}
    shown |= {Path(t).stem: _table(Path(t), study) for t in tables}
    sections = [(i, title, [shown[n] for n in names if n in shown]) for i, title, names in _SECTIONS]
    page = {
        "study": study,
        "simulated": study.simulated,
        "parts": shown,
        "sections": [section for section in sections if section[2]],
        "others": [part for name, part in shown.items() if name not in _PARTS],
        "why_no_table": _why_no_table(study),
        "why_no_training": _why_no_training(study),
        "facts": _facts(study, figures),
        "ledger": _ledger(_numbers(figures, "quality")),
        "training": _training(_numbers(figures, "training")),
        "datasets": [(name, _dataset_row(study, name)) for name in study.datasets],
        "sheets": [_sheet(Path(s), study, Path(out)) for s in sheets],
        "cards": [(Path(c).parent.name, markdown_to_html(read_text(c), top=4)) for c in cards],
        "models": [(name, _model_row(model)) for name, model in study.models.items()],
        "commands": _commands(configfile or f"config/{study.study}.yaml", stages, [*shown]),
        "configuration": yaml.safe_dump(
            study.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        ),
        "versions": _versions(),
        "attribution": _attribution(study),
    }
    write_page(out, "report.html.j2", page)


def _figure(path: Path, study: Study) -> dict[str, str]:
    return {**_part(path, study), "uri": data_uri(path)}


def _table(path: Path, study: Study) -> dict[str, str]:
    return {**_part(path, study), "html": read_text(path)}


def _sheet(path: Path, study: Study, out: Path) -> dict[str, str]:
    """A dataset's contact sheet, at ``datasets/<dataset>/quality/contact_sheet.jpg``, and its quality report."""
    folder = path.parent.parent
    simulated = isinstance(study.datasets[folder.name].imagery, MiniatureImagery)
    return {
        "name": folder.name,
        "uri": data_uri(path),
        "caption": caption("contact_sheet", simulated=simulated),
        "page": Path(os.path.relpath(folder / "quality.html", out.parent)).as_posix(),
    }


def _part(path: Path, study: Study) -> dict[str, str]:
    approximated = study.sources.ecoregions == "packaged"
    words = caption(path.stem, simulated=study.simulated, approximated=approximated)
    title = _PARTS.get(path.stem, (readable(path.stem), ""))[0]
    return {"name": path.stem, "title": title, "caption": words}


def _numbers(figures: Sequence[str | Path], name: str) -> pd.DataFrame | None:
    """The numbers behind a figure, from the CSV beside it; None when the study has no such figure."""
    path = next((Path(f).with_suffix(".csv") for f in figures if Path(f).stem == name), None)
    if path is None:
        return None
    try:
        return pd.read_csv(path)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "delete the figure beside it and run again") from error


def _facts(study: Study, figures: Sequence[str | Path]) -> list[tuple[str, str]]:
    """What a reader wants to know first: a number and what it counts."""
    facts = []
    sites = _numbers(figures, "fig1")
    if sites is not None:
        names = sites["dataset"].nunique()
        facts.append((f"{sites['sites'].sum():,}", f"sites compared, of {names} sampling{_s(names)}"))
    quality = _numbers(figures, "quality")
    if quality is not None:
        status = quality[quality["quantity"] == "status"]
        there = int(status.loc[status["bin"] == "ok", "count"].sum())
        facts.append(
            (f"{there:,}", f"images in {status['dataset'].nunique()} dataset{_s(status['dataset'].nunique())}")
        )
        facts.append((f"{100 * there / max(status['count'].sum(), 1):.0f} %", "of sites × seasons have an image"))
    trained = [n for n, m in study.models.items() if isinstance(m.method, TrainedMethod)]
    facts.append(
        (str(len(trained)), f"model{_s(len(trained))} trained, {len(study.models) - len(trained)} for reference")
    )
    facts.append((str(len(study.evaluated_tasks)), f"downstream task{_s(len(study.evaluated_tasks))}"))
    return facts


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _ledger(quality: pd.DataFrame | None) -> dict[str, Any] | None:
    """Ledger counts: statuses as columns, a row a dataset."""
    if quality is None:
        return None
    status = quality[quality["quantity"] == "status"]
    wide = status.pivot_table(index="dataset", columns="bin", values="count", aggfunc="sum", fill_value=0, sort=False)
    order = [c for c in ("ok", "cloudy", "no_scene", "no_season", "masked", "dropped") if c in wide]
    wide = wide[[*order, *(c for c in wide.columns if c not in order)]]
    rows = [(name, [f"{int(v):,}" for v in row], f"{int(row.sum()):,}") for name, row in wide.iterrows()]
    return {"columns": [readable(str(c)) for c in wide.columns], "rows": rows}


def _training(curves: pd.DataFrame | None) -> list[tuple[str, ...]]:
    """A row a model: epochs, first and last held-out loss, last spread, median speed."""
    rows = []
    for model, mine in curves.groupby("model", sort=False) if curves is not None else ():
        held = mine["held_out_loss"].dropna()
        spread, speed = mine["embedding_std"].dropna(), mine["samples_per_second"].dropna()
        rows.append(
            (
                str(model),
                f"{mine['epoch'].max():g}",
                f"{held.iloc[0]:.2f} → {held.iloc[-1]:.2f}" if len(held) else "–",
                f"{spread.iloc[-1]:.3f}" if len(spread) else "–",
                f"{speed.median():.0f}" if len(speed) else "–",
            )
        )
    return rows


def _why_no_table(study: Study) -> str:
    if not study.evaluated_tasks:
        return "This study has no downstream task, so there is nothing to evaluate its models on."
    return "This study has no model to evaluate." if not study.evaluated_models else ""


def _why_no_training(study: Study) -> str:
    return "No model of this study is trained: it has none, or only baselines without training."


def _dataset_row(study: Study, name: str) -> dict[str, str]:
    dataset = study.datasets[name]
    imagery = dataset.imagery
    return {
        "sites": dataset.sites.sampler,
        "seasons": dataset.seasons.rule if dataset.seasons else "–",
        "phenology": dataset.phenology.source if dataset.phenology else "–",
        "imagery": "none (only its sites are drawn)" if imagery is None else imagery.source,
        "years": f"{dataset.scenes.years[0]}–{dataset.scenes.years[1]}" if imagery else "–",
        "patch": f"{dataset.patches.size_px} px, {len(dataset.patches.bands)} bands" if imagery else "–",
    }


def _model_row(model: Any) -> dict[str, str]:
    has_network = model.has_weights
    return {
        "method": readable(model.method.name),
        "dataset": model.dataset or "–",
        "backbone": model.backbone if has_network else "–",
        "channels": " ".join(model.channels),
        "input": readable(model.input_scale) if has_network else "–",
    }


def _commands(configfile: str, stages: Sequence[str], parts: Sequence[str]) -> list[tuple[str, str]]:
    """A command and what it makes, for the whole, for each stage, figure and table."""

    # The target stands first: Snakemake would take one behind --configfile for a second configuration file.
    def run(target: str = "") -> str:
        return " ".join(["snakemake", *([target] if target else []), f"--cores all --configfile {configfile}"])

    rows = [(run(), "everything that is missing or out of date")]
    rows += [(run(stage), _STAGES.get(stage, f"stage {stage}")) for stage in stages]
    return rows + [(run(rule), f"{name}: {title}") for name, (title, rule) in _PARTS.items() if name in parts]


def _versions() -> list[tuple[str, str]]:
    """Versions where this page is written, from the metadata of what is installed; nothing is imported."""
    found = [("greenup", greenup.__version__), ("python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed here"))
    return found


def _attribution(study: Study) -> list[str]:
    lines = []
    sources = [d.imagery for d in study.datasets.values() if d.imagery is not None]
    if any(not isinstance(s, MiniatureImagery) for s in sources):
        lines.append(COPERNICUS)
    if any(isinstance(s, MiniatureImagery) for s in sources):
        lines.append(
            "Images, vegetation curves and dates of the miniature Earth are simulated; they show no real place."
        )
    return [*lines, ATTRIBUTION]
