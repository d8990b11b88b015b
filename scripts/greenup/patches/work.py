"""The folder of unfinished work: images that were fetched and must not be fetched again.

Snakemake deletes declared outputs before a rerun and after a failure. Here, undeclared, lie

    sites/<site>.h5   the images of one site of an unfinished shard, and which scenes its source does not have
    previous.h5       the shard as last finished (a hard link: no space, and it outlives the declared file)
    moved.<n>.h5      a shard as finished before that, while it holds images of sites that now belong to other shards

All are files as `greenup.patches.container` describes them. An image is known by its scene id and its grid, in a file
with the wanted bands or more of them, the same size and origin; nothing is taken from a file before its checksum has
been found right.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from greenup.errors import UserError
from greenup.files import atomic_path, checksum, remove_orphans
from greenup.imagery.base import Pixels
from greenup.patches.container import Form, Row, ShardFile, ShardWriter, pixel_checksum, writing

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Scene id and `greenup.grids.PatchGrid.key`: what an image is known by."""

_STALE_S = 3600.0


def key_of(row: Row) -> Key:
    return row.scene_id, row.grid.key


@dataclass
class SiteWork:
    """What is known of one site: images by key, with pixels while they are not yet saved, and scenes that do not exist,
    with the source's words."""

    rows: dict[Key, Row] = field(default_factory=dict)
    pixels: dict[Key, Pixels] = field(default_factory=dict)
    missing: dict[Key, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """An image of a finished shard: ``pixels`` only where they are not as stored there. ``is_own``: not another's."""

    row: Row
    pixels: Pixels | None
    is_own: bool


class Work:
    """The folder of one shard. ``form``: what its images must have in common to be of use."""

    def __init__(self, folder: str | Path, form: Form) -> None:
        self.folder = Path(folder)
        self.form = form
        self._previous: dict[Key, tuple[ShardFile, int]] = {}
        self._opened: list[ShardFile] = []

    # ------------------------------------------------------------------------------------------------- one site
    def site_path(self, site_id: str) -> Path:
        return self.folder / "sites" / site_name(site_id)

    def load_site(self, site_id: str) -> SiteWork:
        """The intact images and the known gaps of one site; nothing when there is no file or it does not fit."""
        found = SiteWork()
        with fitting(self.site_path(site_id), self.form) as file:
            if file is not None:
                for i in range(len(file)):
                    if _is_intact(file, i):
                        found.rows[key_of(file.row(i))] = file.row(i)
                missing = json.loads(file.handle.attrs["missing"])
                found.missing = {(scene, grid): cause for scene, grid, cause in missing}
        return found

    def save_site(self, site_id: str, work: SiteWork) -> None:
        """Write the file of a site anew with all that is known; rows without pixels are copied from the present one."""
        path = self.site_path(site_id)
        with fitting(path, self.form) as old:
            places = {} if old is None else {key_of(old.row(i)): i for i in range(len(old))}
            # Another writer of this shard may just have cleared the file: what is gone is looked for again later.
            keys = [k for k in work.rows if k in work.pixels or k in places]
            with atomic_path(path) as temporary, writing(temporary, self.form, len(keys)) as out:
                out.attrs["missing"] = json.dumps([[*key, cause] for key, cause in work.missing.items()])
                for i, key in enumerate(keys):
                    if key in work.pixels:
                        out.put(i, work.rows[key], work.pixels[key])
                    else:
                        out.copy(i, work.rows[key], old, places[key])

    def adopt(self, site_ids: Iterable[str]) -> None:
        """Take over the files of sites that another shard had begun before they were moved to this one."""
        others = {p.name: p for p in self.folder.parent.glob("*/sites/[!.]*.h5") if p.parent.parent != self.folder}
        for path in map(self.site_path, site_ids) if others else ():
            if path.name in others and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                # The other job may just be doing the same, or tidying up.
                with suppress(FileNotFoundError):
                    others[path.name].rename(path)

    def tidy(self, site_ids: Iterable[str], keep: set[str]) -> None:
        """Remove the files of these sites but those of ``keep``; others' are for the shards they have moved to."""
        for site_id in site_ids:
            if site_id not in keep:
                self.site_path(site_id).unlink(missing_ok=True)
        self._sweep_folders()

    # ------------------------------------------------------------------------------------------- finished shards
    @property
    def previous_path(self) -> Path:
        return self.folder / "previous.h5"

    def load_previous(self, wanted: set[Key]) -> None:
        """Look which wanted images stand in the shard as last finished, or in its neighbours: sites move between
        shards when the number of shards is changed. Of each file that has some, its columns stay in memory."""
        self.close()
        scenes = {scene.encode() for scene, _ in wanted}
        looked_at: set[tuple[Path, int]] = set()
        # Other jobs may replace their files meanwhile, and then keep the old ones under another name: looked for again.
        while len(self._previous) < len(wanted) and (new := self._finished() - looked_at):
            for path, _ in sorted(new, key=lambda f: (f[0] != self.previous_path, f[0])):
                if len(self._previous) == len(wanted):
                    break
                file = _open(path, self.form, wider=True)
                if file is None:
                    continue
                hits = {}
                for i, scene in enumerate(file.column("scene_id").tolist()):
                    if scene in scenes and (key := key_of(file.row(i))) in wanted and key not in self._previous:
                        hits[key] = (file, i)
                if hits:
                    self._previous.update(hits)
                    self._opened.append(file)
                else:
                    file.close()
            looked_at |= new

    def _finished(self) -> set[tuple[Path, int]]:
        """The finished shards of the dataset, this and all others: path and inode."""
        found = set()
        for path in (p for name in ("previous.h5", "moved.*.h5") for p in self.folder.parent.glob(f"*/{name}")):
            with suppress(FileNotFoundError):
                found.add((path, path.stat().st_ino))
        return found

    def previous(self, key: Key) -> Found | None:
        """An image of a finished shard, if its checksum is still right.

        From a file with more bands the wanted ones are chosen, unless the image has invalid pixels: which of the bands
        lacks data there is not known, and a mask of fewer bands may be another.
        """
        file, i = self._previous.get(key, (None, 0))
        if file is None or not _is_intact(file, i):
            return None
        is_own = file.path.parent == self.folder
        row = file.row(i)
        if file.form.bands == self.form.bands:
            return Found(row, None, is_own)
        pixels = file.read(i, self.form.resolutions)
        if not all(pixels.valid[m].all() for m in self.form.resolutions):
            return None
        values = {}
        for m in self.form.resolutions:
            there = file.form.bands_at(m)
            values[m] = pixels.values[m][[there.index(b) for b in self.form.bands_at(m)]]
        chosen = Pixels(values, pixels.valid)
        row = replace(row, checksum=pixel_checksum(chosen), valid_fraction=self.form.valid_fraction(chosen))
        return Found(row, chosen, is_own)

    def count_kept(self, images: Mapping[str, Collection[Key]]) -> int:
        """How many of the wanted images (by site) seem to be here already: nothing of their pixels is read."""
        count = 0
        for site_id, keys in images.items():
            there = self._previous.keys() & keys
            with fitting(self.site_path(site_id), self.form) as file:
                if file is not None:
                    there |= {key_of(file.row(i)) for i in range(len(file))} & set(keys)
            count += len(there)
        return count

    def keep_finished(self, finished: Path, site_ids: Collection[str]) -> None:
        """Link a complete pixel file of these sites as ``previous.h5``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._keep_moved(site_ids)
            with atomic_path(self.previous_path) as link:
                os.link(finished, link)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            # Some file systems have no hard links, and a copy would double the space of the dataset.
            log.warning(
                "%s: no hard link possible (%s): a changed configuration will fetch this shard again",
                self.folder,
                error.strerror,
            )

    def _keep_moved(self, site_ids: Collection[str]) -> None:
        """Before the shard as last finished is replaced: keep it if it has sites that other shards now have."""
        old = _open(self.previous_path, replace(self.form, bands=()), wider=True)
        if old is None:
            return
        with old:
            if set(old.column("site_id").tolist()) <= {s.encode() for s in site_ids}:
                return
        # Named by the file itself, so that a job killed and repeated makes no second link.
        with suppress(FileExistsError):
            os.link(self.previous_path, self.folder / f"moved.{self.previous_path.stat().st_ino}.h5")

    def copy(self, row: Row, index: int, out: ShardWriter, site: ShardFile | None) -> bool:
        """Copy an image from its site's file or a finished shard into row ``index`` of ``out``.

        False when neither has it any more, because another writer of this shard has finished and tidied up.
        """
        if site is not None:
            for i, (scene, check) in enumerate(zip(site.column("scene_id"), site.column("checksum"), strict=True)):
                if scene.decode() == row.scene_id and check.decode() == row.checksum and site.row(i).grid == row.grid:
                    out.copy(index, row, site, i)
                    return True
        file, i = self._previous.get(key_of(row), (None, 0))
        if file is not None and file.form.bands == self.form.bands and file.row(i).checksum == row.checksum:
            out.copy(index, row, file, i)
            return True
        return False

    # ------------------------------------------------------------------------------------------------------- care
    def sweep(self, *beside: Path) -> None:
        """Remove temporary files that a killed job left here or beside its outputs: at once where its process ran on
        this machine, else when they are older than a living writer's."""
        self._sweep_folders()
        names = [*self.folder.glob(".*.part"), *(self.folder / "sites").glob(".*.part")]
        for final in beside:
            remove_orphans(final.parent, final.name)
            names += final.parent.glob(f".{final.name}.*.part")
        for path in names:
            try:
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()
            except FileNotFoundError:
                continue

    def _sweep_folders(self) -> None:
        for folder in (self.folder, self.folder / "sites"):
            remove_orphans(folder)

    def close(self) -> None:
        """Close the finished shards."""
        for file in self._opened:
            file.close()
        self._opened, self._previous = [], {}


def site_name(site_id: str) -> str:
    """Name of a site's file: readable, and unique whatever the letters of the id and the rules of the file system."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", site_id)[:60]
    return f"{readable}.{checksum(site_id.encode())[:12]}.h5"


def clear_moved(work: str | Path, site_ids: Iterable[str]) -> None:
    """Remove, below the work folder of a dataset of these sites, what was kept for shards that sites were moved to,
    and files of sites that are no more.

    To be called when all shards are finished: whatever had a use for it has taken it.
    """
    names = set(map(site_name, site_ids))
    strays = (p for p in Path(work).glob("*/sites/[!.]*.h5") if p.name not in names)
    for path in [*Path(work).glob("*/moved.*.h5"), *strays]:
        path.unlink(missing_ok=True)


@contextmanager
def fitting(path: Path, form: Form) -> Iterator[ShardFile | None]:
    """The file at ``path`` opened, or None when there is none that can be read and has this form."""
    file = _open(path, form)
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def _is_intact(file: ShardFile, index: int) -> bool:
    if file.is_intact(index):
        return True
    row = file.row(index)
    log.warning("not used again: %s: damaged: %s, scene %s", file.path, row.site_id, row.scene_id)
    return False


def _open(path: Path, form: Form, *, wider: bool = False) -> ShardFile | None:
    if not path.is_file():
        return None
    try:
        file = ShardFile(path)
    except UserError as error:
        log.warning("not used again: %s", error.message)
        return None
    # The attribution may be worded anew without making other pixels.
    alike = replace(file.form, attribution=form.attribution)
    if alike == form or (wider and replace(alike, bands=form.bands) == form and set(form.bands) <= set(alike.bands)):
        return file
    file.close()
    return None
