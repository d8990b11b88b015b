"""What the code of a cheap rule is, as one digest for its ``params:``: so that a changed figure is drawn again.

Snakemake compares the time stamp of a rule's script and looks at no module that it imports. Here the contents count:
the script, and of `greenup.paper`, which only presents what is there, every module that it imports directly or not,
with the templates and captions they read. Modules outside of it make results; those are versioned by ``recipe``.
Imports nothing heavy: every job plans anew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from greenup.places import REPOSITORY

PRESENTED = "greenup.paper"
"""The package whose modules count."""

_IMPORT = re.compile(
    rf"^[ \t]*(?:from|import) +({re.escape(PRESENTED)}(?:\.\w+)*)(?!\w)(?:\s+import\s+(\([^)]*\)|[^\n]*))?", re.M
)
_BESIDE = re.compile(r"[\w.-]+\.(?:j2|js|css)(?!\w)")


def code_digest(script: str | Path, repository: Path = REPOSITORY) -> str:
    """32 hexadecimal digits over names and contents of `code_files`."""
    return _digest(Path(script).name, repository)


@cache
def _digest(script: str, repository: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in code_files(script, repository):
        digest.update(path.relative_to(repository).as_posix().encode() + b"\0")
        digest.update(hashlib.blake2b(path.read_bytes(), digest_size=16).digest())
    return digest.hexdigest()


def code_files(script: str, repository: Path = REPOSITORY) -> list[Path]:
    """The entry ``scripts/<script>``, its caption where it has one, the modules of `PRESENTED` behind it, and the files
    of that package which one of them names (templates, scripts and styles of pages), in order of their paths."""
    package = repository.joinpath("scripts", *PRESENTED.split("."))
    found: set[Path] = set()
    waiting = [repository / "scripts" / script]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [package / name for name in _named(path) if (package / name).is_file()]
        if path.suffix == ".py":
            waiting += _imported(path, repository / "scripts")
    caption = repository / "rules" / "report" / f"{Path(script).stem}.rst"
    return sorted(found | ({caption} if caption.is_file() else set()))


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _named(path: Path) -> frozenset[str]:
    """Names of templates, scripts and styles in a text."""
    return frozenset(_BESIDE.findall(_text(path)))


@cache
def _imported(path: Path, library: Path) -> tuple[Path, ...]:
    """Files of the modules of `PRESENTED` that a module imports, wherever in it the import stands."""
    return tuple(file for name in imported_names(_text(path)) for file in _files(name, library))


def imported_names(source: str) -> list[str]:
    """The modules of `PRESENTED` that a Python source names in imports, and the names it takes from them: these may be
    modules themselves. Found by pattern: to parse a hundred modules takes a second."""
    names = []
    for module, taken in _IMPORT.findall(source):
        words = re.findall(r"(\w+)(?:\s+as\s+\w+)?", re.sub(r"#.*", "", taken))
        names += [module, *(f"{module}.{word}" for word in words)]
    return names


def _files(name: str, library: Path) -> Iterator[Path]:
    if name != PRESENTED and not name.startswith(f"{PRESENTED}."):
        return
    place = library.joinpath(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            yield file
