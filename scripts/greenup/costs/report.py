"""An estimate for people: a table on the terminal, the same as Markdown, and as CSV with the rates of every number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from greenup.costs.amount import Amount
from greenup.costs.estimate import Estimate
from greenup.costs.lines import Line
from greenup.costs.rates import Rates
from greenup.costs.sources import TIERS, Offer, allowed_eecu_seconds, earth_engine, months_of_tier

CSV_COLUMNS = ("scope", "stage", "what", "unit", "total", "done", "to_do", "rates", "note")
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def shown(value: float, unit: str = "", *, exact: bool = False) -> str:
    """A number with its unit: two significant digits, or whole when ``exact`` (a plain count)."""
    if unit == "bytes":
        size, name = next(((s, n) for s, n in _BYTES if value >= s), _BYTES[-1])
        return f"{_rounded(value / size)} {name}"
    # core-h, GPU-h and h in seconds or minutes where they are short; starting a job takes longer than a second.
    if unit.endswith("h") and not unit.startswith("EECU"):
        kind = unit[:-1]
        if 0 < value < 1 / 3600:
            return f"< 1 {kind}s"
        for size, name in ((1 / 3600, "s"), (1 / 60, "min")):
            if 0 < value < 60 * size:
                return f"{_rounded(value / size)} {kind}{name}"
    number = f"{value:,.0f}" if exact and float(value).is_integer() else _rounded(value)
    return f"{number} {unit}".rstrip()


def _rounded(value: float) -> str:
    """Two significant digits, thousands apart."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.1e}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}" if rounded >= 1 else f"{rounded:#.2g}"


def amount_text(amount: Amount, unit: str) -> str:
    return shown(amount.value, unit, exact=not amount.rates)


def table_rows(lines: Iterable[Line]) -> list[tuple[str, ...]]:
    """Cells: scope, stage, what, total, done, to do, note; a scope or stage stands where it begins."""
    rows, scope = [], ""
    for line in lines:
        done = "-" if not line.done_amount else shown(line.done_amount, line.unit, exact=line.done_exact is not None)
        rows.append(
            (
                line.scope if line.scope != scope else "",
                line.stage,
                line.what,
                amount_text(line.amount, line.unit),
                done,
                shown(line.to_do, line.unit, exact=not line.amount.rates and line.done in (0, 1)),
                line.note,
            )
        )
        scope = line.scope
    return rows


HEADS = ("", "stage", "what", "total", "done", "to do", "")
OFFER_HEADS = ("dataset", "source", "searches", "pixel requests", "transferred", "time", "")


def offer_rows(found: Estimate) -> list[tuple[str, ...]]:
    """One row a dataset and source, the configured source first."""
    rows = []
    for dataset, several in found.offers.items():
        if dataset in found.simulated:
            continue
        for i, offer in enumerate(several):
            name = dataset if i == 0 else ""
            if offer.lacking:
                rows.append((name, offer.source, "-", "-", "-", "-", f"not there: {offer.lacking}"))
                continue
            label = f"{offer.source} (configured)" if i == 0 else offer.source
            figures = ((offer.searches, ""), (offer.reads, ""), (offer.moved, "bytes"), (offer.hours, "h"))
            rows.append((name, label, *(amount_text(a, u) for a, u in figures), offer.bound))
    return rows


def verdicts(found: Estimate) -> list[str]:
    """Which source would be cheaper, and why; and what Earth Engine's compute time leaves room for."""
    out = []
    for dataset, several in found.offers.items():
        mine, best = several[0], found.cheapest[dataset]
        if dataset in found.simulated:
            out.append(
                f"{dataset}: simulated images of the miniature Earth, processors only: nothing is asked of anyone."
            )
            continue
        reason = _reason(best, [o for o in several if o is not best and not o.lacking])
        advice = "as configured" if best is mine else f"configured is {mine.source}"
        out.append(f"{dataset}: {best.source} takes the least time ({advice}): {reason}.")
    if engine := earth_engine(found.offers.values()):
        out.append(_compute_time(engine, found.rates))
    return out


