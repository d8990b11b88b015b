"""The journal of a study's runs: which code and which packages each was made with.

Snakemake remembers of every file the rule, inputs, parameters and times, and nothing of the checkout or the installed
packages. One line a run, written as it starts, tells both of every job that started after it. No rule makes the
journal or reads it as an input, so it causes no rerun. It holds no name of user, machine or folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from greenup.errors import UserError
from greenup.places import REPOSITORY

CODE = ("Snakefile", "rules", "scripts", "config", "envs")
"""What of the checkout results depend on."""

PACKAGES = (
    "snakemake", "numpy", "pandas", "pyarrow", "scipy", "geopandas", "shapely", "pyproj", "rasterio", "h5py",
    "scikit-learn", "torch", "torchvision", "timm", "lightning", "matplotlib", "jinja2",
)  # fmt: skip
"""Packages whose versions are told."""

KEPT = 200
"""Runs that the journal remembers; older lines make room."""


def journal(root: str | Path) -> Path:
    """Where the journal of a study lies, given results/<study>."""
    return Path(root, "logs", "runs.jsonl")


def note_run(root: str | Path, deployment: Iterable[str] = (), repository: Path = REPOSITORY) -> None:
    """Add the run that starts now to the journal of the study at ``root``.

    ``deployment``: how Snakemake provides the packages of jobs (conda, apptainer); nothing where jobs use those of
    Snakemake's own environment.
    """
    entry = {
        "started": datetime.now(UTC).timestamp(),
        "deployment": sorted(map(str, deployment)),
        "versions": versions(),
        **code_state(repository),
    }
    path = journal(root)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    # `greenup.files` would do this too, but takes a second to import, and every run would wait for it.
    whole = path.with_name(f".{path.name}.part")
    whole.write_text("\n".join([*lines[1 - KEPT :], json.dumps(entry)]) + "\n", encoding="utf-8")
    whole.replace(path)


def read_runs(root: str | Path) -> list[dict[str, Any]]:
    """Runs of a study, oldest first; empty where none is noted. Raises `UserError` on a damaged line."""
    path = journal(root)
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise UserError(f"{path}: a line cannot be read as JSON ({error})", "delete the file") from error


def run_of(runs: list[dict[str, Any]], started: float | None) -> dict[str, Any] | None:
    """The run in which a job began: the last that had started by ``started`` (seconds since 1970). Snakemake locks its
    folder, so that runs follow one another."""
    if started is None:
        return None
    return next((r for r in reversed(runs) if r["started"] <= started), None)


def versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`, those that are installed. Reads what is written of them, imports none."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code_state(repository: Path = REPOSITORY) -> dict[str, str | bool | None]:
    """Commit of the checkout (None where it is none), whether `CODE` differs from it, and the digest of `CODE`.

    The digest (SHA-256 over names and contents) tells two uncommitted states apart.
    """
    commit, dirty = None, None
    told = _git(repository, "rev-parse", "--show-toplevel", "HEAD")
    # A folder that merely lies inside another project's checkout has no commit of its own.
    if told and Path(told.splitlines()[0]).resolve() == repository.resolve():
        commit = told.splitlines()[1]
        changed = _git(repository, "status", "--porcelain", "--", *(c for c in CODE if (repository / c).exists()))
        dirty = None if changed is None else bool(changed)
    return {"commit": commit, "dirty": dirty, "code_sha256": _digest(repository)}


def _git(repository: Path, *command: str) -> str | None:
    """What git answers, or None where there is no git or no checkout."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *command],
            env=environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _digest(repository: Path) -> str:
    digest = hashlib.sha256()
    files = [p for c in CODE for p in sorted((repository / c).rglob("*") if (repository / c).is_dir() else [])]
    for path in [repository / "Snakefile", *files]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(repository).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
