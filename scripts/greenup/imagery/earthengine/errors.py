"""Errors of Earth Engine's client as ours: what may pass, what is not there, what the user has to mend."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ee
import httplib2
import requests as http
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from googleapiclient.errors import HttpError, InvalidJsonError

from greenup.errors import UserError
from greenup.imagery.base import PassingError, SceneMissing

LOGIN = (
    "run `earthengine authenticate` once, or `gcloud auth application-default login`, or set "
    "GOOGLE_APPLICATION_CREDENTIALS to a service account's key file; and set GREENUP_EE_PROJECT to a Google Cloud "
    "project that is registered for Earth Engine (https://code.earthengine.google.com/register)"
)
"""What to do without a valid login."""

# What reading an answer raises that is cut short or altered on the way: numpy's NPY reader, JSON, text.
DAMAGED = (ValueError, EOFError, SyntaxError, tokenize.TokenError, InvalidJsonError)
_UNREACHED = (TransportError, http.RequestException, httplib2.HttpLib2Error, TimeoutError, ConnectionError)
# Statuses of proxies and of the service that say nothing of the request itself.
_PASSING = (408, 425, 499)
_ASSET_MISSING = re.compile(r"[Aa]sset '([^']+)' (?:was )?not found")
_TOO_MUCH = re.compile(r"memory limit|request size|must be less than or equal to|[Tt]oo many (?:bands|pixels)")


class Refused(UserError):
    """The service refuses this very request, however often it is sent; a smaller one may be answered."""


class TookTooLong(PassingError):
    """No answer in time: a smaller request may be answered, and this one another time."""


@contextmanager
def translated(what: str, scene_ids: Sequence[str] = ()) -> Iterator[None]:
    """Translate what the body raises. ``scene_ids``: the scenes that are asked for.

    Raises `PassingError` (cause quota or error), `SceneMissing` when one of these scenes does not exist, `Refused` for
    what fails by its content, `UserError` for a login that is not valid or lacks permission.
    """
    try:
        yield
    except ee.EEException as error:
        text, code = str(error), status_of(error)
        if code == 429 or (code != 401 and re.search(r"quota|too many (?:concurrent|requests)|rate limit", text, re.I)):
            raise PassingError(f"{what}: {text}", "quota") from error
        if "timed out" in text.lower():
            raise TookTooLong(f"{what}: {text}") from error
        if code in _PASSING or (code or 0) >= 500:
            raise PassingError(f"{what}: {text} (status {code})") from error
        if code in (401, 403):
            raise UserError(f"Earth Engine: {what}: {text}", LOGIN) from error
        missing = _ASSET_MISSING.search(text)
        if missing and missing[1].rpartition("/")[2] in scene_ids:
            raise SceneMissing(f"{what}: {text}") from error
        raise Refused(f"Earth Engine: {what}: {text}", _mend(text)) from error
    except RefreshError as error:
        if error.retryable:
            raise PassingError(f"{what}: the login could not be renewed ({error})") from error
        raise UserError(f"Earth Engine: {what}: the login has expired ({error})", LOGIN) from error
    except http.ReadTimeout as error:
        raise TookTooLong(f"{what}: no answer in time ({error})") from error
    except _UNREACHED as error:
        raise PassingError(f"{what}: no answer ({error})") from error
    except HttpError as error:
        # Asking for the description of the interface, the client leaves errors as they are.
        status = int(error.resp.status)
        if status == 429 or status >= 500 or status in _PASSING:
            raise PassingError(f"{what}: {error}", "quota" if status == 429 else "error") from error
        raise UserError(f"Earth Engine: {what}: {error}", LOGIN) from error
    except GoogleAuthError as error:
        raise UserError(f"Earth Engine: {what}: the login is not valid ({error})", LOGIN) from error
    except DAMAGED as error:
        raise PassingError(f"{what}: the answer is damaged ({error})") from error


def computed(expression: ee.ComputedObject) -> object:
    """The value of an expression. ValueError for an answer that is no JSON, which the client takes for plain text."""
    try:
        return expression.getInfo()
    except (TypeError, KeyError) as error:
        raise ValueError("no JSON, or JSON without a result") from error


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error of the client, which keeps only its text."""
    cause = error.__cause__ or error.__context__
    return int(cause.resp.status) if isinstance(cause, HttpError) else None


def _mend(text: str) -> str:
    """What to do about an error that comes back however often it is tried."""
    if _TOO_MUCH.search(text):
        return "ask for less at once: a smaller patches.size_px or fewer patches.bands"
    if "Band pattern" in text or "did not match any bands" in text:
        return "leave the band out of patches.bands, or name a collection that has it"
    return "look at imagery.collection and at the message above"
