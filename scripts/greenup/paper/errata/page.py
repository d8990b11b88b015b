"""docs/errata.md from the registry and the numbers, and the record of the numbers.

``PYTHONPATH=scripts python -m greenup.paper.errata.page --samples data/real_sample`` measures everything (the samples
are those that ``make real SAMPLES=...`` prepares) and writes config/errata_measured.csv and docs/errata.md. Without
``--samples``, the page is written from the record.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from greenup.errors import job
from greenup.files import write_text
from greenup.paper.errata.dates import MONTHS
from greenup.paper.errata.record import RECORD, Finding, measure, read_record, write_record
from greenup.paper.errata.registry import ERRATA, STAGES
from greenup.paper.errata.row import Samples
from greenup.paper.errata.table import number_text, said
from greenup.samples.make import read_list

PAGE = Path(__file__).resolve().parents[4] / "docs" / "errata.md"

FILES: dict[str, tuple[str, str]] = {
    "ssl4eo_sites": ("ssl4eo_s12_sites", "sites.parquet"),
    "label_tables": ("ssl4eco_labels", "*.csv"),
}
"""Field of `Samples` -> name of the sample in config/samples.csv, and its files."""

_HEAD = """\
# Errata

What the released code of SeCo, SSL4EO-S12 and SSL4Eco does, what is right, and what the difference is in numbers.
[quirks.md](quirks.md) says how each switch of `compat` is written; this page says what it is worth.

Written by

```sh
PYTHONPATH=scripts python -m greenup.paper.errata.page --samples data/real_sample
```

from [the registry](../scripts/greenup/paper/errata/registry.py); do not edit by hand, a test compares the two. The
target `errata` measures the same numbers again in every study, as a table of its report; those on real files need
`paper: {errata_samples: ...}` (`make real` gives them), and a study without says so.

A quirk is **measured** (numbers: with it → without it), **shown by a test**, or **documented**, with the reason why it
cannot be measured here. The three systems' code was read, and its behaviour is expressed again here; of released code
only TorchGeo's transforms were run. Where numbers are of invented values they show the mechanism and its size, not
what it does to a published result.
"""


def page(findings: Sequence[Finding]) -> str:
    """The page as Markdown."""
    statuses = pd.Series([f.row.status for f in findings]).value_counts()
    told = ", ".join(f"{statuses.get(s, 0)} {s}" for s in ("measured", "shown by a test", "documented"))
    parts = [_HEAD, f"{len(findings)} quirks: {told}.\n", _phase(findings)]
    for stage, title in STAGES.items():
        lines = [
            f"## {title}",
            "",
            "| quirk | code of | what it does | what is right | numbers | status |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(f) for f in findings if f.row.stage == stage]
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def _line(finding: Finding) -> str:
    row = finding.row
    right = f"{row.right}; reproduced by `{row.switch}`" if row.switch else row.right
    numbers = "<br>".join(number_text(n) for n in finding.numbers if not n.is_detail)
    status = {
        "measured": f"**measured**: {row.basis}",
        "shown by a test": "**shown by a test**",
        "documented": f"**documented**: {row.why}",
    }[row.status]
    if finding.measured_on:
        status += f" ({finding.measured_on})"
    if row.test:
        file, name = row.test.split("::")
        status += f"; [test](../{file}) `{name}`"
    cells = (f"{row.title} (`{row.name}`)", ", ".join(row.systems), row.released, right, numbers, status)
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


def _phase(findings: Sequence[Finding]) -> str:
    """The months of SSL4EO-S12's four dates: a row a date, in order of time."""
    finding = next(f for f in findings if f.row.name == "random_phase")
    shares = {n.what: n.released for n in finding.numbers}
    dates = range(1, 5)
    lines = [
        "## SSL4EO-S12's four seasons have a random phase",
        "",
        f"{ERRATA['random_phase'].released[0].upper()}{ERRATA['random_phase'].released[1:]}. Measured on "
        f"{said(shares['sites'])} real sites of SSL4EO-S12 v1.1's validation part, four dates each:",
        "",
    ]
    lines += [f"- {number_text(n)}" for n in finding.numbers if not n.is_detail]
    lines += [
        "",
        "A date that were a season would fall into three months. Share of the sites (%) whose earliest, second, third "
        "and latest date falls into each month (an even spread is 8.3):",
        "",
        "| date | " + " | ".join(MONTHS) + " |",
        "|---|" + "---:|" * 12,
    ]
    lines += [f"| {i} | " + " | ".join(f"{shares[f'date {i} in {m}']:.1f}" for m in MONTHS) + " |" for i in dates]
    return "\n".join([*lines, ""])


def samples_in(folder: Path) -> Samples:
    """The samples that `make real` prepared in a folder."""
    found = {field: sorted((folder / name).glob(pattern)) for field, (name, pattern) in FILES.items()}
    return Samples(next(iter(found["ssl4eo_sites"]), None), tuple(found["label_tables"]))


def sources() -> dict[str, str]:
    """Field of `Samples` -> where its files come from, of config/samples.csv."""
    listed = {row["name"]: row["source"] for row in read_list()}
    return {field: listed[name] for field, (name, _) in FILES.items()}


def recorded(record: str | Path = RECORD) -> list[Finding]:
    """Every row with the numbers of the record, as if measured."""
    numbers = read_record(record)
    return [Finding(row, *_of(numbers, name)) for name, row in ERRATA.items()]


def _of(numbers: dict, name: str) -> tuple[tuple, str, str]:
    found, measured_on = numbers.get(name, ((), ""))
    return found, "", measured_on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, help="folder that `make real` prepared, e.g. data/real_sample")
    args = parser.parse_args()
    with job():
        if args.samples is not None:
            write_text(RECORD, write_record(measure(samples_in(args.samples), None), sources()))
        write_text(PAGE, page(recorded()))


if __name__ == "__main__":
    main()
