"""Where each figure and table comes from, as the report tells it: the records of `greenup.provenance` in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from greenup.errors import UserError
from greenup.files import read_json

_MOST = 12  # inputs named, of those that a part was made from

Row = tuple[str, list[str], bool]
"""What, its values, and whether they are code."""


def read_provenance(path: str | Path | None) -> dict[str, dict[str, Any]]:
    """Name of a figure or table -> what it was made by and of (see `greenup.provenance.Provenance.of`); empty without a
    file. Raises `UserError` for a file that is not such a record.
    """
    if path is None:
        return {}
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise UserError(f"{path}: is no table of provenance by name", "delete it and run again")
    return found


def provenance_rows(record: Mapping[str, Any] | None) -> list[Row]:
    """A record as rows in a fixed order, what it does not know as not recorded; no rows without a record."""
    if not record:
        return []
    inputs = [str(v) for v in record.get("inputs") or []]
    more = [f"and {len(inputs) - _MOST:,} more"] if len(inputs) > _MOST else []
    rows: list[Row] = [
        ("Rule", _values(record.get("rule")), True),
        ("Inputs", (inputs[:_MOST] + more) or ["not recorded"], True),
        ("Parameters", _values(record.get("params_digest")), True),
        ("Seed", _values(record.get("seed")), False),
        ("Commit of greenup", _commit(record), True),
        ("Versions", _versions(record.get("versions")), False),
        ("Made", _values(record.get("made")), False),
    ]
    if upstream := record.get("upstream"):
        rows.append(("Jobs behind it", [_upstream(upstream)], False))
    return rows


def _values(value: Any) -> list[str]:
    return ["not recorded"] if value is None else [str(value)]


def _commit(record: Mapping[str, Any]) -> list[str]:
    values = _values(record.get("commit"))
    if record.get("dirty"):
        values.append("with uncommitted changes")
    if record.get("code_sha256"):
        values.append(f"code: {record['code_sha256']}")
    return values


def _versions(versions: Mapping[str, str] | None) -> list[str]:
    return [", ".join(f"{name} {version}" for name, version in versions.items())] if versions else ["not recorded"]


def _upstream(upstream: Mapping[str, Any]) -> str:
    commits = upstream.get("commits") or []
    text = f"{upstream.get('jobs', 0):,}, of {len(commits)} commit{'' if len(commits) == 1 else 's'}"
    if commits:
        text += f" ({', '.join(c[:12] for c in commits)})"
    if unknown := upstream.get("unknown"):
        text += f"; of {unknown:,} no run is recorded"
    return text
