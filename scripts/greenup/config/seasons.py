"""Configuration of season rules: when to look for images."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.config.block import Block, MonthDay


class EviSeasons(Block):
    """Spring, summer, autumn, winter between the site's own four dates (SSL4Eco)."""

    rule: Literal["evi"]
    """Kind of rule."""


class CalendarSeasons(Block):
    """Windows around solstices and equinoxes, the same everywhere on the hemisphere (SSL4EO-S12's intention)."""

    rule: Literal["calendar"]
    """Kind of rule."""
    days: int = Field(30, ge=0)
    """Half width of a window (days)."""
    winter: MonthDay = "12-21"
    """Middle day of northern winter, month-day."""
    spring: MonthDay = "03-20"
    """Middle day of northern spring."""
    summer: MonthDay = "06-21"
    """Middle day of northern summer."""
    autumn: MonthDay = "09-22"
    """Middle day of northern autumn."""
    year: int | None = None
    """Only the windows of the winter that begins in the year before, and of this year; those of every searched year
    when empty."""
    fallback: bool = False
    """Where a window has no image, the same window a year earlier (SSL4EO-S12's later downloader)."""
    swap_south: bool = False
    """Name southern windows by the southern season (summer for winter, spring for autumn); off, as published, they keep
    the northern names."""

    @model_validator(mode="after")
    def _year(self) -> CalendarSeasons:
        if self.fallback and self.year is None:
            raise ValueError(
                "fallback has no effect without a year: every searched year comes first; "
                "add the year, e.g. year: 2021, or drop fallback"
            )
        return self


class QuarterSeasons(Block):
    """Four windows a quarter of a year apart with one random phase a site (SSL4EO-S12 as released)."""

    rule: Literal["quarters"]
    """Kind of rule."""
    days: int = Field(15, ge=0)
    """Half width of a window (days)."""
    last: date = date(2021, 9, 22)
    """Reference day of the last window before the random backward shift of 0-364 days."""


class RandomSeasons(Block):
    """Dates at equal spacing, shifted backwards together by 0-364 days (SeCo)."""

    rule: Literal["random"]
    """Kind of rule."""
    count: int = Field(5, gt=0)
    """Dates a site."""
    spacing_days: int = Field(84, gt=0)
    """Days between them."""
    days: int = Field(7, ge=0)
    """Half width of a window (days)."""
    last: date = date(2020, 12, 1)
    """Reference day of the latest date before the shift."""


class WindowSeasons(Block):
    """One window a year, by hemisphere (the downstream tasks' mid-summer image)."""

    rule: Literal["window"]
    """Kind of rule."""
    name: str = "summer"
    """Season name in the tables."""
    north: MonthDay = "07-15"
    """Middle day north of the equator."""
    south: MonthDay = "01-15"
    """Middle day south of it."""
    days: int = Field(30, ge=0)
    """Half width (days)."""


class CustomSeasons(Block):
    """The user's own windows: the same days every year, or a table of dates for each site."""

    rule: Literal["custom"]
    """Kind of rule."""
    windows: dict[str, tuple[MonthDay, MonthDay]] = Field({}, examples=[{"dry": ("05-01", "09-30")}])
    """name: [first day, last day], month-day; one that ends before it begins goes over New Year."""
    shift_south: bool = False
    """Move the windows of sites south of the equator by half a year."""
    file: str | None = Field(None, examples=["data/windows.csv"])
    """Instead of windows: CSV with site_id, season, first, last (dates such as 2020-05-01)."""

    @model_validator(mode="after")
    def _one(self) -> CustomSeasons:
        if bool(self.windows) == (self.file is not None):
            raise ValueError("rule 'custom' takes either windows or a file; write e.g. windows: {dry: [05-01, 09-30]}")
        return self


class PublishedSeasons(Block):
    """The dates of a published folder: one season an image, d1, d2, ... in order of time, or spring to winter where
    SSL4Eco's index says so. scenes.years, max_cloud and order do not apply: all images are taken."""

    rule: Literal["published"]
    """Kind of rule."""


Seasons = Annotated[
    EviSeasons | CalendarSeasons | QuarterSeasons | RandomSeasons | WindowSeasons | CustomSeasons | PublishedSeasons,
    Field(discriminator="rule"),
]
