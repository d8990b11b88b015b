"""A STAC API with Cloud-Optimized GeoTIFFs as an image source: Planetary Computer, Earth Search, any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Literal

import pandas as pd
import pystac
import pystac_client
import rasterio
import rasterio.errors
import requests as http
import shapely
from pystac_client.exceptions import APIError

from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.candidates import Span, candidates_table, curves_table, merge_spans, spans
from greenup.imagery.items import Scene, read_item
from greenup.imagery.pixels import covers, evi_series, read_pixels

# Sites of one search request. Shards are in spatial order, so that these lie near one another and share scenes.
_SITES_A_SEARCH = 50
_ITEMS_A_PAGE = 250
# Intervals that lie no further apart than this (days) are searched together.
_GAP_DAYS = 10
_TIMEOUT_S = 60

_GDAL = {
    # No listing of the folder beside a file, no request for a file that holds statistics.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_HTTP_TIMEOUT": str(_TIMEOUT_S),
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    # A link that failed once is tried anew, not remembered as missing: GDAL keeps no state between two reads.
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/",
}


class StacSource:
    """Scenes of one collection of a STAC API.

    ``url``: landing page of the API. ``sign``: how links are signed before they are read. ``requests``: requests in
    flight at once. Cloud cover is the item's ``eo:cloud_cover``. Offsets of processing baseline 04.00 are removed by
    the items' metadata (`greenup.imagery.items.scale_and_offset`).

    Raises `UserError` if the API has no such collection, `PassingError` if it does not answer.
    """

    simulated = False

    def __init__(
        self, url: str, collection: str, *, sign: Literal["none", "planetary-computer"] = "none", requests: int = 20
    ) -> None:
        self._url, self._collection, self.requests = url, collection, requests
        self._gate = BoundedSemaphore(requests)
        self._opener = _opener(sign)
        with _passing(url):
            self._client = pystac_client.Client.open(url, timeout=_TIMEOUT_S)
            found = self._client.get_collection(collection)
        if found is None:
            raise UserError(
                f"imagery.collection: {url} has no collection {collection!r}", f"choose one of {url}/collections"
            )
        self._items = found
        notice = found.extra_fields.get("attribution") or "Contains modified Copernicus Sentinel data"
        self.attribution = f"{notice}, via {url}"
        self._scene = lru_cache(maxsize=10_000)(self._fetch)

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """Scenes whose footprint covers the whole patch inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = [(s, g) for s, g in zip(sites.itertuples(index=False), grids, strict=True) if s.site_id in wanted]
        groups = [rows[i : i + _SITES_A_SEARCH] for i in range(0, len(rows), _SITES_A_SEARCH)]
        queries = [
            (group, span)
            for group in groups
            for span in merge_spans((s for site, _ in group for _, s in wanted[site.site_id]), _GAP_DAYS)
        ]
        found = []
        with ThreadPoolExecutor(self.requests) as pool:
            results = pool.map(lambda q: self._query([(s.lon, s.lat) for s, _ in q[0]], q[1]), queries)
            for (group, _), scenes in zip(queries, results, strict=True):
                for scene in scenes:
                    for site, grid in group:
                        seasons = [n for n, (a, b) in wanted[site.site_id] if a <= scene.time < b]
                        if seasons and covers(scene.footprint, grid):
                            found += [
                                (site.site_id, n, scene.scene_id, scene.time, scene.cloud, self._cloud_of(scene))
                                for n in seasons
                            ]
        return candidates_table(found)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of a scene, by ranges of its files; see `ImagerySource.read`."""
        scene = self._scene(scene_id)
        with self._reading(scene_id):
            return read_pixels(scene, grid, bands, self._opener)

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """EVI of every scene at these sites: many small reads, meant for a few sites. See `ImagerySource.curves`."""
        span = (pd.Timestamp(f"{years[0]}-01-01", tz="UTC"), pd.Timestamp(f"{years[1] + 1}-01-01", tz="UTC"))
        rows = []
        with ThreadPoolExecutor(self.requests) as pool:
            for site in sites.itertuples(index=False):
                point = shapely.Point(site.lon, site.lat)
                scenes = [s for s in self._query([(site.lon, site.lat)], span) if s.footprint.covers(point)]

                def series(scene: Scene, site=site) -> list[tuple]:
                    with self._reading(scene.scene_id):
                        return evi_series(site.site_id, site.lon, site.lat, [scene], self._opener)

                rows += [row for part in pool.map(series, scenes) for row in part]
        return curves_table(rows)

    def _query(self, points: list[tuple[float, float]], span: Span) -> list[Scene]:
        """All items of the collection that show any of these points in a span, page by page."""
        with self._gate, _passing(self._url):
            # STAC intervals include their end; scenes of the very end are left out again by the caller.
            search = self._client.search(
                collections=[self._collection],
                intersects={"type": "MultiPoint", "coordinates": [list(p) for p in points]},
                datetime=f"{span[0]:%Y-%m-%dT%H:%M:%SZ}/{span[1]:%Y-%m-%dT%H:%M:%SZ}",
                limit=_ITEMS_A_PAGE,
            )
            items = list(search.items())
        return [self._read_item(item) for item in items]

    def _fetch(self, scene_id: str) -> Scene:
        with self._gate, _passing(self._url):
            item = self._items.get_item(scene_id)
        if item is None:
            raise SceneMissing(f"{scene_id} is not in {self._collection} of {self._url}")
        return self._read_item(item)

    def _read_item(self, item: pystac.Item) -> Scene:
        item.make_asset_hrefs_absolute()
        return read_item(item, self._url)

    @staticmethod
    def _cloud_of(scene: Scene) -> str:
        return "tile_estimate" if scene.is_estimate else "tile"

    @contextmanager
    def _reading(self, scene_id: str) -> Iterator[None]:
        """Read files with GDAL set up for the network; its errors as ours."""
        try:
            with self._gate, rasterio.Env(**_GDAL):
                yield
        except rasterio.errors.RasterioError as error:
            raise _gdal_error(scene_id, error) from error


def _gdal_error(scene_id: str, error: Exception) -> Exception:
    """What a failed read means: the chain of causes holds GDAL's own words."""
    words, cause = [], error
    while cause is not None:
        words.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    text = "; ".join(dict.fromkeys(words))
    status = re.search(r"(?:HTTP response code|HTTP error code)\D*(\d{3})", text)
    code = int(status[1]) if status else 0
    if code in (404, 410):
        return SceneMissing(f"{scene_id}: a file that its item names does not exist ({text})")
    if code in (401, 403, 409):
        return UserError(
            f"{scene_id}: reading was refused ({text})",
            "set imagery.sign: planetary-computer for links of the Planetary Computer, or give GDAL credentials",
        )
    return PassingError(f"{scene_id}: {text}", "quota" if code == 429 else "error")


