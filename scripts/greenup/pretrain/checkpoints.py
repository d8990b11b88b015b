"""Checkpoints of a running training: written whole, checked when read, the one before kept in case."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from greenup.files import atomic_path, checksum

log = logging.getLogger("greenup.pretrain")

KEPT = 2
_DIGEST = 16
_SHOWN = 5


class Checkpoints:
    """The checkpoints in one folder. Each carries the ``settings`` of what is trained; another's is never resumed.

    ``settings``: all that changes the result, JSON-able. A file is a ``torch.save`` archive followed by the 16 bytes of
    its BLAKE2b digest, so that a cut or changed file is told from a whole one whatever was hit.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = Path(folder), json.dumps(settings, sort_keys=True)

    def files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.ckpt"))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state after ``step`` steps; all but the newest `KEPT` are then removed.

        Raises OSError when there is no room; what was there before is still there then.
        """
        final = self.folder / f"step-{step:09d}.ckpt"
        with atomic_path(final) as temporary:
            try:
                torch.save({"settings": self.settings, "step": step, **state}, temporary)
            except RuntimeError as error:
                # torch's archive writer has no other error for a full disk.
                raise OSError(str(error).split("\n")[0]) from error
            digest = _digest(temporary)
            with temporary.open("ab") as handle:
                handle.write(digest)
        self.keep(KEPT)
        return final

    def keep(self, count: int) -> None:
        """Remove all but the newest ``count``."""
        for old in self.files()[:-count]:
            old.unlink(missing_ok=True)

    def load(self, *, tidy: bool = True) -> dict[str, Any] | None:
        """The newest state that is whole and of this training, on the CPU; None when there is none.

        A damaged file is named in the log and removed. One of other settings or data is named with what differs and put
        aside, into a folder beside it: nothing of it is used, and nothing of it is lost. ``tidy`` False only reads,
        for processes that are not the first.
        """
        for path in reversed(self.files()):
            state = self._read(path)
            if state is None:
                if tidy:
                    log.warning("%s is damaged: removed, the checkpoint before it is tried", path)
                    path.unlink(missing_ok=True)
            elif state.get("settings") != self.settings:
                if tidy:
                    self._put_aside(path, str(state.get("settings", "{}")))
            else:
                return state
        return None

    def _put_aside(self, path: Path, settings: str) -> None:
        to = self.folder / f"other-{checksum(settings.encode())[:8]}" / path.name
        to.parent.mkdir(exist_ok=True)
        path.replace(to)
        log.warning(
            "%s is a checkpoint of other settings or data (%s): put aside as %s, this training begins without it",
            path,
            "; ".join(differences(json.loads(settings), json.loads(self.settings))),
            to,
        )

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            size = path.stat().st_size - _DIGEST
            if size <= 0 or _digest(path, size) != _tail(path):
                return None
        except FileNotFoundError:
            # Removed by the first process since it was listed.
            return None
        # The end of a zip archive is searched from the back, where the digest does no harm as trailing bytes.
        return torch.load(path, map_location="cpu", weights_only=True)


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """What two settings differ in, as ``key: theirs, now ours``; at most `_SHOWN`, and how many more."""
    one, two = dict(_flat(theirs)), dict(_flat(ours))
    keys = [k for k in dict.fromkeys([*one, *two]) if one.get(k) != two.get(k)]
    shown = [f"{k}: {one.get(k, 'nothing')}, now {two.get(k, 'nothing')}" for k in keys[:_SHOWN]]
    return shown + ([f"and {len(keys) - _SHOWN} more"] if len(keys) > _SHOWN else [])


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _digest(path: Path, size: int | None = None) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    left = path.stat().st_size if size is None else size
    with path.open("rb") as handle:
        while left and (block := handle.read(min(left, 1 << 22))):
            digest.update(block)
            left -= len(block)
    return digest.digest()


def _tail(path: Path) -> bytes:
    with path.open("rb") as handle:
        handle.seek(-_DIGEST, 2)
        return handle.read()
