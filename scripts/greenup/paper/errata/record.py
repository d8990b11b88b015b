"""All numbers of the errata measured, and the record of those last measured, for runs that lack a sample."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from greenup.errors import UserError
from greenup.paper.errata.registry import ERRATA
from greenup.paper.errata.row import Erratum, Number, Samples

log = logging.getLogger(__name__)

RECORD = Path(__file__).resolve().parents[4] / "config" / "errata_measured.csv"
"""Numbers as last measured with every sample, written by `greenup.paper.errata.page`."""

_COLUMNS = ("erratum", "number", "unit", "released", "right", "detail", "digits", "measured_on")


@dataclass(frozen=True)
class Finding:
    """A row and its numbers. ``lacks``: what this run has not, where the numbers are those of the record (or none)."""

    row: Erratum
    numbers: tuple[Number, ...]
    lacks: str = ""
    measured_on: str = ""
    """Files behind recorded numbers."""


def measure(samples: Samples, record: str | Path | None = RECORD) -> list[Finding]:
    """Every row with its numbers, measured now; those whose sample or package is not at hand have the recorded ones.

    ``record``: as `RECORD`; None for no recorded numbers. Raises `UserError` for a sample that cannot be read, and for
    a record without the columns that it needs.
    """
    recorded = read_record(record) if record is not None else {}
    found = []
    for row in ERRATA.values():
        lacks = lacking(row, samples)
        if row.measure is None:
            found.append(Finding(row, ()))
        elif lacks:
            numbers, measured_on = recorded.get(row.name, ((), ""))
            found.append(Finding(row, numbers, lacks, measured_on))
        else:
            found.append(Finding(row, tuple(row.measure(samples))))
            log.info("%s: measured", row.name)
    return found


def lacking(row: Erratum, samples: Samples) -> str:
    """What a run has not that a row's numbers need, in words; empty where it has all."""
    if row.needs and row.needs not in samples.given:
        return f"paper.errata_samples.{row.needs} not given"
    absent = [p for p in row.packages if find_spec(p) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def write_record(findings: list[Finding], measured_on: dict[str, str]) -> str:
    """The record as CSV text. ``measured_on``: field of `Samples` -> the files and where they come from.

    Raises `UserError` if a number is missing: a record is of all.
    """
    rows = []
    for finding in findings:
        if finding.lacks:
            raise UserError(
                f"errata: {finding.row.name} was not measured ({finding.lacks})", "give all samples, see --help"
            )
        on = measured_on.get(finding.row.needs, "")
        rows += [
            (finding.row.name, n.what, n.unit, n.released, n.right, n.is_detail, n.digits, on) for n in finding.numbers
        ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"digits": "Int64"})
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def read_record(path: str | Path) -> dict[str, tuple[tuple[Number, ...], str]]:
    """Name of a row -> its numbers as last measured, and on what. Raises `UserError` for a file that is no record."""
    try:
        table = pd.read_csv(
            path, dtype={"digits": "Int64"}, keep_default_na=False, na_values={"right": [""], "digits": [""]}
        )
        table = table[list(_COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no record of the errata ({error})", "python -m greenup.paper.errata.page") from error
    found = {}
    for name, part in table.groupby("erratum", sort=False):
        numbers = tuple(
            Number(
                r.number,
                r.unit,
                float(r.released),
                None if pd.isna(r.right) else float(r.right),
                is_detail=bool(r.detail),
                digits=None if pd.isna(r.digits) else int(r.digits),
            )
            for r in part.itertuples(index=False)
        )
        found[str(name)] = (numbers, str(part["measured_on"].iloc[0]))
    return found
