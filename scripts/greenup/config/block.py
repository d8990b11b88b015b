"""What every block of the configuration is, and the types of values that several share."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from greenup.bands import check_bands
from greenup.errors import UserError


class Block(BaseModel):
    """A configuration block: unknown keys are refused, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def _measured(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_bands(names, derived=False)
    except UserError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None
    return names


def _channels(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_bands(names, masks=False)
    except UserError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None
    return names


def _month_day(value: str) -> str:
    try:
        date.fromisoformat(f"2001-{value}")
    except ValueError:
        raise ValueError(f"{value!r} is not a day of the year; write month-day such as '07-15'") from None
    return value


def _bbox(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = value
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError(
            f"{list(value)} is not a region; "
            "write [west, south, east, north] in degrees with west < east, south < north"
        )
    return value


def _years(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"{list(value)}: the first year lies after the last; write [first, last]")
    return value


MeasuredBands = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_measured)]
Channels = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_channels)]
MonthDay = Annotated[str, AfterValidator(_month_day)]
# Which of the two is meant is told by the value, so that an error speaks of that one only.
Region = Annotated[
    Annotated[tuple[float, float, float, float], AfterValidator(_bbox), Tag("[bbox]")] | Annotated[str, Tag("[file]")],
    Discriminator(lambda value: "[file]" if isinstance(value, str) else "[bbox]"),
]
"""[west, south, east, north] in degrees, or a file of polygons."""
Years = Annotated[tuple[int, int], AfterValidator(_years)]
