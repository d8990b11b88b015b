"""Exporting one shard: fetch what is lacking, put all images into one file, tell what became of every site and season.

Images are fetched site by site into the folder of unfinished work (`greenup.patches.work`). Only when every row of the
ledger is final is the pixel file written, from start to end in the order of sites and seasons, and moved into place,
the ledger after it. A job that is killed or that lacks an image leaves its work where the next one takes it up.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from greenup.bands import native_resolutions
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import UserError
from greenup.files import atomic_path, write_table
from greenup.grids import grid_for_site
from greenup.imagery.base import ImagerySource, Pixels, SceneMissing
from greenup.imagery.patience import Patience
from greenup.patches.container import Form, Row, pixel_checksum, valid_fraction, writing
from greenup.patches.fetch import Fetcher, Image, Progress
from greenup.patches.work import SiteWork, Work, fitting
from greenup.schemas import LEDGER

log = logging.getLogger(__name__)

NOT_CHOSEN = ("no_scene", "cloudy", "no_season")
"""Statuses that scene choice has settled: they pass into the ledger as they are."""


@dataclass(frozen=True)
class Entry:
    """One row of the ledger in the making. ``image`` is what was chosen, ``row`` what was stored of it."""

    site_id: str
    season: str
    status: str
    cloud: float | None = None
    image: Image | None = None
    row: Row | None = None
    cause: str | None = None
    orbit: str | None = None


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
    sites, scenes : the table of all sites (schema ``sites``), and of this shard's scenes (schema ``scenes``).
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
    form = Form(patches.bands, patches.size_px, source.simulated, source.attribution, origin)
    plan = plan_shard(sites, scenes, patches)
    wanted = [e.image for entries in plan.values() for e in entries if e.image]
    fetcher = Fetcher(source, form, patience or Patience())
    room = Work(work, form)
    try:
        with _writable(room.folder, room.folder):
            room.sweep(pixels, ledger)
            room.load_previous({image.key for image in wanted})
        entries = _finish_sites(plan, room, fetcher, runtime, Progress(name, len(wanted)))
        if fetcher.lacking:
            raise UserError(
                f"{pixels}: {fetcher.lacking} of {len(wanted)} images are lacking: {fetcher.causes()}",
                f"run again later: the {len(wanted) - fetcher.lacking} others are kept in {room.folder} "
                "and are not fetched twice",
            )
        final = [e for site in plan for e in _drop_small(entries[site], min_images)]
        with _writable(pixels.parent, room.folder):
            _assemble(final, plan, room, fetcher, pixels)
            table = ledger_table(final)
            write_table(ledger, table, LEDGER, simulated=form.simulated, attribution=form.attribution)
            # What no pixel file tells, a dropped site's images or that a scene does not exist, may be asked for again.
            room.tidy(keep={e.site_id for e in final if e.image is not None and e.status != "ok"})
    finally:
        room.close()
    counts = Counter(e.status for e in final)
    log.info("%s: %s", name, ", ".join(f"{n} {status}" for status, n in counts.most_common()) or "no site")


def plan_shard(sites: pd.DataFrame, scenes: pd.DataFrame, patches: Patches) -> dict[str, list[Entry]]:
    """What is to be had of each site, in the order of ``sites``; seasons in the order of ``scenes``."""
    resolutions = native_resolutions(patches.bands)
    by_site: dict[str, list[Entry]] = {}
    known = sites.set_index("site_id")[["lon", "lat"]]
    for scene in scenes.itertuples(index=False):
        if scene.site_id not in known.index:
            raise UserError(
                f"scenes: site {scene.site_id!r} is not in the sites table", "give the scenes of these sites"
            )
        entries = by_site.setdefault(scene.site_id, [])
        cloud = None if pd.isna(scene.cloud) else float(scene.cloud)
        if scene.status in NOT_CHOSEN:
            entries.append(Entry(scene.site_id, scene.season, scene.status, cloud, cause=scene.reason))
        elif scene.status == "chosen" and not pd.isna(scene.scene_id) and not pd.isna(scene.time):
            grid = grid_for_site(*known.loc[scene.site_id], patches.size_px, resolutions)
            image = Image(scene.site_id, scene.season, scene.scene_id, scene.time, grid)
            orbit = getattr(scene, "orbit", None)
            orbit = None if pd.isna(orbit) else str(orbit)
            entries.append(Entry(scene.site_id, scene.season, "chosen", cloud, image, orbit=orbit))
        else:
            raise UserError(
                f"scenes: site {scene.site_id!r}, season {scene.season!r}: status {scene.status!r} with scene "
                f"{scene.scene_id!r} and time {scene.time!r}",
                f"write chosen with a scene_id and a time, or one of {', '.join(NOT_CHOSEN)}",
            )
    return {site: by_site[site] for site in sites["site_id"] if site in by_site}


# ------------------------------------------------------------------------------------------------------------ fetching
def _finish_sites(
    plan: dict[str, list[Entry]], room: Work, fetcher: Fetcher, runtime: Runtime, progress: Progress
) -> dict[str, list[Entry]]:
    def finish(site_id: str) -> tuple[str, list[Entry]]:
        return site_id, _finish_site(site_id, plan[site_id], room, fetcher, progress)

    threads = min(runtime.requests, int(getattr(fetcher.source, "requests", 1)), len(plan))
    return dict(map(finish, plan) if threads <= 1 else _in_threads(finish, plan, threads))


def _in_threads(call: Callable, items: dict[str, list[Entry]], threads: int) -> Iterator:
    """``map`` by threads, in order, at most twice as many items ahead as there are threads: memory stays bounded."""
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


def _finish_site(
    site_id: str, entries: list[Entry], room: Work, fetcher: Fetcher, progress: Progress | None
) -> list[Entry]:
    """The entries of one site with what was found or fetched; those that could not be had stay ``chosen``."""
    known = room.load_site(site_id)
    wanted: dict[tuple[str, str], Image] = {}
    for image in (e.image for e in entries if e.image is not None):
        if image.key in known.rows or image.key in known.missing:
            continue
        if (row := room.previous(image.key)) is not None:
            known.rows[image.key] = row
        else:
            # Two seasons of a site may have chosen the same image.
            wanted.setdefault(image.key, image)
    images = list(wanted.values())
    answers = fetcher.read(images) if images else []
    for image, answer in zip(images, answers, strict=True):
        _keep(image, answer, known, fetcher.form.bands)
    if any(isinstance(answer, Pixels | SceneMissing) for answer in answers):
        with _writable(room.folder, room.folder):
            room.save_site(site_id, known)
    # Raised only now: what the source gave beside it is kept.
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, SceneMissing):
            raise answer
    if progress is not None:
        progress.step(sum(e.image is not None for e in entries))
    return [entry if entry.image is None else _settle(entry, known) for entry in entries]


def _keep(image: Image, answer: Pixels | Exception | None, known: SiteWork, bands: Sequence[str]) -> None:
    """Note what was learnt of an image."""
    if isinstance(answer, SceneMissing):
        known.missing[image.key] = str(answer) or "the source has no such scene"
    elif isinstance(answer, Pixels):
        known.pixels[image.key] = answer
        known.rows[image.key] = Row(
            image.site_id,
            image.season,
            image.scene_id,
            image.time,
            image.grid,
            pixel_checksum(answer),
            valid_fraction(answer, bands),
        )


def _settle(entry: Entry, known: SiteWork) -> Entry:
    """The entry with the status that its image gives it."""
    image = entry.image
    if image.key in known.missing:
        return replace(entry, status="no_scene", cause=known.missing[image.key])
    row = known.rows.get(image.key)
    if row is None:
        return entry
    # The same image may have stood for another season before.
    row = replace(row, site_id=image.site_id, season=image.season, time=image.time)
    if row.valid_fraction == 0:
        return replace(entry, status="masked", row=row, cause="the scene has no valid pixel here")
    return replace(entry, status="ok", row=row)


def _drop_small(entries: list[Entry], min_images: int) -> list[Entry]:
    count = sum(e.status == "ok" for e in entries)
    if count >= min_images:
        return entries
    cause = f"the site has {count} image{'' if count == 1 else 's'}, min_images is {min_images}"
    return [replace(e, status="dropped", cause=cause) if e.status == "ok" else e for e in entries]


# ---------------------------------------------------------------------------------------------------------- assembling
def _assemble(final: list[Entry], plan: dict[str, list[Entry]], room: Work, fetcher: Fetcher, pixels: Path) -> None:
    """Write the pixel file: the images of status ok, in order."""
    stored = [e for e in final if e.status == "ok"]
    with atomic_path(pixels) as temporary:
        with writing(temporary, fetcher.form, len(stored)) as out:
            index = 0
            while index < len(stored):
                site_id = stored[index].site_id
                with fitting(room.site_path(site_id), fetcher.form) as site:
                    while index < len(stored) and stored[index].site_id == site_id:
                        if not room.copy(stored[index].row, index, out, site):
                            break
                        index += 1
                    else:
                        continue
                # Another writer has finished this shard and tidied up: its file has the image, or it is fetched again.
                room.load_previous({e.image.key for e in stored})
                again = {e.season: e for e in _finish_site(site_id, plan[site_id], room, fetcher, None)}
                entry = again[stored[index].season]
                if entry.row is None or entry.row.checksum != stored[index].row.checksum:
                    raise UserError(
                        f"{pixels}: {site_id}, {entry.season} changed while the shard was written", "run again"
                    )
        room.keep_finished(temporary)


def ledger_table(entries: list[Entry]) -> pd.DataFrame:
    """The ledger (schema ``ledger``); rows of status ok are numbered in order, as in the pixel file."""
    rows, count = [], 0
    for e in entries:
        image, row = e.image, e.row
        rows.append(
            {
                "site_id": e.site_id,
                "season": e.season,
                "status": e.status,
                "row": count if e.status == "ok" else None,
                "scene_id": image.scene_id if image else None,
                "time": image.time if image else None,
                "cloud": e.cloud,
                "orbit": e.orbit,
                "valid_fraction": row.valid_fraction if row else None,
                "epsg": image.grid.epsg if image else None,
                "west": image.grid.west if image else None,
                "north": image.grid.north if image else None,
                "checksum": row.checksum if row and e.status == "ok" else None,
                "cause": e.cause,
            }
        )
        count += e.status == "ok"
    return pd.DataFrame(rows, columns=[c.name for c in LEDGER.columns])


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
