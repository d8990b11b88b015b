"""Checking every image of a study against its checksum, and what its tables say against each other.

Files are only read. What is wrong has a kind (`KINDS`); `repair` puts damaged shards aside (`greenup.patches.repair`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from greenup.errors import UserError
from greenup.files import read_table, write_text
from greenup.patches.agreement import differences, index_problems, ledger_problems
from greenup.patches.container import Form, ShardFile
from greenup.patches.fetch import Progress
from greenup.patches.repair import put_aside, put_index_aside
from greenup.patches.workers import Run, each_run, runs
from greenup.schemas import INDEX, LEDGER, SCENES

log = logging.getLogger(__name__)

KINDS: dict[str, str] = {
    "missing": "a file is not there",
    "damaged": "a file cannot be read, or pixels do not match their checksum",
    "short": "fewer images than the ledger says, or fewer rows than were chosen, or rows that are not final",
    "contradicting": "pixel file, ledger and table of scenes say different things",
    "foreign": "a shard of another dataset, or beyond the configured number",
    "stale": "older than what it is made from: the next run makes it again",
}
"""What may be wrong."""

_SHOWN, _SHOWN_SHARDS = 3, 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a key of `KINDS`, and what, in words. ``row``: of the pixel file, if it is an image."""

    kind: str
    what: str
    row: int | None = None


@dataclass
class Shard:
    """One shard and what was found. ``images``: in the pixel file; ``expected``: by its ledger."""

    pixels: Path
    ledger: Path
    images: int = 0
    expected: int = 0
    bytes: int = 0
    form: Form | None = None
    table: pd.DataFrame | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def dataset(self) -> str:
        return self.pixels.parent.name

    @property
    def number(self) -> str:
        return self.pixels.stem

    def is_(self, kind: str) -> bool:
        return any(p.kind == kind for p in self.problems)

    def add(self, kind: str, what: str, row: int | None = None) -> None:
        self.problems.append(Problem(kind, what, row))


def verify_study(
    root: str | Path,
    *,
    datasets: Mapping[str, Mapping[str, Any]] | None = None,
    repair: bool = False,
    workers: int = 1,
    report: str | Path | None = None,
) -> None:
    """Recompute the checksum of every patch below ``root`` (results/<study>); compare files, ledgers, scenes, indexes.

    Parameters
    ----------
    datasets : of each configured dataset ``shards`` (their number), ``bands`` and ``size_px``; without, what the files
        of a dataset have in common is taken for right.
    repair : move damaged shards to ``<root>/work/damaged/``, so that the target `patches` makes them again.
    workers : processes that read.
    report : CSV to write, one row a shard.

    Raises
    ------
    UserError
        listing what is wrong, unless it is repaired; or when there are no patches.
    """
    root = Path(root)
    shards = find_shards(root)
    if not shards:
        raise UserError(f"{root}: no patches below this folder", "give results/<study> of a study that was run")
    for shard in shards:
        check_tables(shard, root)
    _check_belonging(shards, datasets or {})
    _check_images(shards, root, workers)
    wrong_indexes = {index: said for index in _indexes(root) if (said := _check_index(index, shards))}
    if report is not None:
        write_text(report, _csv(shards))
    log.info("%s", summary(shards))
    wrong = [s for s in shards if s.problems]
    if not wrong and not wrong_indexes:
        log.info("%s: %d shards, %d images, all as they were exported", root, len(shards), _images(shards))
        return
    said = _said(shards, wrong, wrong_indexes)
    if not repair:
        raise UserError(said, "snakemake repair, with your --configfile: moves them aside and says how to go on")
    log.warning("%s", said)
    _repair(root, wrong, list(wrong_indexes), datasets or {})


def _repair(root: Path, wrong: list[Shard], indexes: list[Path], datasets: Mapping[str, Mapping[str, Any]]) -> None:
    for shard in wrong:
        beyond = _is_beyond(shard, datasets)
        if all(p.kind == "stale" for p in shard.problems):
            continue
        # Only where nothing but pixels is wrong do the columns beside them say which image is which.
        only_pixels = all(p.row is not None and p.kind == "damaged" for p in shard.problems)
        put_aside(root, shard.pixels, shard.ledger, reuse=only_pixels, remade=not beyond)
    for index in indexes:
        put_index_aside(root, index)
    log.warning(
        "moved to %s, which may be deleted once the shards are there again. To make them, and only them:\n"
        "  snakemake patches --configfile <yours>\n"
        "Where the archive gives the same images again, nothing that was made of them is made again; where it does "
        "not, the run after that does it.",
        root / "work" / "damaged",
    )


