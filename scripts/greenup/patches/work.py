"""The folder of unfinished work: images that were fetched and must not be fetched again.

Snakemake deletes declared outputs before a rerun and after a failure. Here, undeclared, lie

    sites/<site>.h5   the images of one site of an unfinished shard, and which scenes its source does not have
    previous.h5       the shard as last finished (a hard link: no space, and it outlives the declared file)

Both are files as `greenup.patches.container` describes them. An image is known by its scene id and its grid, in a file
with the wanted bands, size and origin; nothing is taken from a file before its checksum has been found right.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from greenup.errors import UserError
from greenup.files import atomic_path, checksum
from greenup.imagery.base import Pixels
from greenup.patches.container import Form, Row, ShardFile, ShardWriter, writing

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


class Work:
    """The folder of one shard. ``form``: what its images must have in common to be of use."""

    def __init__(self, folder: str | Path, form: Form) -> None:
        self.folder = Path(folder)
        self.form = form
        self._previous: dict[Key, tuple[ShardFile, int]] = {}
        self._opened: list[ShardFile] = []

    # ------------------------------------------------------------------------------------------------- one site
    def site_path(self, site_id: str) -> Path:
        """Readable, and unique whatever the letters of the id and the rules of the file system."""
        readable = re.sub(r"[^A-Za-z0-9_-]+", "_", site_id)[:60]
        return self.folder / "sites" / f"{readable}.{checksum(site_id.encode())[:12]}.h5"

    def load_site(self, site_id: str) -> SiteWork:
        """The intact images and the known gaps of one site; nothing when there is no file or it does not fit."""
        found = SiteWork()
        with fitting(self.site_path(site_id), self.form) as file:
            if file is not None:
                for i in range(len(file)):
                    if file.is_intact(i):
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

    def tidy(self, keep: set[str]) -> None:
        """Remove the files of all sites but these."""
        kept = {self.site_path(site_id) for site_id in keep}
        for path in (self.folder / "sites").glob("[!.]*.h5"):
            if path not in kept:
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------------------------------------- finished shards
    @property
    def previous_path(self) -> Path:
        return self.folder / "previous.h5"

    def load_previous(self, wanted: set[Key]) -> None:
        """Look which wanted images stand in the shard as last finished, or in its neighbours: sites move between
        shards when the number of shards is changed."""
        self.close()
        scenes = {scene.encode() for scene, _ in wanted}
        neighbours = sorted(self.folder.parent.glob("*/previous.h5"))
        for path in dict.fromkeys([self.previous_path, *neighbours]):
            if len(self._previous) == len(wanted):
                break
            file = _open(path, self.form)
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

    def previous(self, key: Key) -> Row | None:
        """An image of a finished shard, if its checksum is still right."""
        file, i = self._previous.get(key, (None, 0))
        return file.row(i) if file is not None and file.is_intact(i) else None

    def keep_finished(self, finished: Path) -> None:
        """Link a complete pixel file as ``previous.h5``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        link = self.folder / f".previous.{uuid.uuid4().hex[:12]}.part"
        try:
            os.link(finished, link)
        except OSError as error:
            # Some file systems have no hard links, and a copy would double the space of the dataset.
            log.warning(
                "%s: no hard link possible (%s): a changed configuration will fetch this shard again",
                self.folder,
                error.strerror,
            )
            return
        link.replace(self.previous_path)

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
        if file is not None and file.row(i).checksum == row.checksum:
            out.copy(index, row, file, i)
            return True
        return False

    # ------------------------------------------------------------------------------------------------------- care
    def sweep(self, *beside: Path) -> None:
        """Remove temporary files that a killed job left here or beside its outputs. A living writer's are younger."""
        names = [*self.folder.glob(".*.part"), *(self.folder / "sites").glob(".*.part")]
        for final in beside:
            names += final.parent.glob(f".{final.name}.*.part")
        for path in names:
            try:
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()
            except FileNotFoundError:
                continue

    def close(self) -> None:
        """Close the finished shards."""
        for file in self._opened:
            file.close()
        self._opened, self._previous = [], {}


@contextmanager
def fitting(path: Path, form: Form) -> Iterator[ShardFile | None]:
    """The file at ``path`` opened, or None when there is none that can be read and has this form."""
    file = _open(path, form)
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def _open(path: Path, form: Form) -> ShardFile | None:
    if not path.is_file():
        return None
    try:
        file = ShardFile(path)
    except UserError as error:
        log.warning("not used again: %s", error.message)
        return None
    # The attribution may be worded anew without making other pixels.
    if (file.form.bands, file.form.size_px, file.form.origin) == (form.bands, form.size_px, form.origin):
        return file
    file.close()
    return None
