"""The table of rates, config/rates.csv: how long, how large, how many, and who says so."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass, fields
from pathlib import Path

from greenup.config.explain import nearest
from greenup.costs.amount import Amount
from greenup.errors import UserError

TABLE = Path(__file__).resolve().parents[3] / "config" / "rates.csv"
"""One row a rate; the columns are the fields of `Rate`."""

TABLE_VARIABLE = "GREENUP_RATES"
"""Environment variable that names a table to read in place of config/rates.csv: the rates of another machine."""

KINDS: tuple[str, ...] = ("measured", "documented", "published", "assumed")
"""measured: by this project's benchmarks; documented: by a service, a product or this workflow's code; published: by
the authors of a system; assumed: nobody has measured it, and the estimate says so."""

UNITS: dict[str, str] = {
    "found_share": "share",
    "linear_epochs": "epochs",
    # Earth Engine
    "ee_connections": "requests at once",
    "ee_request_rate": "requests/s",
    "ee_request_bytes": "bytes/request",
    "ee_sites_a_search": "sites/request",
    "ee_connection_time": "s/image",
    "ee_tier_community": "EECU-h/month",
    "ee_tier_contributor": "EECU-h/month",
    "ee_tier_partner": "EECU-h/month",
    "ee_compute": "EECU-s/image",
    # STAC APIs and their Cloud-Optimized GeoTIFFs
    "stac_sites_a_search": "sites/request",
    "stac_items_a_page": "items/request",
    "stac_tiles_a_search": "tiles/search",
    "scenes_a_tile_year": "scenes/(tile year)",
    "cog_block_earth_search": "px",
    "cog_block_planetary_computer": "px",
    "cog_bytes": "bytes/value",
    "request_latency": "s/request",
    "bandwidth": "bytes/s",
    # Processors
    "scene_choice": "core-s/(site year)",
    "miniature_search": "core-s/(site year)",
    "miniature_ground": "core-us/px",
    "miniature_render": "core-us/(px band)",
    "patch_write": "core-us/value",
    "patch_read": "core-us/value",
    "stored_bytes": "bytes/value",
    "describe": "core-us/value",
    "views": "core-us/value",
    "train_resnet18": "core-s/GMAC",
    "train_resnet50": "core-s/GMAC",
    "train_vit_small": "core-s/GMAC",
    "train_vit_tiny": "core-s/GMAC",
    "encode_resnet18": "core-s/GMAC",
    "encode_resnet50": "core-s/GMAC",
    "encode_vit_small": "core-s/GMAC",
    "encode_vit_tiny": "core-s/GMAC",
    "encode_satmae_vit_large": "core-s/GMAC",
    "encode_satlas_swin_v2_base": "core-s/GMAC",
    "encode_croma_vit_large": "core-s/GMAC",
    "encode_dofa_vit_large": "core-s/GMAC",
    "probe_linear": "core-ns/value",
    "probe_knn": "core-ns/value",
    # Accelerators
    "gpu_published": "samples/s",
    "gpu_goal": "samples/s",
}
"""Every rate that an estimate may use, and its unit."""

OPTIONAL: frozenset[str] = frozenset({"ee_compute"})
"""Rates that nobody has published: lines that need them are left out unless the user's table gives them."""


@dataclass(frozen=True)
class Rate:
    """A row of the table."""

    name: str
    value: float
    unit: str
    kind: str
    source: str
    """Who says so: the benchmark and the machine it ran on, the page of the service, the paper."""
    meaning: str
    """What it is, in words."""

    @property
    def amount(self) -> Amount:
        return Amount(self.value, frozenset({self.name}))


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Rate))

Rates = dict[str, Rate]


def read_rates(path: str | Path | None = None) -> Rates:
    """The rates by name, of ``path``, or else of the table that `TABLE_VARIABLE` names, or of config/rates.csv.

    Raises `UserError` with file, line and column for a table that is missing, lacks a column or a rate, or has a row
    that cannot be right.
    """
    path = Path(path or os.environ.get(TABLE_VARIABLE) or TABLE)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", f"mend the path in {TABLE_VARIABLE}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", "write a CSV file in UTF-8") from None
    if missing := [c for c in COLUMNS if c not in (reader.fieldnames or ())]:
        raise UserError(f"{path}: column {missing[0]!r} is missing", f"the columns are {', '.join(COLUMNS)}")
    found: Rates = {}
    for line, row in rows:
        rate = _rate({c: (row[c] or "").strip() for c in COLUMNS}, f"{path}, line {line}")
        if rate.name in found:
            raise UserError(f"{path}, line {line}, column 'name': {rate.name!r} stands twice", "keep one of the two")
        found[rate.name] = rate
    if lacking := [name for name in UNITS if name not in found and name not in OPTIONAL]:
        raise UserError(
            f"{path}, column 'name': no row {lacking[0]!r} ({UNITS[lacking[0]]})", f"take it from {TABLE.name}"
        )
    return found


def _rate(row: dict[str, str], where: str) -> Rate:
    name = row["name"]
    if name not in UNITS:
        raise UserError(f"{where}, column 'name': {name!r} is no rate", nearest(name, UNITS))
    try:
        value = float(row["value"])
    except ValueError:
        raise UserError(
            f"{where}, column 'value': {row['value']!r} is no number", f"write it in {UNITS[name]}"
        ) from None
    if not (math.isfinite(value) and value > 0) or (UNITS[name] == "share" and value > 1):
        limits = "above 0, at most 1" if UNITS[name] == "share" else "above 0"
        raise UserError(f"{where}, column 'value': {row['value']} cannot be", f"write a number {limits}")
    if row["unit"] != UNITS[name]:
        raise UserError(f"{where}, column 'unit': {name} is not in {row['unit']!r}", f"write it in {UNITS[name]}")
    if row["kind"] not in KINDS:
        raise UserError(f"{where}, column 'kind': {row['kind']!r}", f"write one of {', '.join(KINDS)}")
    for column in ("source", "meaning"):
        if not row[column]:
            raise UserError(f"{where}, column {column!r}: no value", "say who says so, and what it is")
    return Rate(name, value, row["unit"], row["kind"], row["source"], row["meaning"])
