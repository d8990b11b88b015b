"""What metadata.json says of an image: the properties that Earth Engine told the downloader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from affine import Affine


@dataclass(frozen=True)
class Metadata:
    """``time``: of acquisition. ``cloud``: of the tile (percent). ``orbit``: of radar, ascending or descending.
    ``grids``: band -> EPSG code and transform of the product's own pixels. All of it may be unknown."""

    time: pd.Timestamp | None = None
    cloud: float | None = None
    orbit: str | None = None
    grids: dict[str, tuple[int, Affine]] | None = None


NOTHING = Metadata()


def read_metadata(path: Path) -> Metadata:
    """Read a metadata.json; one that is missing, cut short or of another form says nothing."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NOTHING
    if not isinstance(written, dict):
        return NOTHING
    # Either all that Earth Engine tells of the image, or its properties alone.
    about = written.get("properties") if isinstance(written.get("properties"), dict) else written
    start, cloud, orbit = (
        about.get(k) for k in ("system:time_start", "CLOUDY_PIXEL_PERCENTAGE", "orbitProperties_pass")
    )
    return Metadata(
        pd.Timestamp(int(start), unit="ms", tz="UTC") if _is_number(start) else None,
        float(cloud) if _is_number(cloud) else None,
        orbit.lower() if isinstance(orbit, str) else None,
        _grids(written.get("bands", about.get("system:bands"))),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _grids(bands: Any) -> dict[str, tuple[int, Affine]] | None:
    """CRS and transform of each band, from a list with ids or from a mapping by name; bands not in UTM are left out."""
    if isinstance(bands, dict):
        named = bands.items()
    elif isinstance(bands, list):
        named = [(b.get("id"), b) for b in bands if isinstance(b, dict)]
    else:
        return None
    found = {}
    for name, band in named:
        crs, steps = (band.get("crs"), band.get("crs_transform")) if isinstance(band, dict) else (None, None)
        if not (isinstance(crs, str) and crs.upper().startswith("EPSG:") and crs[5:].isdigit()):
            continue
        if isinstance(steps, list) and len(steps) == 6 and all(map(_is_number, steps)):
            found[str(name)] = (int(crs[5:]), Affine(*steps))
    return found or None
