"""Reading files over the network with GDAL: its settings, signed links, and what its errors mean."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests as http

from greenup.errors import UserError
from greenup.imagery.base import PassingError, SceneMissing
from greenup.imagery.pixels import Unreadable

_TOKEN_PAUSE_S = 1.0


def gdal_options(timeout_s: float) -> dict[str, str]:
    """GDAL's settings for windows of remote files."""
    return {
        # No listing of the folder beside a file, no request for a file that holds statistics.
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_PAM_ENABLED": "NO",
        "GDAL_HTTP_TIMEOUT": str(timeout_s),
        "GDAL_HTTP_CONNECTTIMEOUT": str(timeout_s),
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_HTTP_MULTIPLEX": "YES",
        # A link that failed once is tried anew, not remembered as missing: GDAL keeps no state between two reads.
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/",
        # Buckets where the reader pays (Sentinel-2 L1C); others ignore it.
        "AWS_REQUEST_PAYER": "requester",
    }


class Plain:
    """Links as they are, with the prefix by which GDAL reads ranges of them."""

    def __call__(self, href: str) -> str:
        if href.startswith("s3://"):
            return f"/vsis3/{href.removeprefix('s3://')}"
        return f"/vsicurl/{href}" if href.startswith(("http://", "https://")) else href

    def renew(self) -> bool:
        """Make links new after a refusal; False where that changes nothing."""
        return False


class PlanetaryComputer(Plain):
    """Links signed by the Planetary Computer's token service, one token a storage container, kept until it expires.

    Raises `UserError` when its package is not installed or the service wants a subscription key, `PassingError` when
    the service does not answer.
    """

    def __init__(self) -> None:
        try:
            from planetary_computer import sas
        except ImportError:
            raise UserError(
                "imagery.sign: 'planetary-computer' needs a package that is not installed",
                "pip install planetary-computer, or set sign: none for archives with open links",
            ) from None
        self._sas = sas

    def __call__(self, href: str) -> str:
        try:
            self._ask_for_token(href)
            return super().__call__(self._sas.sign_url(href))
        except http.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if code in (401, 403):
                raise UserError(
                    f"the Planetary Computer gives no token for {href} ({code})",
                    "set PC_SDK_SUBSCRIPTION_KEY in the environment: this collection needs an account",
                ) from error
            raise PassingError(f"no token for {href}: {error}") from error
        except (http.RequestException, ValueError) as error:
            cause = "quota" if "429" in str(error) else "error"
            raise PassingError(f"no token for {href}: {error}", cause) from error

    def _ask_for_token(self, href: str) -> None:
        """Have the token of a link's container in the package's cache: by itself it would try for a quarter hour."""
        link = urlsplit(href)
        if link.netloc.endswith(self._sas.BLOB_STORAGE_DOMAIN) and not link.query:
            self._sas.get_token(*self._sas.parse_blob_url(link), retry_total=2, retry_backoff_factor=_TOKEN_PAUSE_S)

    def renew(self) -> bool:
        """Forget all tokens: the next link asks for a new one."""
        self._sas.TOKEN_CACHE.clear()
        return True


def status_of(error: BaseException) -> int:
    """HTTP status in GDAL's words on a failed read, 0 where it was none."""
    found = re.search(r"(?:HTTP response code|HTTP error code)\D*(\d{3})", _words(error))
    return int(found[1]) if found else 0


def read_error(error: Unreadable) -> Exception:
    """What a failed read of a remote file means: `SceneMissing`, `UserError`, or `PassingError`."""
    code, text = status_of(error), _words(error)
    if code in (404, 410):
        return SceneMissing(f"{error}: a file that its item names does not exist ({code})")
    if code in (401, 403, 409) or "credentials" in text.lower():
        return UserError(
            f"{error}: reading was refused ({text})",
            "set imagery.sign: planetary-computer for links of the Planetary Computer, or give GDAL credentials "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3:// links)",
        )
    return PassingError(f"{error}: {text}", "quota" if code == 429 else "error")


def _words(error: BaseException | None) -> str:
    """The chain of causes, which holds GDAL's own words, without what follows the ? of a link: that may be a token."""
    words = []
    cause = error.__cause__ if isinstance(error, Unreadable) else error
    while cause is not None:
        words.append(re.sub(r"\?[^\s'\")]+", "?...", str(cause)))
        cause = cause.__cause__ or cause.__context__
    return "; ".join(dict.fromkeys(words))
