"""The rows of a shard's ledger: what is to be had of each site and season, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from greenup.bands import native_resolutions
from greenup.config.data import Patches
from greenup.errors import UserError
from greenup.grids import grid_for_site
from greenup.imagery.base import ImagerySource, OwnGrids, SceneMissing
from greenup.patches.container import Row
from greenup.patches.fetch import Image
from greenup.patches.work import SiteWork
from greenup.schemas import LEDGER

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


def own_grids(source: ImagerySource, patches: Patches) -> OwnGrids | None:
    """The source as one whose images are kept on their own grids, if that is what is wanted."""
    if patches.grid == "site":
        return None
    if not hasattr(source, "own_grid"):
        raise UserError(
            "patches.grid: image, but images of this source have no grid of their own to keep",
            "write patches: {grid: site}",
        )
    return source


def plan_shard(
    sites: pd.DataFrame, scenes: pd.DataFrame, patches: Patches, own: OwnGrids | None = None
) -> dict[str, list[Entry]]:
    """What is to be had of each site, in the order of ``sites``; seasons in the order of ``scenes``. On grids centred
    on the sites, or on those that ``own`` says the images have.

    Raises `UserError` for scenes of a site that is not among ``sites`` and for rows that say nothing that can be done.
    """
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
            place = known.loc[scene.site_id]
            if own is None:
                grid = grid_for_site(*place, patches.size_px, resolutions)
            else:
                try:
                    grid = own.own_grid(scene.scene_id, *place, patches.size_px)
                except SceneMissing as error:
                    entries.append(Entry(scene.site_id, scene.season, "no_scene", cloud, cause=str(error)))
                    continue
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


def check_scenes(sites: pd.DataFrame, scenes: pd.DataFrame, where: str) -> None:
    """Refuse (`UserError`) scenes that are not those of exactly these sites, such as another shard's or dataset's."""
    ours, given = set(sites["site_id"]), set(scenes["site_id"])
    mend = "delete it and run again, so that the scenes of this shard are chosen anew"
    if strange := sorted(given - ours):
        raise UserError(f"{where}: {len(strange)} of its sites are not of this shard, such as {strange[0]!r}", mend)
    # Where nothing was ever in season, there are no rows at all.
    if given and (lacking := sorted(ours - given)):
        raise UserError(f"{where}: {len(lacking)} sites of this shard are not in it, such as {lacking[0]!r}", mend)


def images_of(entries: list[Entry]) -> list[Image]:
    """The images of one site's entries, each once: two seasons may have chosen the same."""
    first: dict[tuple[str, str], Image] = {}
    for entry in entries:
        if entry.image is not None:
            first.setdefault(entry.image.key, entry.image)
    return list(first.values())


def settle(entry: Entry, known: SiteWork) -> Entry:
    """The entry with the status that its image gives it; still ``chosen`` when the image could not be had."""
    if entry.image is None:
        return entry
    image = entry.image
    if image.key in known.missing:
        return replace(entry, status="no_scene", cause=known.missing[image.key])
    row = known.rows.get(image.key)
    if row is None:
        return entry
    # The same image may have stood for another season before.
    row = replace(row, site_id=image.site_id, season=image.season, time=image.time, cloud=entry.cloud)
    if row.valid_fraction == 0:
        return replace(entry, status="masked", row=row, cause="the scene has no valid pixel here")
    return replace(entry, status="ok", row=row)


def drop_small(entries: list[Entry], min_images: int) -> list[Entry]:
    """One site's entries; its images are ``dropped`` where there are fewer than ``min_images`` of them."""
    count = sum(e.status == "ok" for e in entries)
    if count >= min_images:
        return entries
    cause = f"the site has {count} image{'' if count == 1 else 's'}, min_images is {min_images}"
    return [replace(e, status="dropped", cause=cause) if e.status == "ok" else e for e in entries]


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
                "pixel_x": image.grid.pixel_x if image else None,
                "pixel_y": image.grid.pixel_y if image else None,
                "checksum": row.checksum if row and e.status == "ok" else None,
                "cause": e.cause,
            }
        )
        count += e.status == "ok"
    return pd.DataFrame(rows, columns=[c.name for c in LEDGER.columns])