# -------------------------------------------------------------------------------------------------------------- finding
def find_shards(root: Path) -> list[Shard]:
    """Every shard that is there in part or that the scenes of a dataset with patches want; where there are no tables of
    scenes, those that its index speaks of."""
    stems = {p.with_suffix("") for p in root.glob("patches/*/[!.]*.h5")}
    stems |= {p.with_name(p.name.removesuffix(".ledger.parquet")) for p in root.glob("patches/*/[!.]*.ledger.parquet")}
    for folder in sorted(root.glob("patches/*/")):
        stems |= {folder / scenes.stem for scenes in root.glob(f"scenes/{folder.name}/[!.]*.parquet")}
    for index in _indexes(root):
        if any(root.glob(f"scenes/{index.parent.name}/[!.]*.parquet")):
            continue
        try:
            stems |= {(root / file).with_suffix("") for file in read_table(index, INDEX)["file"].unique()}
        except UserError as error:
            log.debug("%s", error)  # `_check_index` says so
    return [Shard(s.with_name(f"{s.name}.h5"), s.with_name(f"{s.name}.ledger.parquet")) for s in sorted(stems)]


def _indexes(root: Path) -> list[Path]:
    return sorted(root.glob("datasets/*/index.parquet"))


# ------------------------------------------------------------------------------------------------------------- checking
def check_tables(shard: Shard, root: Path) -> None:
    """All that can be said of a shard without reading pixels."""
    if not shard.ledger.is_file():
        shard.add("missing", "its ledger is missing")
    else:
        try:
            shard.table = read_table(shard.ledger, LEDGER)
        except UserError as error:
            shard.add("damaged", f"its ledger is damaged ({error.message})")
    if shard.table is not None:
        shard.expected = int((shard.table["status"] == "ok").sum())
        scenes, older = _scenes_of(shard, root)
        for kind, what in ledger_problems(shard.table, scenes):
            shard.add("stale" if older else kind, f"{what}{', which is newer' if older else ''}")
    if not shard.pixels.is_file():
        shard.add("missing", "the pixel file is missing")
        return
    shard.bytes = shard.pixels.stat().st_size
    try:
        with ShardFile(shard.pixels) as file:
            shard.images, shard.form = len(file), file.form
            if shard.table is not None:
                for what in differences(file, shard.table):
                    shard.add("short" if len(file) < shard.expected else "contradicting", what)
    except UserError as error:
        shard.add("damaged", error.message.removeprefix(f"{shard.pixels}: "))


def _scenes_of(shard: Shard, root: Path) -> tuple[pd.DataFrame | None, bool]:
    """The table of scenes of a shard, if it can be read, and whether the ledger is older than it."""
    path = root / "scenes" / shard.dataset / f"{shard.number}.parquet"
    if not path.is_file():
        return None, False
    try:
        scenes = read_table(path, SCENES)
    except UserError as error:
        log.warning("%s", error)
        return None, False
    return scenes, path.stat().st_mtime_ns > shard.ledger.stat().st_mtime_ns


def _check_belonging(shards: list[Shard], datasets: Mapping[str, Mapping[str, Any]]) -> None:
    """Find shards whose form is not that of their dataset, or whose number the configuration does not have."""
    for dataset in {s.dataset for s in shards}:
        own = [s for s in shards if s.dataset == dataset]
        for attribute in ("bands", "size_px", "resampled", "simulated", "origin"):
            found = Counter(getattr(s.form, attribute) for s in own if s.form is not None)
            if not found:
                continue
            configured = datasets.get(dataset, {}).get(attribute)
            wanted = found.most_common(1)[0][0] if configured is None else configured
            wanted = tuple(wanted) if isinstance(wanted, list) else wanted
            by = "the configuration" if configured is not None else "the other shards"
            for shard in own:
                if shard.form is not None and (value := getattr(shard.form, attribute)) != wanted:
                    shard.add("foreign", f"{attribute} is {value!r}, by {by} {wanted!r}: of another dataset")
        for shard in own:
            if _is_beyond(shard, datasets):
                shard.add("foreign", f"beyond the {datasets[dataset]['shards']} shards that are configured")
        if datasets and dataset not in datasets:
            log.warning("patches/%s: no such dataset is configured; checked all the same", dataset)


def _is_beyond(shard: Shard, datasets: Mapping[str, Mapping[str, Any]]) -> bool:
    count = datasets.get(shard.dataset, {}).get("shards")
    return count is not None and not (shard.number.isdecimal() and int(shard.number) < count)