@contextmanager
def _passing(url: str) -> Iterator[None]:
    """Errors of the API as ours: what may pass, and what the user has to mend."""
    try:
        yield
    except APIError as error:
        # A connection that failed altogether comes without a status.
        code = getattr(error, "status_code", None)
        if code == 429:
            raise PassingError(f"{url}: {error}", "quota") from error
        if code is None or code >= 500 or code == 408:
            raise PassingError(f"{url}: {error}") from error
        raise UserError(f"imagery.url: {url} refused the request ({code}: {error})", "check url and access") from error
    except http.RequestException as error:
        raise PassingError(f"{url}: {error}") from error
    except pystac.STACError as error:
        raise UserError(f"imagery.url: {url} is no STAC API ({error})", "give the API's landing page") from error


def _opener(sign: str) -> Callable[[str], str]:
    """A link made ready for GDAL: signed if asked for, with /vsicurl before http links."""
    if sign == "none":
        return _vsicurl
    try:
        import planetary_computer
    except ImportError:
        raise UserError(
            "imagery.sign: 'planetary-computer' needs a package that is not installed",
            "pip install planetary-computer, or leave sign: none for other archives",
        ) from None
    # The package asks the public endpoint for a token a storage container and keeps it until shortly before its end.
    return lambda href: _vsicurl(planetary_computer.sign_url(href))


def _vsicurl(href: str) -> str:
    return f"/vsicurl/{href}" if href.startswith(("http://", "https://")) else href
