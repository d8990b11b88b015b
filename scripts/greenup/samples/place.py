"""A place that a sample brings along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A site that a sample was made for (degrees); ``stratum`` is what the points file says it stands for."""

    site_id: str
    lon: float
    lat: float
    stratum: str