def _check_images(shards: list[Shard], root: Path, workers: int) -> None:
    """Read every image of the files that could be opened, and compare it with its checksum."""
    by_path = {s.pixels: s for s in shards}
    progress = Progress(f"verify {root}", _images(shards))
    todo = (run for s in shards if s.form is not None for run in runs(s.pixels, s.images))
    for (path, start, stop), found in each_run(_damaged_rows, todo, workers):
        for row, what in found:
            by_path[path].add("damaged", what, row)
        progress.step(stop - start)
    for shard in shards:
        shard.problems.sort(key=lambda p: (p.row is not None, p.row or 0))


def _damaged_rows(run: Run) -> list[tuple[int | None, str]]:
    """Rows of a run that do not match their checksum, named; a file that has become unreadable has no row."""
    path, start, stop = run
    found: list[tuple[int | None, str]] = []
    try:
        with ShardFile(path) as file:
            for row in range(start, stop):
                if not file.is_intact(row):
                    site, season = (file.column(c)[row].decode(errors="replace") for c in ("site_id", "season"))
                    found.append((row, f"row {row} (site {site}, {season}) does not match its checksum"))
    except UserError as error:
        found.append((None, error.message.removeprefix(f"{path}: ")))
    return found


def _check_index(index: Path, shards: list[Shard]) -> list[str]:
    """What is wrong with a dataset's index, held against the ledgers of the shards whose tables agree."""
    try:
        table = read_table(index, INDEX)
    except UserError as error:
        return [error.message.removeprefix(f"{index}: ")]
    # Of a shard that is put aside the index cannot be judged before it is there again.
    ledgers = {
        f"patches/{s.dataset}/{s.pixels.name}": s.table
        for s in shards
        if s.dataset == index.parent.name and s.table is not None and all(p.row is not None for p in s.problems)
    }
    silent = {f"patches/{s.dataset}/{s.pixels.name}" for s in shards} - set(ledgers)
    return index_problems(table, ledgers, silent)


# --------------------------------------------------------------------------------------------------------------- saying
def summary(shards: Sequence[Shard]) -> str:
    """One line a dataset: shards, images, bytes, and how many are damaged, missing or otherwise wrong."""
    rows = [("dataset", "shards", "images", "GB", "damaged images", "missing shards", "wrong shards")]
    for dataset in dict.fromkeys(s.dataset for s in shards):
        own = [s for s in shards if s.dataset == dataset]
        damaged = sum(p.row is not None for s in own for p in s.problems)
        missing = sum(not s.pixels.is_file() for s in own)
        size = f"{sum(s.bytes for s in own) / 1e9:.3f}"
        wrong = sum(bool(s.problems) for s in own)
        rows.append((dataset, *map(str, (len(own), _images(own), size, damaged, missing, wrong))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(["", *("  ".join(v.rjust(w) for v, w in zip(row, widths, strict=True)) for row in rows)])


def _said(shards: list[Shard], wrong: list[Shard], indexes: Mapping[Path, list[str]]) -> str:
    lines = []
    for shard in wrong:
        lines.append(f"{shard.pixels}: {_shortened([p.what for p in shard.problems])}")
    if len(lines) > _SHOWN_SHARDS:
        lines[_SHOWN_SHARDS:] = [f"and {len(lines) - _SHOWN_SHARDS} more"]
    lines += [f"{index}: {_shortened(said)}" for index, said in indexes.items()]
    what = [f"{len(wrong)} of {len(shards)} shards are wrong"] if wrong else []
    what += [f"{len(indexes)} index{'' if len(indexes) == 1 else 'es'} not of these shards"] if indexes else []
    return f"{', '.join(what)}:\n  " + "\n  ".join(lines)


def _shortened(said: Sequence[str]) -> str:
    more = f" (and {len(said) - _SHOWN} more)" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def _csv(shards: Sequence[Shard]) -> str:
    """One row a shard: dataset, shard, images, expected images, bytes, kinds of what is wrong, and all of it."""
    table = pd.DataFrame(
        [
            {
                "dataset": s.dataset,
                "shard": s.number,
                "images": s.images,
                "expected": s.expected,
                "bytes": s.bytes,
                "state": " ".join(dict.fromkeys(p.kind for p in s.problems)) or "ok",
                "problems": "; ".join(p.what for p in s.problems),
            }
            for s in shards
        ]
    )
    return table.to_csv(index=False)


def _images(shards: Sequence[Shard]) -> int:
    return sum(s.images for s in shards)
