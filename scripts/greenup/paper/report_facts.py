"""What the report says of a study beside its figures and tables: facts first, ledgers, training, blocks, versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

import greenup
from greenup.config import Model, Study
from greenup.config.data import MiniatureImagery
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.paper.style import readable
from greenup.sites.packaged import ATTRIBUTION

COPERNICUS = "Contains modified Copernicus Sentinel data."
"""The line that the Sentinel data terms ask for wherever their pixels are shown."""

PACKAGES: tuple[str, ...] = (
    *("snakemake", "numpy", "pandas", "pyarrow", "geopandas", "rasterio", "pyproj", "scipy", "h5py", "torch"),
    *("torchvision", "pytorch-lightning", "scikit-learn", "matplotlib", "earthengine-api", "pystac-client"),
)
"""Distributions whose versions are printed, as far as they are installed where the report is written."""


def numbers(figures: Sequence[str | Path], name: str) -> pd.DataFrame | None:
    """The numbers behind a figure, from the CSV beside it; None when the study has no such figure."""
    path = next((Path(f).with_suffix(".csv") for f in figures if Path(f).stem == name), None)
    if path is None:
        return None
    try:
        return pd.read_csv(path)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "delete the figure beside it and run again") from error


def facts_of(study: Study, figures: Sequence[str | Path]) -> list[tuple[str, str]]:
    """What a reader wants to know first: a number and what it counts."""
    facts = []
    sites = numbers(figures, "fig1")
    if sites is not None:
        names = sites["dataset"].nunique()
        facts.append((f"{sites['sites'].sum():,}", f"sites compared, of {names} sampling{_s(names)}"))
    quality = numbers(figures, "quality")
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


def ledger(quality: pd.DataFrame | None) -> dict[str, Any] | None:
    """Ledger counts: statuses as columns, a row a dataset."""
    if quality is None:
        return None
    status = quality[quality["quantity"] == "status"]
    wide = status.pivot_table(index="dataset", columns="bin", values="count", aggfunc="sum", fill_value=0, sort=False)
    order = [c for c in ("ok", "cloudy", "no_scene", "no_season", "masked", "dropped") if c in wide]
    wide = wide[[*order, *(c for c in wide.columns if c not in order)]]
    rows = [(name, [f"{int(v):,}" for v in row], f"{int(row.sum()):,}") for name, row in wide.iterrows()]
    return {"columns": [readable(str(c)) for c in wide.columns], "rows": rows}


def training(curves: pd.DataFrame | None) -> list[tuple[str, ...]]:
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


def why_no_table(study: Study) -> str:
    """Why there are no scores; empty where nothing speaks against them."""
    if not study.evaluated_tasks:
        return "This study has no downstream task, so there is nothing to evaluate its models on."
    return "This study has no model to evaluate." if not study.evaluated_models else ""


def why_no_training(study: Study) -> str:
    """Why there are no training curves."""
    return "No model of this study is trained: it has none, or only baselines without training."


def dataset_row(study: Study, name: str) -> dict[str, str]:
    """A dataset in words: where, when, which, what."""
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


def model_row(model: Model) -> dict[str, str]:
    """A model in words."""
    has_network = model.has_weights
    return {
        "method": readable(model.method.name),
        "dataset": model.dataset or "–",
        "backbone": model.backbone if has_network else "–",
        "channels": " ".join(model.channels),
        "input": readable(model.input_scale) if has_network else "–",
    }


def versions() -> list[tuple[str, str]]:
    """Versions where this page is written, from the metadata of what is installed; nothing is imported."""
    found = [("greenup", greenup.__version__), ("python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed here"))
    return found


def attribution(study: Study) -> list[str]:
    """Whose data are shown, and what is simulated: the foot of the page."""
    lines = []
    sources = [d.imagery for d in study.datasets.values() if d.imagery is not None]
    if any(not isinstance(s, MiniatureImagery) for s in sources):
        lines.append(COPERNICUS)
    if any(isinstance(s, MiniatureImagery) for s in sources):
        lines.append(
            "Images, vegetation curves and dates of the miniature Earth are simulated; they show no real place."
        )
    return [*lines, ATTRIBUTION]
