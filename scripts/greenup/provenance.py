"""Where every figure and table comes from: rule, inputs, parameters, seed, packages, commit, time, and the command that
makes it again.

Two records are read, both kept as things are made: Snakemake's own of each file (``.snakemake/metadata``: rule, inputs
with their checksums, parameters, times) and the journal of runs (`greenup.runs`: commit and packages). What neither
knows is null, never what happens to be installed or checked out now.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from shlex import join
from typing import Any

import pandas as pd

from greenup.places import portable
from greenup.row_sources import SOURCE_COLUMNS, row_sources
from greenup.runs import read_runs, run_of

METADATA = Path(".snakemake", "metadata")
_NAME_MAX = 255
_HASHED = 1_000_000

INPUT_COLUMNS = ("name", "input", "made_by", "made", "commit", "sha256", "bytes")
"""Columns of the table of inputs."""


def read_record(path: str, metadata: Path = METADATA) -> dict[str, Any]:
    """Snakemake's record of a file that it made; empty where it has none (``--drop-metadata``, a database in place of
    files, or a file that no rule made).

    Snakemake names a record by the path in URL-safe Base64, cut into folders that begin with @ where it is longer than
    a file name may be.
    """
    name = urlsafe_b64encode(path.encode()).decode()
    cut = _NAME_MAX - 1
    parts = [name[i : i + cut] for i in range(0, len(name), cut)]
    record = metadata.joinpath(*("@" + p for p in parts[:-1]), parts[-1])
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}


def rerun_command(name: str, rule: str | None, configfile: str) -> str:
    """The command, typed where the checkout is, that makes a figure or table again though it is up to date."""
    forced = ["--forcerun", rule] if rule else []
    return join(["snakemake", name, *forced, "--configfile", configfile, "--cores", "1"])


class Provenance:
    """What is known of the files of one study.

    ``root``: results/<study>; ``metadata``: Snakemake's records; ``seed``, ``configfile``: of the study.
    """

    def __init__(self, root: str | Path, seed: int, configfile: str, metadata: Path = METADATA) -> None:
        self.seed, self.configfile, self.metadata = seed, portable(configfile), metadata
        self.runs = read_runs(root)
        self._records: dict[str, dict[str, Any]] = {}

    def record(self, path: str) -> dict[str, Any]:
        """`read_record`, each file once."""
        if path not in self._records:
            self._records[path] = read_record(path, self.metadata)
        return self._records[path]

    def of(self, name: str, path: str) -> dict[str, Any]:
        """Provenance of the figure or table ``name`` at ``path``.

        Keys: file, rule, inputs (paths, the direct ones), params_digest (SHA-256 of what Snakemake compares, or null),
        seed (of the study; models may have their own), versions, commit (of greenup, with "-dirty" behind it where
        files were changed since), code_sha256, made (UTC, ISO 8601), upstream (see `upstream`), log, and command.
        """
        record = self.record(path)
        run = run_of(self.runs, record.get("starttime"))
        return {
            "file": portable(path),
            "rule": record.get("rule"),
            "inputs": [portable(p) for p in record.get("input") or []],
            "params_digest": _digest(record["params"]) if record.get("params") is not None else None,
            "seed": self.seed,
            "versions": _versions(run, record),
            "commit": _commit(run),
            "code_sha256": run and run["code_sha256"],
            "made": _time(record.get("endtime")),
            "upstream": self.upstream(path),
            "log": [portable(p) for p in record.get("log") or []],
            "command": rerun_command(name, record.get("rule"), self.configfile),
        }

    def upstream(self, path: str) -> dict[str, Any]:
        """The jobs that a file is made of, back to files that no rule made: how many, of which commits, and how many
        of them no run is noted of. A job is counted once, whatever it wrote."""
        jobs: dict[tuple[str | None, float | None], str | None] = {}
        waiting, seen = [path], set()
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            record = self.record(at)
            if not record:
                continue
            run = run_of(self.runs, record.get("starttime"))
            jobs[record.get("rule"), record.get("endtime")] = _commit(run)
            waiting += record.get("input") or []
        commits = sorted({c for c in jobs.values() if c is not None})
        return {"jobs": len(jobs), "commits": commits, "unknown": sum(c is None for c in jobs.values())}

    def inputs(self, files: Mapping[str, str]) -> pd.DataFrame:
        """Columns `INPUT_COLUMNS`, a row for each direct input of each file of ``files`` (name -> path).

        ``sha256``: of what the job read, empty for files over 1 MB, folders, and files that were changed since: for
        these ``bytes`` (the size now, none of folders) and ``made`` must do.
        """
        rows = []
        for name, path in files.items():
            used = self.record(path)
            for source in used.get("input") or []:
                record = self.record(source)
                size = Path(source).stat().st_size if Path(source).is_file() else None
                made, commit = _time(record.get("endtime")), _commit(run_of(self.runs, record.get("starttime")))
                rows.append((name, portable(source), record.get("rule"), made, commit, _checksum(source, used), size))
        return pd.DataFrame(rows, columns=list(INPUT_COLUMNS)).astype({"bytes": "Int64"})

    def sources(self, tables: Mapping[str, str], together: Mapping[str, str] | None = None) -> pd.DataFrame:
        """The files behind each row of each table of ``tables`` (name -> CSV): see `greenup.row_sources`. They are
        looked for among what the table was made of and, for comparisons, what that was made of."""
        found = [pd.DataFrame(columns=list(SOURCE_COLUMNS))]
        for name, path in tables.items():
            direct = self.record(path).get("input") or []
            behind = {p for source in direct for p in self.record(source).get("input") or []}
            table = pd.read_csv(path, dtype=str)
            found.append(row_sources(name, table, map(portable, {*direct, *behind}), together))
        return pd.concat(found, ignore_index=True)


def _checksum(source: str, used: Mapping[str, Any]) -> str:
    """SHA-256 of a file as the job of the record ``used`` read it: as Snakemake took it, which it does of small files
    that rules made; of other small ones as it is now, where it is older than the job."""
    taken = str((used.get("input_checksums") or {}).get(source) or "")
    if taken.startswith("sha256:"):
        return taken.removeprefix("sha256:")
    path = Path(source)
    if not path.is_file() or (stat := path.stat()).st_size > _HASHED or stat.st_mtime > used.get("starttime", 0):
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit(run: dict[str, Any] | None) -> str | None:
    if run is None or run["commit"] is None:
        return None
    return run["commit"] + ("-dirty" if run["dirty"] else "")


def _versions(run: dict[str, Any] | None, record: dict[str, Any]) -> dict[str, str]:
    """Versions of the packages that a job used: those of Snakemake's own environment, unless another was deployed, of
    which the digest of its definition is all that is recorded."""
    if run is None:
        return {}
    if not run["deployment"]:
        return run["versions"]
    definition = record.get("conda_env") or record.get("container_img_url") or ""
    return {"snakemake": run["versions"]["snakemake"], "environment": _digest(definition)}


def _digest(value: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
