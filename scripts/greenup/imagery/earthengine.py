"""Google Earth Engine as an image source, through its Python client.

Searches go in batches of sites, one value:compute request each; pixels come by computePixels on the patch's own grid,
one request a native resolution. Limits of the service (its documentation): 48 MB and 32 768 pixels a side a pixel
request, 40 requests at once and 100 a second a project, else 429.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock

import ee
import google.auth.credentials
import httplib2
import numpy as np
import pandas as pd
import requests as http
from google.auth.exceptions import GoogleAuthError, TransportError
from googleapiclient.errors import HttpError
from pyproj import Transformer

from greenup.bands import bands_at, native_resolutions
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.candidates import Span, candidates_table, curves_table, merge_spans, spans

HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""The endpoint for many small requests at once."""

# Sites of one search request: four seasons over eight years are some 300 scenes a site, about 25 kB of answer.
_SITES_A_SEARCH = 25
_CLOUD = "CLOUDY_PIXEL_PERCENTAGE"
# Stands for masked pixels on the way here: no reflectance x 10 000 comes near it, and 0 is a dark pixel's value.
_MASKED = 65_535
_DEADLINE_MS = 180_000
_LOGIN = (
    "run `earthengine authenticate` once, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file; "
    "and set GREENUP_EE_PROJECT to a Google Cloud project that is registered for Earth Engine"
)
_ready = Lock()
_endpoint: str | None = None


def initialise() -> None:
    """Log in to Earth Engine once a process, and check the login with the server.

    Environment: GREENUP_EE_PROJECT, the Cloud project (a service account's own when unset);
    GOOGLE_APPLICATION_CREDENTIALS, a key file such as a service account's (else the login that
    `earthengine authenticate` keeps, or the machine's default credentials); GREENUP_EE_URL, another endpoint, which is
    talked to without credentials (tests).

    Raises `UserError` with what to do when there is no valid login, `PassingError` when the service does not answer.
    """
    global _endpoint
    url = os.environ.get("GREENUP_EE_URL", "")
    with _ready:
        if _endpoint == (url or HIGH_VOLUME):
            return
        project = os.environ.get("GREENUP_EE_PROJECT") or None
        with _errors("log in"):
            try:
                if url:
                    credentials = google.auth.credentials.AnonymousCredentials()
                    ee.Initialize(credentials=credentials, url=url, project=project or "test")
                else:
                    ee.Initialize(credentials=_credentials(), url=HIGH_VOLUME, project=project)
            except (ee.EEException, GoogleAuthError) as error:
                if _status(error) in (None, 401, 403) and not isinstance(error, TransportError):
                    raise UserError(f"Earth Engine: not logged in ({error})", _LOGIN) from error
                raise
            # The client waits for ever unless told otherwise.
            ee.data.setDeadline(_DEADLINE_MS)
        _endpoint = url or HIGH_VOLUME


def _credentials() -> object:
    key = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not key:
        return "persistent"
    if not Path(key).is_file():
        raise UserError(f"GOOGLE_APPLICATION_CREDENTIALS: {key}: no such file", _LOGIN)
    return google.auth.load_credentials_from_file(key, scopes=ee.oauth.SCOPES)[0]


