"""Why a job runs again, in words: parameters that changed, with what they were, and files."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_SHOWN = 4
_LONG = 48
_NOTHING = object()
_DIGEST = re.compile(r"[0-9a-f]{32}")


def changed_params(old: Iterable[str], new: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Which settings of a job changed, and from what to what; at most `_SHOWN`, and how many more.

    Snakemake remembers parameters as a set of Python literals without names. ``old``: those that are no more; ``new``:
    those that are new; ``names``: literal -> name of each parameter of the job as it is now. An old value is held
    against the new one that is most like it: blocks by the keys and values they share, others by their type. In blocks
    the keys that differ are named by their path (``model.method.epochs was 2, is 3``).
    """
    olds = [_value(text) for text in sorted(old)]
    told = []
    if any(names.get(text) == "code" for text in new):
        told.append("the code that makes it has changed")
        olds = [o for o in olds if not (isinstance(o, str) and _DIGEST.fullmatch(o))]
    for text in sorted(new, key=lambda t: names.get(t, "")):
        name, value = names.get(text, "a setting"), _value(text)
        if name == "code":
            continue
        before = _most_like(value, olds)
        if before is not _NOTHING:
            olds.remove(before)
        if before is _NOTHING:
            told.append(f"{name} is {_short(value)}, which is new")
        else:
            told += [
                f"{path} was {_short(was)}, is {_short(now)}" for path, was, now in _differences(before, value, name)
            ]
    told += [f"a setting that was {_short(value)} is no more" for value in olds]
    return told[:_SHOWN] + ([f"and {len(told) - _SHOWN} more settings"] if len(told) > _SHOWN else [])


def newer_inputs(files: Iterable[str]) -> str:
    """Which inputs have changed since."""
    return f"{_some(sorted(files))} changed since"


def changed_inputs(before: Iterable[str], now: Iterable[str]) -> str:
    """Which files a job reads that it did not read, and the other way round."""
    more, fewer = sorted(set(now) - set(before)), sorted(set(before) - set(now))
    parts = [f"reads now {_some(more)}"] if more else []
    parts += [f"reads no more {_some(fewer)}"] if fewer else []
    return ", ".join(parts)


def _value(text: str) -> Any:
    """A parameter from its literal; blocks that go to a command line are JSON in a string."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _most_like(value: Any, others: list[Any]) -> Any:
    """The one of ``others`` that ``value`` was before, as far as can be told."""
    alike = [o for o in others if type(o) is type(value)]
    if not alike or isinstance(value, str):
        # Two texts have nothing in common by which to tell which was which.
        return alike[0] if len(alike) == 1 else _NOTHING
    return max(alike, key=lambda o: _likeness(o, value))


def _likeness(one: Any, two: Any) -> float:
    if not (isinstance(one, dict) and isinstance(two, dict)):
        return float(one == two)
    first, second = dict(_flat(one, "")), dict(_flat(two, ""))
    keys = first.keys() | second.keys()
    same = sum(first.get(k, _NOTHING) == second.get(k, _NOTHING) for k in keys)
    return (same + 0.5 * len(first.keys() & second.keys())) / max(len(keys), 1)


def _differences(before: Any, now: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    one, two = dict(_flat(before, name)), dict(_flat(now, name))
    for path in dict.fromkeys([*two, *one]):
        if (was := one.get(path, _NOTHING)) != (is_ := two.get(path, _NOTHING)):
            yield path, was, is_


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _some(files: list[str]) -> str:
    shown = ", ".join(files[:_SHOWN])
    return f"{shown} and {len(files) - _SHOWN} more" if len(files) > _SHOWN else shown
