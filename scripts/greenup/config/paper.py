"""Configuration of the figures and the report."""

from __future__ import annotations

from pydantic import Field

from greenup.config.block import Block


class Paper(Block):
    """What the figures show."""

    fig1_datasets: tuple[str, ...] = ()
    """Samplings whose maps and land-cover bars are compared (two or three); no Figure 1 when empty."""
    fig2_dataset: str | None = None
    """Dataset whose seasons and images Figure 2 shows; no Figure 2 when empty."""
    fig2_sites: int = Field(3, ge=1, le=6)
    """Sites in Figure 2."""
    figA1_dataset: str | None = None
    """Dataset of whose curves Figure A-1 shows one with its four dates; that of Figure 2 when empty."""
    check_dataset: str | None = None
    """Dataset whose sampling is held against real sites; no such figure when empty."""
    check_reference: str | None = None
    """The real sites: Parquet or CSV with site_id, lon, lat, time."""
    note: str = ""
    """A sentence shown at the head of the report."""