def _reason(best: Offer, others: Sequence[Offer]) -> str:
    if not best.reads.value:
        return "its images lie on disk"
    parts = [
        f"{shown(o.reads.value / best.reads.value)} x the pixel requests, {shown(o.moved.value / best.moved.value)} x "
        f"the bytes and {shown(o.hours.value / best.hours.value)} x the time by {o.source}"
        for o in others
        if o.reads.value
    ]
    return "; ".join(parts) or "no other source has these images"


def _compute_time(engine: Offer, rates: Rates) -> str:
    tiers = {tier: f"{tier.capitalize()} tier ({rates[f'ee_tier_{tier}'].value:,.0f} EECU-h a month)" for tier in TIERS}
    if engine.eecu_seconds is None:
        room = ", ".join(
            f"{shown(allowed_eecu_seconds(engine, tier, rates).value)} in the {name}" for tier, name in tiers.items()
        )
        return (
            "Earth Engine gives every noncommercial project a quota of compute time. What these images take of it is "
            "not known (nowhere published, and it varies), so it is left out of the times. All of them fit one month "
            f"if a pixel request takes no more EECU-seconds than {room}. If it takes more, a STAC source is the better "
            "way: it has no such quota. To know, export a few sites, look in the Cloud Console, and add a row "
            "ee_compute to the table of rates."
        )
    months = ", ".join(f"{months_of_tier(engine, tier, rates)} in the {name}" for tier, name in tiers.items())
    return f"Earth Engine's compute time: {shown(engine.eecu_seconds.value / 3600)} EECU-h; months of quota: {months}."


def rates_rows(found: Estimate, kinds: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Name, value with unit, meaning and source of the rates that were used, of some kinds."""
    used = [r for r in found.rates.values() if r.name in found.used and r.kind in kinds]
    return [(r.name, f"{r.value:g} {r.unit}", r.meaning, r.source) for r in used]


def as_text(found: Estimate) -> str:
    """The whole estimate for a terminal."""
    out = [f"What study {found.study} will ask for, before anything is asked. Two digits count, no more.", ""]
    out += _aligned([HEADS, *table_rows(found.lines), *table_rows(found.totals)], right=(3, 4, 5))
    if rows := offer_rows(found):
        out += ["", "The same images by each source:", *_aligned([OFFER_HEADS, *rows], right=(2, 3, 4, 5))]
    out += ["", *verdicts(found)]
    for kind, words in _RATES.items():
        if rows := rates_rows(found, (kind,)):
            out += ["", words, *_aligned([(n, v, m) for n, v, m, _ in rows], right=(1,))]
    return "\n".join(out) + "\n"


_RATES = {
    "assumed": "Assumed, so change what you know better (config/rates.csv, or a table named by GREENUP_RATES):",
    "published": "Published by others:",
}


def as_markdown(found: Estimate) -> str:
    """The whole estimate as a page, with every rate that was used and who says so."""
    out = [f"# What study {found.study} will ask for", "", "Estimated before anything is asked: two digits count.", ""]
    out += _markdown(HEADS, table_rows([*found.lines, *found.totals]))
    if rows := offer_rows(found):
        out += ["", "## The same images by each source", "", *_markdown(OFFER_HEADS, rows)]
    out += ["", *(f"- {v}" for v in verdicts(found)), "", "## Rates", ""]
    rows = [(n, v, k, m, s) for k in ("measured", "documented", "published", "assumed") for n, v, m, s in
            rates_rows(found, (k,))]  # fmt: skip
    out += _markdown(("rate", "value", "kind", "meaning", "source"), rows)
    return "\n".join(out) + "\n"


def as_csv(found: Estimate) -> str:
    """Lines and totals in full precision, each with the names of its rates (separated by spaces)."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(CSV_COLUMNS)
    for line in [*found.lines, *found.totals]:
        numbers = (f"{v:.6g}" for v in (line.amount.value, line.done_amount, line.to_do))
        rates = " ".join(sorted(line.amount.rates))
        out.writerow([line.scope, line.stage, line.what, line.unit, *numbers, rates, line.note])
    return text.getvalue()


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    """Columns as wide as their widest cell; those of ``right`` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        .rstrip()
        for row in rows
    ]  # fmt: skip
