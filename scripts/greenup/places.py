"""Paths as they can be shown to others. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout that this library lies in."""


def portable(path: str | Path, folder: Path | None = None, repository: Path = REPOSITORY) -> str:
    """A path relative to ``folder`` (where Snakemake runs; default: the working directory) or to the checkout; of any
    other place the file's name alone, since folders tell of users and machines."""
    if not Path(path).is_absolute() and ".." not in Path(path).parts:
        return str(path)
    whole = Path(path).resolve()
    for base in ((folder or Path.cwd()).resolve(), repository.resolve()):
        if whole.is_relative_to(base):
            return whole.relative_to(base).as_posix()
    return whole.name
