"""A process that has imported everything and forks a child for each export: ``python forking.py``.

Kills must end real processes, and starting Python takes longer than the whole export. Commands come as lines of JSON on
stdin: a job to start (answered with its pid), or ``{"wait": pid}`` (answered with its exit status). Each child tells by
one byte of a shared file where it is; each place is held a moment, so that kills meet the short ones too.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from contextlib import redirect_stderr
from functools import wraps
from pathlib import Path

from fake_source import FakeSource, scene_table, site_table
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import job
from greenup.imagery.base import PassingError, SceneMissing
from greenup.imagery.patience import Patience
from greenup.patches import export
from greenup.patches.container import ShardWriter
from greenup.patches.work import Work
from greenup.randomness import generator

PHASES = (
    "starting",
    "fetching",
    "saving a site's file",
    "assembling the shard",
    "linking and renaming the pixels",
    "between pixels and ledger",
    "tidying up",
    "ended",
)
START, FETCH, SAVE, ASSEMBLE, LINK, BETWEEN, TIDY, ENDED = range(len(PHASES))

PATCHES = Patches(size_px=26, bands=("B2", "B4", "B8", "B5", "B9"))
SEASONS = ("spring", "summer", "autumn")
SITES_A_SHARD = 6


def shard_of(number: int):
    """Sites and scenes of one shard; the second site's summer is a scene that does not exist."""
    sites = site_table(SITES_A_SHARD)
    sites = sites.assign(site_id=[f"k{number:03d}-{i}" for i in range(len(sites))], lon=sites["lon"] + 0.01 * number)
    return sites, scene_table(sites, SEASONS)


def missing_scene(number: int) -> str:
    return f"k{number:03d}-1-summer"


class Flaky(FakeSource):
    """Fails now and then, notes what it is asked for, and has one scene less than it is asked for."""

    def __init__(self, number: int, journal: Path | None, seed: int = 0, fails: float = 0.0) -> None:
        super().__init__(holed=[f"k{number:03d}-0-spring"], empty=[f"k{number:03d}-2-autumn"])
        self.missing, self.asked, self.fails_with, self.rng = missing_scene(number), journal, fails, generator(seed)

    def read(self, scene_id, grid, bands):
        if self.asked is not None:
            with self.asked.open("a") as handle:
                handle.write(f"{scene_id}\n")
        if self.rng.random() < self.fails_with:
            raise PassingError("busy", "quota" if self.rng.random() < 0.5 else "error")
        if scene_id == self.missing:
            raise SceneMissing("it was withdrawn")
        return super().read(scene_id, grid, bands)


def export_one(root: Path, number: int, source: FakeSource) -> None:
    sites, scenes = shard_of(number)
    export.export_shard(
        sites,
        scenes,
        source,
        PATCHES,
        min_images=1,
        runtime=Runtime(),
        patience=Patience(2, 0.0, 6, quota_attempts=2),
        work=root / "work" / "patches" / "d" / f"{number:04d}",
        pixels=root / "patches" / "d" / f"{number:04d}.h5",
        ledger=root / "patches" / "d" / f"{number:04d}.ledger.parquet",
    )


def _tell(place: mmap.mmap, hold_s: float, source: FakeSource) -> None:
    """Have the exporter's functions say where the job is."""

    def within(owner, name: str, phase: int, then: int | None = None) -> None:
        body = getattr(owner, name)

        @wraps(body)
        def told(*args, **kwargs):
            place[0] = phase
            time.sleep(hold_s)
            result = body(*args, **kwargs)
            time.sleep(hold_s)
            if then is not None:
                place[0] = then
            return result

        setattr(owner, name, told)

    within(source, "read", FETCH)
    within(Work, "save_site", SAVE, FETCH)
    within(export, "_assemble", ASSEMBLE, BETWEEN)
    within(Work, "keep_finished", LINK)
    within(export, "write_table", BETWEEN)
    within(Work, "tidy", TIDY)
    for name in ("put", "copy"):
        # Not another place, but time within saving and assembling.
        body = getattr(ShardWriter, name)
        setattr(ShardWriter, name, lambda *args, body=body: (body(*args), time.sleep(hold_s / 4)))


def _child(order: dict) -> int:
    with Path(order["place"]).open("r+b") as handle:
        place = mmap.mmap(handle.fileno(), len(PHASES))
    root = Path(order["root"])
    source = Flaky(order["number"], root / "asked.txt", order["seed"], order["fails"])
    source.delay_s = 2 * order["hold_s"]
    if order["threads"] > 1:
        source.requests = order["threads"]
    _tell(place, order["hold_s"], source)
    try:
        # Said to no one: what a killed job logs is looked at by no test of these.
        with Path(os.devnull).open("w") as nothing, redirect_stderr(nothing), job():
            export_one(root, order["number"], source)
    except SystemExit as error:
        return int(error.code or 0)
    finally:
        place[0] = ENDED
    return 0


def serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        elif (answer := os.fork()) == 0:
            code = 70
            try:
                code = _child(order)
            finally:
                os._exit(code)
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