class EarthEngineSource:
    """Scenes of one Sentinel-2 image collection of Earth Engine, harmonised (values without the +1000 offset).

    ``requests``: requests in flight at once. Scene ids are ``system:index``. Cloud cover is the tile's
    CLOUDY_PIXEL_PERCENTAGE. It has no EVI series of its own: dates come from MCD12Q2.
    """

    simulated = False
    attribution = "Contains modified Copernicus Sentinel data, via Google Earth Engine"

    def __init__(self, collection: str, *, requests: int = 20) -> None:
        if "HARMONIZED" not in collection:
            raise UserError(
                f"imagery.collection: {collection!r} is not harmonised: its values change by 1000 in January 2022",
                "write COPERNICUS/S2_SR_HARMONIZED",
            )
        initialise()
        self._collection, self.requests = collection, requests
        self._gate = BoundedSemaphore(requests)

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """Scenes whose footprint contains the whole patch inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = [(s, g) for s, g in zip(sites.itertuples(index=False), grids, strict=True) if s.site_id in wanted]
        batches = [rows[i : i + _SITES_A_SEARCH] for i in range(0, len(rows), _SITES_A_SEARCH)]
        found = []
        with ThreadPoolExecutor(self.requests) as pool:
            answers = pool.map(lambda b: self._list(b, wanted), batches)
            for batch, answer in zip(batches, answers, strict=True):
                for (site, _), scenes in zip(batch, answer, strict=True):
                    for scene_id, milliseconds, cloud in scenes:
                        time = pd.Timestamp(milliseconds, unit="ms", tz="UTC")
                        found += [
                            (site.site_id, season, scene_id, time, cloud, "tile")
                            for season, (first, after) in wanted[site.site_id]
                            if first <= time < after
                        ]
        return candidates_table(found)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of a scene, one request a native resolution; see `ImagerySource.read`."""
        image = ee.Image(f"{self._collection}/{scene_id}")
        values, valid = {}, {}
        for native_m in native_resolutions(bands):
            names = list(bands_at(bands, native_m))
            raw = self._pixels(image, scene_id, grid, native_m, names)
            stored = np.stack([raw[name] for name in names]).astype(np.uint16)
            has_data = (stored != _MASKED).all(axis=0)
            values[native_m] = np.where(has_data, stored, np.uint16(0))
            valid[native_m] = has_data
        return Pixels(values, valid)

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """Empty: Earth Engine's dates come from MCD12Q2, not from these images."""
        return curves_table([])

    def _list(self, batch: list[tuple], wanted: dict[str, list[tuple[str, Span]]]) -> list[list]:
        """For each site of a batch its scenes: system:index, time (ms since 1970), cloud (percent or None)."""
        collection = ee.ImageCollection(self._collection)
        lists = []
        for site, grid in batch:
            dates = [
                ee.Filter.date(a.isoformat(), b.isoformat()) for a, b in merge_spans(s for _, s in wanted[site.site_id])
            ]
            patch = _outline(grid)
            scenes = (
                collection.filterBounds(patch)
                .filter(ee.Filter.Or(*dates) if len(dates) > 1 else dates[0])
                .filter(ee.Filter.contains(leftField=".geo", rightValue=patch, maxError=1))
            )
            # One reducer for all three, so that they stay together; cloud, the last, may be missing.
            reducer = ee.Reducer.toList(tupleSize=3, numOptional=1)
            lists.append(scenes.reduceColumns(reducer, ["system:index", "system:time_start", _CLOUD]).get("list"))
        with self._gate, _errors(f"search in {self._collection}"):
            return ee.List(lists).getInfo()

    def _pixels(self, image: ee.Image, scene_id: str, grid: PatchGrid, native_m: int, names: list[str]) -> np.ndarray:
        """A structured array (n, n), one field a band, masked pixels as `_MASKED`."""
        chosen = image.select(names)
        # On the scene's own grid nothing is resampled; into another UTM zone bilinearly, as the other sources do.
        if _utm_zone(scene_id) not in (None, grid.epsg):
            chosen = chosen.resample("bilinear")
        n = grid.shape(native_m)
        affine = grid.transform(native_m)
        request = {
            "expression": chosen.unmask(_MASKED, False).toUint16(),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {
                "dimensions": {"width": n, "height": n},
                "affineTransform": {
                    "scaleX": affine.a,
                    "shearX": 0,
                    "translateX": affine.c,
                    "shearY": 0,
                    "scaleY": affine.e,
                    "translateY": affine.f,
                },
                "crsCode": f"EPSG:{grid.epsg}",
            },
        }
        with self._gate, _errors(scene_id, is_scene=True):
            return ee.data.computePixels(request)


def _outline(grid: PatchGrid) -> ee.Geometry:
    """The patch as a polygon in degrees: its edges, at most some km long, bend by less than a metre on the way."""
    west, south, east, north = grid.bounds()
    to_degrees = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    lon, lat = to_degrees.transform([west, east, east, west], [south, south, north, north])
    return ee.Geometry.Polygon([[[x, y] for x, y in zip(lon, lat, strict=True)]])


def _utm_zone(scene_id: str) -> int | None:
    """EPSG code of a scene's grid, from the MGRS tile at the end of its id (..._T31UDS); None for other ids."""
    tile = re.search(r"_T(\d{2})([C-X])[A-Z]{2}$", scene_id)
    return None if tile is None else (32600 if tile[2] >= "N" else 32700) + int(tile[1])


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error of the client, which keeps only its text."""
    cause = error.__cause__ or error.__context__
    return int(cause.resp.status) if isinstance(cause, HttpError) else None


@contextmanager
def _errors(what: str, *, is_scene: bool = False) -> Iterator[None]:
    """Errors of the client as ours: what may pass, a scene that is not there, and what the user has to mend."""
    try:
        yield
    except ee.EEException as error:
        text, code = str(error), _status(error)
        if code == 429 or "quota" in text.lower() or "too many" in text.lower():
            raise PassingError(f"{what}: {text}", "quota") from error
        if code in (408, 499) or (code or 0) >= 500 or "timed out" in text.lower():
            raise PassingError(f"{what}: {text}") from error
        if is_scene and ("not found" in text or "may not be null" in text or code == 404):
            raise SceneMissing(f"{what}: {text}") from error
        raise UserError(f"Earth Engine: {what}: {text}", _mend(text, code)) from error
    except (TransportError, http.RequestException, httplib2.HttpLib2Error, TimeoutError, ConnectionError) as error:
        raise PassingError(f"{what}: {error}") from error


def _mend(text: str, code: int | None) -> str:
    """What to do about an error that comes back however often it is tried."""
    if "memory limit" in text or "request size" in text:
        return "ask for less at once: a smaller patches.size_px or fewer patches.bands"
    if "Band pattern" in text or "did not match any bands" in text:
        return "leave the band out of patches.bands, or name a collection that has it"
    if code in (401, 403):
        return _LOGIN
    return "look at imagery.collection and at the message above"
