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


def shipped(path: str, folder: Path | None = None, repository: Path = REPOSITORY) -> str:
    """A file of the checkout as an input of a rule: relative to ``folder`` (default: the working directory) where it
    lies below that, so that a checkout can be moved with its results.

    Snakemake then knows it by its content. (``workflow.source_path`` copies it to another place in every run, and a
    new time stamp alone would make again what was made of it.)
    """
    whole, base = repository / path, folder or Path.cwd()
    return str(whole.relative_to(base) if whole.is_relative_to(base) else whole)
