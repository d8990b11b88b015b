"""Logging in to Earth Engine once a process, and how its client's requests travel."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import ee
import google.auth
import google.auth.credentials
import httplib2
import requests as http

from greenup.errors import UserError
from greenup.imagery.base import PassingError
from greenup.imagery.earthengine.errors import LOGIN, status_of, translated
from greenup.imagery.patience import Patience, patiently
from greenup.imagery.slots import Slots

HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""The endpoint for many small requests at once."""

AT_ONCE = 40
"""Requests that the service answers at once for a project, by default; beyond them it answers 429."""

TIMEOUT_S = (15.0, 180.0)
"""To connect, and between two pieces of an answer. The client alone would wait for ever."""

_PIECE_BYTES = 1 << 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_lock = Lock()
_logged_in: tuple[str, ...] | None = None


class Transport:
    """Sends the client's requests (httplib2's interface) through one pool of connections for all threads."""

    def __init__(self, connections: int, timeout_s: tuple[float, float]) -> None:
        self._session, self._timeout = http.Session(), timeout_s
        # More threads than pooled connections would open a new one, with its handshake, for every request.
        pool = http.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        self._session.mount("https://", pool)
        self._session.mount("http://", pool)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        redirections: int | None = None,
        connection_type: object = None,
    ) -> tuple[httplib2.Response, bytes]:
        """One exchange; raises requests' own exceptions, for an answer cut short too."""
        with self._session.request(
            method, uri, data=body, headers=headers, timeout=self._timeout, stream=True
        ) as answer:
            # By itself requests would take an answer of megabytes in pieces of 10 kB.
            content = b"".join(answer.iter_content(_PIECE_BYTES))
        return httplib2.Response({**answer.headers, "status": answer.status_code}), content

    def close(self) -> None:
        self._session.close()


def initialise(patience: Patience | None = None) -> None:
    """Log in to Earth Engine once a process, and check the login with the server.

    Environment: GREENUP_EE_PROJECT, the Cloud project (a service account's own when unset);
    GOOGLE_APPLICATION_CREDENTIALS, a key file such as a service account's (else the login that
    `earthengine authenticate` keeps, else the machine's application default credentials); GREENUP_EE_URL, another
    endpoint; on the loopback it is talked to without credentials unless a key file is named (tests).

    Raises `UserError` with what to do when there is no valid login or no answer after some attempts.
    """
    global _logged_in
    url = os.environ.get("GREENUP_EE_URL") or HIGH_VOLUME
    key = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    project = os.environ.get("GREENUP_EE_PROJECT", "")
    with _lock:
        if _logged_in == (url, key, project):
            return
        # Attempts are counted and spaced here, by cause: the client would repeat them without saying so.
        ee.data.setMaxRetries(0)
        try:
            patiently(lambda: _log_in(url, key, project), patience or Patience(), "log in")
        except PassingError as error:
            raise UserError(
                f"Earth Engine: {url} does not answer: {error}", "check the network, then run again"
            ) from error
        _logged_in = (url, key, project)


def slots() -> Slots:
    """The requests that all jobs of this machine may have in flight for the endpoint and project in use.

    Environment: GREENUP_EE_AT_ONCE, for a project with another limit than `AT_ONCE`.
    """
    said = os.environ.get("GREENUP_EE_AT_ONCE", str(AT_ONCE))
    if not said.isdigit() or not int(said):
        raise UserError(f"GREENUP_EE_AT_ONCE: {said!r} is not a number of requests", f"write e.g. {AT_ONCE}")
    names = [os.environ.get(name, "") for name in ("GREENUP_EE_URL", "GREENUP_EE_PROJECT")]
    return Slots("earthengine " + " ".join(names), int(said))


def _log_in(url: str, key: str, project: str) -> None:
    with translated("log in"):
        try:
            is_test = urlsplit(url).hostname in _LOOPBACK
            ee.Initialize(
                credentials=_credentials(key, is_test),
                url=url,
                project=project or ("test" if is_test else None),
                http_transport=Transport(2 * AT_ONCE, TIMEOUT_S),
            )
        except ee.EEException as error:
            if status_of(error) in (None, 401, 403):
                raise UserError(f"Earth Engine: not logged in ({error})", LOGIN) from error
            raise


def _credentials(key: str, is_test: bool) -> object:
    if key:
        if not Path(key).is_file():
            raise UserError(f"GOOGLE_APPLICATION_CREDENTIALS: {key}: no such file", LOGIN)
        try:
            return google.auth.load_credentials_from_file(key, scopes=ee.oauth.SCOPES)[0]
        except (google.auth.exceptions.GoogleAuthError, ValueError) as error:
            raise UserError(f"GOOGLE_APPLICATION_CREDENTIALS: {key}: not a key ({error})", LOGIN) from error
    # The client's own look-up: the login it keeps, else application default credentials.
    return google.auth.credentials.AnonymousCredentials() if is_test else ee.data.get_persistent_credentials()
