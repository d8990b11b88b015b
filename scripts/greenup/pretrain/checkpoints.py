"""Checkpoints of a running training: written whole, checked when read, the one before kept in case."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import torch

from greenup.files import atomic_path

log = logging.getLogger("greenup.pretrain")

KEPT = 2
_DIGEST = 16


class Checkpoints:
    """The checkpoints in one folder. Each carries a fingerprint of what is trained; another's is never resumed.

    A file is a ``torch.save`` archive followed by the 16 bytes of its BLAKE2b digest, so that a cut or changed file is
    told from a whole one whatever was hit.
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = Path(folder), fingerprint

    def files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.ckpt"))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write the state after ``step`` steps; all but the newest `KEPT` are then removed."""
        final = self.folder / f"step-{step:09d}.ckpt"
        with atomic_path(final) as temporary:
            torch.save({"fingerprint": self.fingerprint, "step": step, **state}, temporary)
            digest = _digest(temporary)
            with temporary.open("ab") as handle:
                handle.write(digest)
        self.keep(KEPT)
        return final

    def keep(self, count: int) -> None:
        """Remove all but the newest ``count``."""
        for old in self.files()[:-count]:
            old.unlink(missing_ok=True)

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole and of this training, on the CPU; None when there is none.

        A damaged file, and one of other settings or data, is named in the log and removed.
        """
        for path in reversed(self.files()):
            state = self._read(path)
            if state is None:
                log.warning("%s is damaged: removed, the checkpoint before it is tried", path)
            elif state["fingerprint"] != self.fingerprint:
                log.warning("%s is of other settings or data: removed, nothing of it is used", path)
            else:
                return state
            path.unlink()
        return None

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        size = path.stat().st_size - _DIGEST
        if size <= 0 or _digest(path, size) != _tail(path):
            return None
        # The end of a zip archive is searched from the back, where the digest does no harm as trailing bytes.
        return torch.load(path, map_location="cpu", weights_only=True)


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
