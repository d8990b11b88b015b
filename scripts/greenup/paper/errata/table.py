"""The errata as a table: for reading (HTML, Markdown, LaTeX), and a row a number as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

import pandas as pd

from greenup.paper.errata.record import Finding
from greenup.paper.errata.registry import STAGES
from greenup.paper.errata.row import Number
from greenup.paper.plain import PlainTable

COLUMNS = ("quirk", "what the code does, and what is right", "numbers: with it → without", "status")


def readable_errata(findings: Sequence[Finding]) -> PlainTable:
    """A row a quirk, by parts of the work."""
    groups = []
    for stage, title in STAGES.items():
        mine = [f for f in findings if f.row.stage == stage]
        groups.append((title, tuple(tuple(c.replace("`", "") for c in _cells(f)) for f in mine)))
    counts = pd.Series([f.row.status for f in findings]).value_counts()
    told = ", ".join(f"{counts.get(s, 0)} {s}" for s in ("measured", "shown by a test", "documented"))
    legend = (
        f"{len(findings)} quirks of released code: {told}. Numbers: with the quirk → without it; what they are of "
        "stands in the last column; invented values are made up for the purpose, not results of the papers. The "
        "three systems' code was read, and its behaviour is expressed again here; only TorchGeo's transforms were run."
    )
    return PlainTable(COLUMNS, tuple(groups), legend, is_prose=True)


def _cells(finding: Finding) -> tuple[str, ...]:
    row = finding.row
    back = f" Brought back by {row.switch}." if row.switch else ""
    return (
        f"{row.title} ({', '.join(row.systems)})",
        f"{_sentence(row.released)} Right: {row.right}.{back}",
        numbers_text(finding.numbers) or "–",
        status_text(finding),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def status_text(finding: Finding) -> str:
    """Status, and what the numbers are of, which test shows it, or why nothing is measured."""
    row = finding.row
    if finding.lacks:
        last = f"; last measured on {finding.measured_on}" if finding.numbers and finding.measured_on else ""
        return f"not measured here ({finding.lacks}){last or ('; numbers as recorded' if finding.numbers else '')}"
    if row.status == "measured":
        return f"measured: {row.basis}"
    if row.status == "documented":
        return f"documented: {row.why}"
    return f"shown by a test: {row.test.rsplit('/', 1)[-1].replace('::', ', ')}"


def numbers_text(numbers: Sequence[Number]) -> str:
    """Numbers as read: those that are no detail, between semicolons."""
    return "; ".join(number_text(n) for n in numbers if not n.is_detail)


def number_text(number: Number) -> str:
    """``what: released → right unit``."""
    unit = f" {number.unit}" if number.unit else ""
    values = [number.released] if number.right is None else [number.released, number.right]
    return f"{number.what}: {' → '.join(said(v, number.digits) for v in values)}{unit}"


def said(value: float, digits: int | None = None) -> str:
    """Three significant digits (or ``digits`` decimals), whole numbers as they are, thousands by a narrow space, a true
    minus sign."""
    if digits is None:
        digits = max(0, 2 - floor(log10(abs(value)))) if value else 0
    text = f"{value:,.{0 if float(value).is_integer() else digits}f}"
    return (text.rstrip("0") if abs(value) < 1 and "." in text else text).replace(",", "\u202f").replace("-", "−")


def numbers_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """A row a number; a quirk without numbers has one row without. Texts as in the registry; ``measured_here``: whether
    this run measured it, and not an earlier one."""
    rows = []
    for f in findings:
        common = {
            "quirk": f.row.name,
            "title": f.row.title,
            "stage": f.row.stage,
            "systems": ", ".join(f.row.systems),
            "status": f.row.status,
            "measured_here": bool(f.numbers) and not f.lacks,
            "not_measured_because": f.lacks or f.row.why,
            "basis": f.row.basis,
            "last_measured_on": f.measured_on,
            "switch": f.row.switch,
            "test": f.row.test,
        }
        for n in f.numbers or (None,):
            values = (n.what, n.unit, n.released, n.right, n.is_detail) if n else ("", "", None, None, False)
            rows.append(common | dict(zip(("number", "unit", "released", "right", "is_detail"), values, strict=True)))
    return pd.DataFrame(rows)
