"""Configuration of the figures and the report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from greenup.config.beyond import SeasonFit
from greenup.config.block import Block


class ErrataSamples(Block):
    """Files of others that some numbers of the errata are measured on; what is not given is told as last measured."""

    ssl4eo_sites: str | None = None
    """Real sites of SSL4EO-S12 with their four dates: Parquet or CSV with site_id, lon, lat, time."""
    label_tables: tuple[str, ...] = ()
    """Label tables published by the authors of SSL4Eco: CSVs with lon and lat (degrees)."""


class Paper(Block):
    """What the figures show."""

    fig1_datasets: tuple[str, ...] = ()
    """Samplings whose maps and land-cover bars are compared (two or three); no Figure 1 when empty."""
    fig2_dataset: str | None = None
    """Dataset whose seasons and images Figure 2 shows; no Figure 2 when empty."""
    fig2_sites: int = Field(3, ge=1, le=6)
    """Sites in Figure 2."""
    fig3_model: str | None = None
    """Evaluated model that Figure 3 holds against the best baseline of each task; the one that stands for SeCo-Eco when
    empty, or the first."""
    fig3_baselines: tuple[str, ...] = ()
    """Its baselines; all other evaluated models when empty, without further trainings of the same model."""
    fig3_protocol: Literal["linear", "knn"] = "linear"
    """Protocol of the scores in Figure 3."""
    fig3_folds: Literal["random", "blocks"] = "random"
    """Folds of the study's scores in Figure 3, where a task has no official split."""
    figA1_dataset: str | None = None
    """Dataset of whose curves Figure A-1 shows one with its four dates; that of Figure 2 when empty."""
    check_dataset: str | None = None
    """Dataset whose sampling is held against real sites; no such figure when empty."""
    check_reference: str | None = None
    """The real sites: Parquet or CSV with site_id, lon, lat, time."""
    season_fit: SeasonFit = SeasonFit()
    """How samplings in time fit the seasons of the vegetation."""
    errata_samples: ErrataSamples = ErrataSamples()
    """Real files for the errata."""
    sampling_effect: tuple[str, str] | None = None
    """Two models that differ in the dates of their images alone: the first less the second on every task, protocol and
    kind of folds."""
    published_names: str | None = None
    """YAML file of this study's names for published tasks, models and metrics, put before those of
    config/published/names.yaml, whose form it has; only those when empty."""
    note: str = ""
    """A sentence shown at the head of the report."""
