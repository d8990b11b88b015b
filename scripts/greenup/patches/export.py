"""Exporting one shard: fetch what is lacking, put all images into one file, tell what became of every site and season.

Images are fetched site by site into the folder of unfinished work (`greenup.patches.work`). Only when every row of the
ledger is final is the pixel file written, from start to end in the order of sites and seasons, and moved into place,
the ledger after it. A job that is killed or that lacks an image leaves its work where the next one takes it up.

Memory does not grow with the shard: pixels are held only between a source's answer and the file of their site, at most
`greenup.patches.fetch.AT_ONCE_BYTES` of them; of all other images there are rows without pixels (about 2 kB each).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import UserError
from greenup.files import atomic_path, write_table
from greenup.imagery.base import ImagerySource, Pixels, SceneMissing
from greenup.imagery.patience import Patience
from greenup.patches.container import Form, Row, pixel_checksum, writing
from greenup.patches.fetch import Answer, Fetcher, Image, Progress, shares
from greenup.patches.ledger import Entry, drop_small, images_of, ledger_table, own_grids, plan_shard, settle
from greenup.patches.signals import told_before_death
from greenup.patches.tally import ELSEWHERE, FETCHED, FINISHED, MISSING, UNFINISHED, Tally
from greenup.patches.work import SiteWork, Work, fitting
from greenup.schemas import LEDGER

log = logging.getLogger(__name__)


def export_shard(
    sites: pd.DataFrame,
    scenes: pd.DataFrame,
    source: ImagerySource,
    patches: Patches,
    *,
    min_images: int,
    runtime: Runtime,
    work: str | Path,
    pixels: str | Path,
    ledger: str | Path,
    origin: str = "",
    patience: Patience | None = None,
) -> None:
    """Write the pixel file and the ledger of one shard.

    Parameters
    ----------
    sites, scenes : the table of this shard's sites (schema ``sites``; others in it are passed over), and of its scenes
        (schema ``scenes``).
    source : where the pixels come from. One that has an attribute ``requests`` is read from that many threads, at most
        ``runtime.requests``; others, bound by computing, from one.
    min_images : sites with fewer images are dropped: their rows say so and their pixels are left out.
    work : folder of unfinished work; emptied at the end but for what a later run can use.
    pixels, ledger : the files to write, rows in the order of ``sites``, then of ``scenes``.
    origin : names the source and its settings; images of another origin are not reused.

    Raises
    ------
    UserError
        when images are lacking that the source may give later (counted by cause; all finished images are kept), when
        the scenes are not of these sites, or when a folder cannot be written.
    """
    pixels, ledger = Path(pixels), Path(ledger)
    name = f"{pixels.parent.name}/{pixels.stem}"
    own = own_grids(source, patches)
    resampled = own is not None and own.is_resampled(patches.bands)
    form = Form(patches.bands, patches.size_px, source.simulated, source.attribution, origin, resampled)
    plan = plan_shard(sites, scenes, patches, own)
    keys = {site: [image.key for image in images_of(entries)] for site, entries in plan.items()}
    wanted = sum(map(len, keys.values()))
    fetcher = Fetcher(source, form, patience or Patience())
    threads, share = shares(form, min(runtime.requests, int(getattr(source, "requests", 1)), len(plan)))
    room = Work(work, form)
    with told_before_death(f"{name}: what is finished is kept in {room.folder}"):
        try:
            with _writable(room.folder, room.folder):
                room.sweep(pixels, ledger)
                room.adopt(plan)
                room.load_previous({key for site in keys.values() for key in site})
                kept = room.count_kept(keys)
            log.info("%s: %d images wanted, %d kept already, %d to fetch", name, wanted, kept, wanted - kept)
            job = _Job(room, fetcher, share, Progress(name, wanted, kept), Tally())
            entries = _finish_sites(plan, job, threads)
            log.info("%s: %s", name, job.tally.line(fetcher.lacking, fetcher.causes()))
            if fetcher.lacking:
                raise UserError(
                    f"{pixels}: {fetcher.lacking} of {wanted} images are lacking: {fetcher.causes()}",
                    f"run again later: the {wanted - fetcher.lacking} others are kept in {room.folder} "
                    "and are not fetched twice",
                )
            final = [e for site in plan for e in drop_small(entries[site], min_images)]
            with _writable(pixels.parent, room.folder):
                _assemble(final, plan, job, pixels)
                table = ledger_table(final)
                write_table(ledger, table, LEDGER, simulated=form.simulated, attribution=form.attribution)
                # What no pixel file tells, a dropped site's images or that a scene does not exist, may be asked for
                # again.
                room.tidy(plan, keep={e.site_id for e in final if e.image is not None and e.status != "ok"})
        finally:
            room.close()
    counts = Counter(e.status for e in final)
    told = ", ".join(f"{n} {status}" for status, n in counts.most_common()) or "no site"
    seconds = job.progress.seconds()
    log.info("%s: %s; %.1f s, %.1f images/s fetched", name, told, seconds, job.tally[FETCHED] / max(seconds, 1e-3))


# ------------------------------------------------------------------------------------------------------------ fetching
@dataclass(frozen=True)
class _Job:
    """What the threads of a job share. ``share``: how many images one of them may hold at once."""

    room: Work
    fetcher: Fetcher
    share: int
    progress: Progress
    tally: Tally


def _finish_sites(plan: dict[str, list[Entry]], job: _Job, threads: int) -> dict[str, list[Entry]]:
    def finish(site_id: str) -> tuple[str, list[Entry]]:
        return site_id, _finish_site(site_id, plan[site_id], job)

    return dict(map(finish, plan) if threads <= 1 else _in_threads(finish, plan, threads))


def _in_threads(call: Callable, items: dict[str, list[Entry]], threads: int) -> Iterator:
    """``map`` by threads, in order. The first failure is raised when the calls that are under way have ended."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        try:
            for item in items:
                waiting.append(pool.submit(call, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _finish_site(site_id: str, entries: list[Entry], job: _Job) -> list[Entry]:
    """The entries of one site with what was found or fetched; those that could not be had stay ``chosen``."""
    wanted = images_of(entries)
    known = job.room.load_site(site_id)
    lacking: list[Image] = []
    found: Counter[str] = Counter()
    for image in wanted:
        if image.key in known.missing:
            found[MISSING] += 1
        elif image.key in known.rows:
            found[UNFINISHED] += 1
        elif (old := job.room.previous(image.key)) is not None:
            known.rows[image.key] = old.row
            found[FINISHED if old.is_own else ELSEWHERE] += 1
            if old.pixels is not None:
                known.pixels[image.key] = old.pixels
                _save(site_id, known, job)
        else:
            lacking.append(image)
    faults: list[Exception] = []
    # Images kept on their own grids may have several at one site.
    for _, alike in groupby(sorted(lacking, key=lambda i: i.grid.key), key=lambda i: i.grid.key):
        images = list(alike)
        for start in range(0, len(images), job.share):
            for batch in job.fetcher.answers(images[start : start + job.share]):
                faults += _take(site_id, batch, known, job)
    for where, count in found.items():
        job.tally.add(where, count)
    # Raised only now: what the source gave beside it is kept.
    for fault in faults:
        raise fault
    job.progress.step(len(wanted), reused=found.total())
    return [settle(entry, known) for entry in entries]


def _take(site_id: str, batch: list[tuple[Image, Answer]], known: SiteWork, job: _Job) -> list[Exception]:
    """Keep what was learnt; the faults among the answers are handed out. The batch is emptied."""
    faults: list[Exception] = []
    count = len(batch)
    while batch:
        image, answer = batch.pop(0)
        if isinstance(answer, SceneMissing):
            known.missing[image.key] = str(answer) or "the source has no such scene"
            job.tally.add(MISSING)
        elif isinstance(answer, Pixels):
            known.pixels[image.key] = answer
            check, valid = pixel_checksum(answer), job.fetcher.form.valid_fraction(answer)
            known.rows[image.key] = Row(
                image.site_id, image.season, image.scene_id, image.time, image.grid, check, valid
            )
            job.tally.add(FETCHED)
        else:
            faults.append(answer)
    if len(faults) < count:
        _save(site_id, known, job)
    return faults


def _save(site_id: str, known: SiteWork, job: _Job) -> None:
    with _writable(job.room.folder, job.room.folder):
        job.room.save_site(site_id, known)
    known.pixels.clear()


# ---------------------------------------------------------------------------------------------------------- assembling
def _assemble(final: list[Entry], plan: dict[str, list[Entry]], job: _Job, pixels: Path) -> None:
    """Write the pixel file: the images of status ok, in order."""
    room, form = job.room, job.fetcher.form
    stored = [e for e in final if e.status == "ok"]
    with atomic_path(pixels) as temporary:
        with writing(temporary, form, len(stored)) as out:
            index = 0
            while index < len(stored):
                site_id = stored[index].site_id
                with fitting(room.site_path(site_id), form) as site:
                    while index < len(stored) and stored[index].site_id == site_id:
                        if not room.copy(stored[index].row, index, out, site):
                            break
                        index += 1
                    else:
                        continue
                # Another writer has finished this shard and tidied up: its file has the image, or it is fetched again.
                room.load_previous({e.image.key for e in stored})
                again = {e.season: e for e in _finish_site(site_id, plan[site_id], job)}
                entry = again[stored[index].season]
                if entry.row is None or entry.row.checksum != stored[index].row.checksum:
                    raise UserError(
                        f"{pixels}: {site_id}, {entry.season} changed while the shard was written", "run again"
                    )
        room.keep_finished(temporary, plan)


@contextmanager
def _writable(target: Path, work: Path) -> Iterator[None]:
    """Name the folder when it cannot be written: no permission, no space, no such place."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error})",
            f"make room or mend the permissions, then run again: finished images are kept in {work}",
        ) from error
