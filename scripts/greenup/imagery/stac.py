"""A STAC API with Cloud-Optimized GeoTIFFs as an image source: Planetary Computer, Earth Search, any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any, Literal, TypeVar

import pandas as pd
import pystac
import pystac_client
import rasterio
import requests as http
import shapely
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.candidates import Span, candidates_table, curves_table, merge_spans, spans
from greenup.imagery.items import Scene, read_item
from greenup.imagery.notes import Notes
from greenup.imagery.offsets import Silent
from greenup.imagery.patience import Patience, patiently
from greenup.imagery.pixels import Unreadable, cloud_of, cloud_over, covers, evi_series, read_pixels
from greenup.imagery.presets import endpoint, signing
from greenup.imagery.remote import Plain, PlanetaryComputer, gdal_options, read_error, status_of

# Sites of one search request. Shards are in spatial order, so that these lie near one another and share scenes.
_SITES_A_SEARCH = 50
_ITEMS_A_PAGE = 250
# Intervals that lie no further apart than this (days) are searched together.
_GAP_DAYS = 10

_NO_STAC = (pystac.STACError, pystac.STACTypeError, ClientTypeError)

T = TypeVar("T")


class StacSource:
    """Scenes of one collection of a STAC API.

    ``url``: landing page of the API, or the name of a preset (`greenup.imagery.presets`). ``collection``: None for the
    product's usual one. ``sign``: how links are signed before they are read; *auto* by the address. ``product``: what
    the bands are. ``offset``: see `greenup.imagery.offsets`. ``requests``: requests in flight at once. ``timeout_s``:
    of each. Cloud cover is the item's ``eo:cloud_cover``; `patch_cloud` measures it over a patch.

    What passes by itself (429, 5xx, no answer, broken answers) is tried a few times, in `read` and `patch_cloud` by
    their callers, else here by ``patience``, and then raised as `PassingError`; an answer that is not understood never
    counts as "no scene". Raises `UserError` if the API has no such collection.
    """

    simulated = False

    def __init__(
        self,
        url: str,
        collection: str | None = None,
        *,
        sign: Literal["auto", "none", "planetary-computer"] = "auto",
        product: str = "s2_l2a",
        offset: Silent = "metadata",
        requests: int = 20,
        timeout_s: float = 60.0,
        patience: Patience | None = None,
    ) -> None:
        self._patience = patience or Patience(pause_s=1.0)
        self._url, self._collection = endpoint(url, collection, product)
        self._product, self._silent, self.requests = product, offset, requests
        self.measures_patch_cloud = product == "s2_l2a"
        self._gate = BoundedSemaphore(requests)
        self._opener = PlanetaryComputer() if signing(sign, self._url) == "planetary-computer" else Plain()
        self._gdal = gdal_options(timeout_s)
        self._notes = Notes()

        def connect() -> pystac.Collection | None:
            with _answers(self._url, opening=True):
                # Broken connections are made anew once at once; all else is left to `patiently`.
                requester = _CheckedIO(max_retries=1)
                self._client = pystac_client.Client.open(self._url, stac_io=requester, timeout=timeout_s)
                return self._client.get_collection(self._collection)

        found = patiently(connect, self._patience, self._url)
        if found is None:
            raise UserError(
                f"imagery.collection: {self._url} has no collection {self._collection!r}",
                f"choose one of {self._url}/collections",
            )
        self._items = found
        notice = found.extra_fields.get("attribution") or "Contains modified Copernicus Sentinel data"
        self.attribution = f"{notice}, via {self._url}"
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
                                (site.site_id, n, scene.scene_id, scene.time, scene.cloud, cloud_of(scene))
                                for n in seasons
                            ]
        return candidates_table(found)

    def patch_cloud(self, scene_id: str, grid: PatchGrid) -> float | None:
        """Cloud cover (percent) over a patch by the scene classification, None for a scene without one.

        Raises `PassingError` or `SceneMissing`, as `read`.
        """
        scene = self._scene(scene_id)
        return self._reading(lambda: cloud_over(scene, grid, self._opener))

    def orbit(self, scene_id: str) -> str | None:
        """The direction of the orbit of a radar scene: ascending or descending; None where the item says nothing."""
        return patiently(lambda: self._scene(scene_id).orbit, self._patience, scene_id)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of a scene, by ranges of its files; see `ImagerySource.read`."""
        scene = self._scene(scene_id)
        return self._reading(lambda: read_pixels(scene, grid, bands, self._opener, self._notes))

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """EVI of every scene at these sites: many small reads, meant for a few sites. See `ImagerySource.curves`.

        Of surface reflectance alone: other products have none.
        """
        if self._product != "s2_l2a":
            return curves_table([])
        span = (pd.Timestamp(f"{years[0]}-01-01", tz="UTC"), pd.Timestamp(f"{years[1] + 1}-01-01", tz="UTC"))
        rows = []
        with ThreadPoolExecutor(self.requests) as pool:
            for site in sites.itertuples(index=False):
                point = shapely.Point(site.lon, site.lat)
                scenes = [s for s in self._query([(site.lon, site.lat)], span) if s.footprint.covers(point)]

                def series(scene: Scene, site=site) -> list[tuple]:
                    def read() -> list[tuple]:
                        return evi_series(site.site_id, site.lon, site.lat, [scene], self._opener, self._notes)

                    return patiently(lambda: self._reading(read), self._patience, scene.scene_id)

                rows += [row for part in pool.map(series, scenes) for row in part]
        return curves_table(rows)

    def _query(self, points: list[tuple[float, float]], span: Span) -> list[Scene]:
        """All items of the collection that show any of these points in a span, page by page."""

        def ask() -> list[pystac.Item]:
            with self._gate, _answers(self._url):
                # STAC intervals include their end; scenes of the very end are left out again by the caller.
                search = self._client.search(
                    collections=[self._collection],
                    intersects={"type": "MultiPoint", "coordinates": [list(p) for p in points]},
                    datetime=f"{span[0]:%Y-%m-%dT%H:%M:%SZ}/{span[1]:%Y-%m-%dT%H:%M:%SZ}",
                    limit=_ITEMS_A_PAGE,
                )
                return list(search.items())

        return [self._read_item(item) for item in patiently(ask, self._patience, points[0], span[0])]

    def _fetch(self, scene_id: str) -> Scene:
        with self._gate, _answers(self._url):
            item = self._items.get_item(scene_id)
        if item is None:
            raise SceneMissing(f"{scene_id} is not in {self._collection} of {self._url}")
        return self._read_item(item)

    def _read_item(self, item: pystac.Item) -> Scene:
        item.make_asset_hrefs_absolute()
        return read_item(item, self._url, self._silent)

    def _reading(self, read: Callable[[], T]) -> T:
        """Read files with GDAL set up for the network; its errors as ours. A refused link is signed anew, once."""
        with self._gate, rasterio.Env(**self._gdal):
            try:
                return read()
            except Unreadable as error:
                if status_of(error) not in (401, 403) or not self._opener.renew():
                    raise read_error(error) from error
            try:
                return read()
            except Unreadable as error:
                raise read_error(error) from error


