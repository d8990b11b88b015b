"""Checking every image of a study against its checksum, and putting damaged shards aside."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from greenup.errors import UserError
from greenup.files import read_table
from greenup.patches.container import ShardFile
from greenup.patches.fetch import Progress
from greenup.schemas import INDEX, LEDGER

log = logging.getLogger(__name__)

_SHOWN = 3


def verify_study(root: str | Path, *, repair: bool = False) -> None:
    """Recompute the checksum of every patch below ``root`` (results/<study>) and compare file, ledger and indexes.

    Undamaged files are only read. With ``repair``, damaged shards are moved to ``<root>/work/damaged/`` and the command
    that makes them again is logged; without, `UserError` lists what is wrong.
    """
    root = Path(root)
    shards = find_shards(root)
    if not shards:
        raise UserError(f"{root}: no patches below this folder", "give results/<study> of a study that was run")
    progress = Progress(f"verify {root}", sum(_rows(ledger) for _, ledger in shards))
    wrong = {}
    for pixels, ledger in shards:
        if problems := check_shard(pixels, ledger, progress):
            wrong[pixels, ledger] = problems
    if not wrong:
        log.info("%s: %d shards, %d images, all as they were exported", root, len(shards), progress.done)
        return
    lines = []
    for (pixels, _), problems in wrong.items():
        more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
        lines.append(f"{pixels}: {'; '.join(problems[:_SHOWN])}{more}")
    said = f"{len(wrong)} of {len(shards)} shards are wrong:\n  " + "\n  ".join(lines)
    if not repair:
        raise UserError(said, "snakemake repair, with your --configfile: moves them aside and says how to go on")
    log.warning("%s", said)
    for pixels, ledger in wrong:
        put_aside(root, pixels, ledger)
    targets = " ".join(str(pixels) for pixels, _ in wrong)
    # Snakemake does not miss a file in the middle of a workflow whose results are all there; it must be asked by name.
    log.warning(
        "moved to %s. To make the shards again, and only them:\n  snakemake %s --configfile <yours>\n"
        "An archive gives the same images again, then `snakemake --touch --configfile <yours>` spares what was made "
        "from them; without it, the next run makes that again too.",
        root / "work" / "damaged",
        targets,
    )


def find_shards(root: Path) -> list[tuple[Path, Path]]:
    """Pixel file and ledger of every shard that is there in part, or that a dataset's index speaks of."""
    stems = {p.with_suffix("") for p in root.glob("patches/*/[!.]*.h5")}
    stems |= {p.with_name(p.name.removesuffix(".ledger.parquet")) for p in root.glob("patches/*/[!.]*.ledger.parquet")}
    for index in root.glob("datasets/*/index.parquet"):
        try:
            files = read_table(index, INDEX)["file"].unique()
        except UserError as error:
            log.warning("%s", error.message)
            continue
        stems |= {(root / file).with_suffix("") for file in files}
    return [(s.with_name(f"{s.name}.h5"), s.with_name(f"{s.name}.ledger.parquet")) for s in sorted(stems)]


def check_shard(pixels: Path, ledger: Path, progress: Progress | None = None) -> list[str]:
    """Everything that is wrong with a shard, in words; nothing when it is as it was exported."""
    problems = []
    table = None
    if not ledger.is_file():
        problems.append("its ledger is missing")
    else:
        try:
            table = read_table(ledger, LEDGER)
        except UserError as error:
            problems.append(f"its ledger is damaged ({error.message})")
    if not pixels.is_file():
        return [*problems, "the pixel file is missing"]
    try:
        with ShardFile(pixels) as file:
            if table is not None:
                problems += differences(file, table)
            for row in range(len(file)):
                if not file.is_intact(row):
                    image = file.row(row)
                    problems.append(f"row {row} (site {image.site_id}, {image.season}) does not match its checksum")
                if progress is not None:
                    progress.step()
    except UserError as error:
        problems.append(error.message.removeprefix(f"{pixels}: "))
    return problems


def check_ledger(file: ShardFile, ledger: pd.DataFrame, ledger_path: str | Path) -> None:
    """Raise `UserError` naming shard and row unless pixel file and ledger speak of the same images, row by row."""
    for difference in differences(file, ledger):
        raise UserError(
            f"{file.path} and {ledger_path} disagree: {difference}",
            "delete both and run again: what is right is kept and not fetched twice",
        )


def differences(file: ShardFile, ledger: pd.DataFrame) -> Iterator[str]:
    """In words, what a ledger says otherwise than its pixel file; pixels are not read."""
    ok = ledger[ledger["status"] == "ok"]
    if len(ok) != len(file):
        yield f"the ledger has {len(ok)} images, the pixel file {len(file)}"
        return
    if ok["row"].tolist() != list(range(len(ok))):
        yield "the ledger's row numbers are not 0, 1, 2, ..."
        return
    for column in ("site_id", "season", "scene_id", "checksum"):
        stored = [v.decode() for v in file.column(column).tolist()]
        for row, (a, b) in enumerate(zip(ok[column], stored, strict=True)):
            if a != b:
                yield f"row {row}: {column} is {a} in the ledger, {b} in the pixel file"


def put_aside(root: Path, pixels: Path, ledger: Path) -> None:
    """Move a shard to ``work/damaged/<dataset>/``, and cut the link that would hand its bytes to the next run."""
    previous = root / "work" / "patches" / pixels.parent.name / pixels.stem / "previous.h5"
    if pixels.is_file() and previous.is_file() and previous.samefile(pixels):
        previous.unlink()
    folder = root / "work" / "damaged" / pixels.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    number = len([*folder.glob(f"{pixels.stem}.*.h5"), *folder.glob(f"{pixels.stem}.*.ledger.parquet")])
    for path, name in ((pixels, f"{pixels.stem}.{number}.h5"), (ledger, f"{pixels.stem}.{number}.ledger.parquet")):
        if path.is_file():
            path.rename(folder / name)


def _rows(ledger: Path) -> int:
    try:
        return int((read_table(ledger, LEDGER)["status"] == "ok").sum())
    except UserError:
        return 0
