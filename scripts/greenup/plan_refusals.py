"""Errors of planning that a user can mend, told without Snakemake's traceback. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from greenup.errors import UserError


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """An input function whose `UserError` ends planning with its message and exit status 1.

    Snakemake wraps every exception of an input function in a report of its own, with a traceback; `SystemExit` alone
    passes through. Nothing has been started by then, and Snakemake gives back its lock.
    """

    @wraps(function)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise SystemExit(f"error: {error}") from None

    return telling


def refusal(name: str, study: str, lacks: str) -> Callable[..., Any]:
    """The input function of a figure or table that a study does not make.

    ``lacks``: what its study file would need for it, key first.
    """

    def refuse(_wildcards: object) -> list[str]:
        raise UserError(f"{name}: study {study!r} does not make it", f"it needs {lacks}")

    return told(refuse)