class _CheckedIO(StacApiIO):
    """pystac-client's requests, but a page that is no page is an error: it takes one without features for the last."""

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        link: str | pystac.Link | None = url
        while link is not None:
            page = self.read_json(link, method=method, parameters=parameters) if link is url else self.read_json(
                link, parameters=parameters
            )  # fmt: skip
            features = page.get("features", page.get("collections")) if isinstance(page, dict) else None
            if not isinstance(features, list):
                raise PassingError(f"{url}: answered with something that is no page of items: {str(page)[:200]}")
            if not features:
                return
            ids = {str(f.get("id")) for f in features}
            if ids <= seen:
                raise PassingError(f"{url}: the pages repeat themselves")
            seen |= ids
            yield page
            following = next((x for x in page.get("links", []) if x["rel"] == "next"), None)
            link = None if following is None else pystac.Link.from_dict(following)


@contextmanager
def _answers(url: str, *, opening: bool = False) -> Iterator[None]:
    """Errors of the API as ours: what may pass, and what the user has to mend. ``opening``: at the landing page."""
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
    except (*_NO_STAC, ValueError, KeyError, TypeError, AttributeError) as error:
        if opening:
            raise UserError(f"imagery.url: {url} is no STAC API ({error})", "give the API's landing page") from error
        raise PassingError(f"{url}: answered with something that is no STAC ({error!r})") from error
