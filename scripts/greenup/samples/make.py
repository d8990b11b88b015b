"""Real public samples, turned into files that the workflow reads like any other.

config/samples.csv says which public files, from where, under which licence. Each sample becomes a folder
``<out>/<name>``: of image series a STAC archive (catalog.json and GeoTIFFs), of the others a table or a layer; and
where it has places of its own, ``<out>/<name>_points.csv``, the sites of the study.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from greenup.errors import UserError
from greenup.files import read_json, write_json, write_text
from greenup.samples.boadella import convert_boadella
from greenup.samples.place import Point
from greenup.samples.s2_100k import convert_s2_100k
from greenup.samples.tables import (
    convert_chelsa,
    convert_ecoregions,
    convert_fluxnet,
    convert_mcd12q2,
    convert_ssl4eco_labels,
    convert_ssl4eo_s12_sites,
)
from greenup.samples.worldcereal import convert_worldcereal

RECIPE = 1
"""Raised by hand when a conversion changes what it writes: samples of an older recipe are made again."""

LIST = Path(__file__).resolve().parents[3] / "config" / "samples.csv"
_MARK = "made_from.json"
_COLUMNS = ["name", "folder", "files", "count", "source", "licence", "purpose"]

log = logging.getLogger("greenup")


Convert = Callable[[list[Path], Path], list[Point]]
"""From the sample's files and an empty folder to its points, none where it has none; writes into the folder."""

CONVERSIONS: dict[str, Convert] = {
    "worldcereal": convert_worldcereal,
    "boadella": convert_boadella,
    "s2_100k": convert_s2_100k,
    "fluxnet": convert_fluxnet,
    "mcd12q2": convert_mcd12q2,
    "ssl4eo_s12_sites": convert_ssl4eo_s12_sites,
    "ssl4eco_labels": convert_ssl4eco_labels,
    "ecoregions": convert_ecoregions,
    "chelsa_at_stations": convert_chelsa,
}


def make_samples(samples: str | Path, out: str | Path) -> dict[str, bool]:
    """Make every sample that is not there yet or whose files changed; name -> whether it was made now.

    ``samples``: folder that holds a folder a sample. Nothing is written when all is as it should be, so that nothing
    downstream is made again. A sample appears whole or not at all.

    Raises `UserError` that lists every missing file with its source and licence.
    """
    wanted = read_list()
    found, missing = {}, []
    for row in wanted:
        folder = Path(samples) / row["folder"]
        files = sorted({f for pattern in row["files"].split() for f in folder.glob(pattern)}) if samples else []
        if len(files) < int(row["count"]):
            missing.append(
                f"{row['folder']}/{row['files']}: {len(files)} of {row['count']} files\n"
                f"    for: {row['purpose']}\n    source: {row['source']}\n    licence: {row['licence']}"
            )
        found[row["name"]] = files
    if missing:
        given = f"{samples}: files are missing" if samples else "no folder of samples was given"
        raise UserError(
            given + "\n  " + "\n  ".join(missing),
            "get them from the sources above and run `make real SAMPLES=<folder that holds these folders>`",
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    return {name: _make(name, files, out) for name, files in found.items()}


def read_list(path: Path = LIST) -> list[dict[str, str]]:
    """The rows of config/samples.csv: name, folder, files (patterns, by space), count, source, licence, purpose."""
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != _COLUMNS:
            raise UserError(f"{path}: the columns are {reader.fieldnames}", f"write {','.join(_COLUMNS)}")
        rows = list(reader)
    unknown = [r["name"] for r in rows if r["name"] not in CONVERSIONS]
    if unknown:
        raise UserError(f"{path}: no conversion for {unknown[0]!r}", f"there are {', '.join(CONVERSIONS)}")
    return rows


def _make(name: str, files: list[Path], out: Path) -> bool:
    folder, points = out / name, out / f"{name}_points.csv"
    mark = {"recipe": RECIPE, "files": {f.name: _digest(f) for f in files}}
    done = (folder / _MARK).is_file() and read_json(folder / _MARK) == {**mark, "points": points.is_file()}
    if done:
        log.info("%s: up to date", folder)
        return False
    log.info("%s: converting %d files", folder, len(files))
    unfinished = out / f".{name}-{uuid.uuid4().hex[:12]}-part"
    try:
        unfinished.mkdir()
        places = CONVERSIONS[name](files, unfinished)
        write_json(unfinished / _MARK, {**mark, "points": bool(places)})
        # The points go first: the sample's mark, which says that all is there, comes with the last rename.
        if places:
            rows = [f"{p.site_id},{p.lon:.9f},{p.lat:.9f},{p.stratum}" for p in places]
            write_text(points, "\n".join(["site_id,lon,lat,stratum", *rows]) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        if unfinished.exists():
            shutil.rmtree(unfinished)
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
