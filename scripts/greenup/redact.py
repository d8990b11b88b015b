"""Texts without credentials: what is logged, raised, shown or kept passes through `redact`.

Known by their form: passwords in addresses, signatures and tokens behind the ? of a link, HTTP authorization, keys of
service accounts. Known by their value: environment variables whose names say that they are secret. Imports nothing
heavy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
"""What stands where a credential stood."""

_PARAMETER = (
    r"(?:[\w.-]*(?:signature|token|secret|passw(?:or)?d|credential|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|subscription[_-]key)|sig|key|auth|googleaccessid)"
)
"""Names of parameters of links that carry credentials: Azure's ``sig``, Amazon's and Google's ``X-...-Signature``."""

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ before a host, up to the last @ before the path: a password may hold one.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#'\"<>]+@", re.I), rf"\1{HIDDEN}@"),
    (re.compile(rf"([?&;]{_PARAMETER}=)[^&;\s'\"<>)\]}}]+", re.I), rf"\1{HIDDEN}"),
    (
        re.compile(r"(\bauthorization['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic|token|digest)\s+)?[^\s'\",}]+", re.I),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\b(?:bearer|basic)\s+)(?=[^\s'\",}]*[\d=._~+/-])[A-Za-z0-9._~+/=-]{16,}", re.I), rf"\1{HIDDEN}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), HIDDEN),
    (
        re.compile(
            r"(['\"](?:private_key(?:_id)?|client_secret|refresh_token|access_token|id_token|password)['\"]\s*:\s*)"
            r"(?:\"[^\"]*\"|'[^']*')"
        ),
        rf'\1"{HIDDEN}"',
    ),
)  # fmt: skip

_SECRET_NAME = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|USERPWD|BEARER|JWT|API_?KEY|ACCESS_?KEY|SUBSCRIPTION_KEY|PRIVATE_KEY"
    r"|SIGNATURE|CONNECTION_STRING",
    re.I,
)
_PLACE_NAME = re.compile(r"(?:FILE|PATH|DIR|URL|URI)$", re.I)
_SHORTEST = 8


def redact(text: object, environment: Mapping[str, str] | None = None) -> str:
    """A text with `HIDDEN` in place of every credential in it.

    ``environment``: variables whose values are hidden where their names say that they are secret; default: the
    process's own. Values shorter than 8 characters are words like any other and stay.
    """
    found = str(text)
    for form, instead in _FORMS:
        found = form.sub(instead, found)
    for value in _secrets(os.environ if environment is None else environment):
        found = found.replace(value, HIDDEN)
    return found


def has_credentials(text: str) -> bool:
    """Whether a text holds a credential by its form; what is in the environment plays no part."""
    return redact(text, {}) != text


def credentials_in(value: Any, path: str = "") -> Iterator[str]:
    """Paths (keys and positions parted by dots) of the texts in nested blocks and lists that hold credentials."""
    if isinstance(value, str):
        if has_credentials(value):
            yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from credentials_in(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from credentials_in(inner, f"{path}.{place}" if path else str(place))


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Values of secret variables, as they are and as they stand in links; the longest first, for one may hold
    another."""
    values = {
        form
        for name, value in environment.items()
        if len(value) >= _SHORTEST and _SECRET_NAME.search(name) and not _PLACE_NAME.search(name)
        for form in (value, quote(value, safe=""))
    }
    return sorted(values, key=len, reverse=True)
