"""Configuration of what the papers did not measure: how well samplings in time fit the vegetation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from greenup.config.block import Block, Years
from greenup.config.seasons import (
    CalendarSeasons,
    CustomSeasons,
    EviSeasons,
    PublishedSeasons,
    QuarterSeasons,
    RandomSeasons,
    Seasons,
)

PAPERS_RULES: dict[str, Seasons] = {
    "phenology": EviSeasons(rule="evi"),
    "calendar": CalendarSeasons(rule="calendar", swap_south=True),
    "calendar_as_published": CalendarSeasons(rule="calendar"),
    "quarters": QuarterSeasons(rule="quarters"),
    "random": RandomSeasons(rule="random"),
}
"""The season rules of the papers: SSL4Eco's; the calendar windows that SSL4EO-S12 documents, with the southern
windows named by the southern season, and as published; SSL4EO-S12's quarters of a random phase; SeCo's five dates."""


class SeasonFit(Block):
    """How far the dates of season rules fall from the seasons of vegetation, and how many of its phases they see."""

    datasets: tuple[str, ...] = ()
    """Datasets with phenology whose sites and dates are the truth; no such experiment when empty. Other datasets of the
    same sites whose images are made are judged too, by the dates of the images."""
    rules: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Seasons] = Field(default_factory=dict)
    """Name of a sampling: its season rule. Those of the three papers when empty."""
    years: Years = (2018, 2021)
    """First and last year in which the rules place their days; only the day of the year counts."""

    @model_validator(mode="after")
    def _rules_of_days(self) -> SeasonFit:
        for name, rule in self.rules.items():
            if isinstance(rule, PublishedSeasons) or (isinstance(rule, CustomSeasons) and rule.file is not None):
                raise ValueError(
                    f"rules.{name}: its days stand in a file for the sites of one dataset; name a rule that places "
                    "days anywhere, e.g. {rule: calendar}"
                )
        return self

    @property
    def compared(self) -> dict[str, Seasons]:
        """The rules that are compared."""
        return self.rules or PAPERS_RULES
