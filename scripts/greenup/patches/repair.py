"""Shards put aside to be made again, and their time stamps given back when they come out as they were.

A damaged shard is moved to ``work/damaged/<dataset>/``, ledger first, and a note is left there with the time stamps it
had. While the note stands, `waiting` names the dataset: the target `patches` then asks for its pixel files alone.
Before the next run is planned, `settle` compares the new ledger with the one put aside. It holds the
checksum of every image, so equal ledgers mean equal images: the new files get the old time stamps, and nothing that was
made of them is made again. If they differ, the time stamps stay, and the next run makes again what depends on them.

Nothing heavy is imported here: Snakemake itself calls `waiting` and `settle`.
"""

from __future__ import annotations

import filecmp
import json
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


def damaged_folder(root: Path, dataset: str) -> Path:
    return root / "work" / "damaged" / dataset


def put_aside(root: Path, pixels: Path, ledger: Path, *, reuse: bool = True, remade: bool = True) -> None:
    """Move a shard to ``work/damaged/<dataset>/<shard>.<number>.*``; interrupted, it ends whole when called again.

    ``reuse``: leave the link by which the next export finds the images of this file that are intact; False where more
    than pixels is wrong, so that everything is fetched again. ``remade``: whether the shard is to be made again.
    """
    folder = damaged_folder(root, pixels.parent.name)
    folder.mkdir(parents=True, exist_ok=True)
    previous = root / "work" / "patches" / pixels.parent.name / pixels.stem / "previous.h5"
    if not reuse and pixels.is_file() and previous.is_file() and previous.samefile(pixels):
        previous.unlink()
    note = folder / f"{pixels.stem}.json"
    number = _begun(note)
    if number is None or (folder / f"{pixels.stem}.{number}.h5").exists():
        number = _free_number(folder, pixels.stem)
        # A note that stands is of the files from which everything else was made: it is kept.
        if remade and ledger.is_file() and not note.exists():
            times = {"ledger": ledger.stat().st_mtime_ns}
            times["pixels"] = pixels.stat().st_mtime_ns if pixels.is_file() else times["ledger"]
            _write_note(note, {"number": number, **times})
    # The pixel file last: as long as it stands in its place, the shard counts as damaged and not as put aside.
    for path, name in ((ledger, f"{pixels.stem}.{number}.ledger.parquet"), (pixels, f"{pixels.stem}.{number}.h5")):
        if path.is_file():
            path.rename(folder / name)


def put_index_aside(root: Path, index: Path) -> None:
    """Move an index that is not of these shards aside; it and what stands beside it is made again."""
    folder = damaged_folder(root, index.parent.name)
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while (aside := folder / f"index.{number}.parquet").exists():
        number += 1
    index.rename(aside)


def waiting(root: str | Path) -> set[str]:
    """Datasets of which a shard was put aside and is not settled yet."""
    return {note.parent.name for note in _notes(Path(root))}


def settle(root: str | Path) -> None:
    """Give the shards that were made again their old time stamps, where ledger and so all images are as they were."""
    root = Path(root)
    for note in _notes(root):
        pixels = root / "patches" / note.parent.name / f"{note.stem}.h5"
        ledger = pixels.with_name(f"{note.stem}.ledger.parquet")
        known = json.loads(note.read_text(encoding="utf-8"))
        aside = note.with_name(f"{note.stem}.{known['number']}.ledger.parquet")
        if not (pixels.is_file() and ledger.is_file()):
            continue
        if not aside.is_file():
            log.debug("%s: nothing was moved before the repair was interrupted", pixels)
        elif filecmp.cmp(aside, ledger, shallow=False):
            for path in (pixels, ledger):
                stamp = "ledger" if path is ledger else "pixels"
                os.utime(path, ns=(path.stat().st_atime_ns, known[stamp]))
            log.info("%s: the same images as before the damage: what was made of them stays", pixels)
        else:
            log.warning("%s: not the same images as before the damage: the next run makes what depends on it", pixels)
        note.unlink()


def _notes(root: Path) -> list[Path]:
    return sorted((root / "work" / "damaged").glob("*/[0-9]*.json"))


def _begun(note: Path) -> int | None:
    """The number under which the files of a standing note lie, or were about to."""
    return int(json.loads(note.read_text(encoding="utf-8"))["number"]) if note.is_file() else None


def _free_number(folder: Path, shard: str) -> int:
    number = 0
    while any((folder / f"{shard}.{number}{end}").exists() for end in (".h5", ".ledger.parquet")):
        number += 1
    return number


def _write_note(note: Path, value: dict[str, int]) -> None:
    temporary = note.with_suffix(".part")
    temporary.write_text(json.dumps(value) + "\n", encoding="utf-8")
    temporary.replace(note)
