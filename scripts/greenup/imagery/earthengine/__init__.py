"""Google Earth Engine as an image source, through its Python client.

Searches go in batches of sites; all seasons of a site come by one pixel request. Limits of the service (its
documentation): 48 MB, 32 768 pixels a side and 1 024 bands a pixel request; 40 requests at once and 100 a second a
project, else 429.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore

import ee
import numpy as np
import pandas as pd

from greenup.bands import bands_at, native_resolutions
from greenup.grids import PatchGrid
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.candidates import Span, candidates_table, curves_table, spans
from greenup.imagery.earthengine import pixels as px
from greenup.imagery.earthengine.errors import Refused, TookTooLong, computed, translated
from greenup.imagery.earthengine.login import initialise, slots
from greenup.imagery.earthengine.products import check_product_bands, product
from greenup.imagery.earthengine.search import SITES_A_SEARCH, scene_lists
from greenup.imagery.patience import Patience, patiently
from greenup.imagery.pixels import SCL_CLOUD

log = logging.getLogger(__name__)


class EarthEngineSource:
    """Scenes of one product: Sentinel-2 L2A or L1C, harmonised (values without the +1000 offset), or Sentinel-1 GRD.

    ``collection``: another image collection than the product's own. ``requests``: requests in flight at once; all jobs
    of a machine together have at most the project's number (`login.slots`). ``patience``: with a search; who reads
    pixels has its own. Scene ids are ``system:index``. Cloud cover is the tile's CLOUDY_PIXEL_PERCENTAGE; a radar sees
    through clouds, so Sentinel-1 has 0, and a column ``orbit`` (ascending, descending). Values are as `greenup.bands`
    says. It has no EVI series of its own: dates come from MCD12Q2.

    Raises `UserError` when there is no valid login, for an unknown product, and for a collection that is not
    harmonised.
    """

    simulated = False

    def __init__(
        self, name: str, collection: str | None = None, requests: int = 20, *, patience: Patience | None = None
    ) -> None:
        self._product, self._collection = product(name, collection)
        self.attribution, self.requests = self._product.attribution, requests
        self._patience = patience or Patience()
        self.measures_patch_cloud = name == "s2_l2a"
        initialise(self._patience)
        self._gate, self._slots = BoundedSemaphore(requests), slots()

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """Scenes whose footprint contains the whole patch inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = [(s, g) for s, g in zip(sites.itertuples(index=False), grids, strict=True) if s.site_id in wanted]
        batches = [rows[i : i + SITES_A_SEARCH] for i in range(0, len(rows), SITES_A_SEARCH)]
        found, orbits = [], {}
        with ThreadPoolExecutor(self.requests) as pool:
            answers = pool.map(
                lambda batch: self._list([(g, [s for _, s in wanted[site.site_id]]) for site, g in batch]), batches
            )
            for batch, answer in zip(batches, answers, strict=True):
                for (site, _), scenes in zip(batch, answer, strict=True):
                    for scene_id, milliseconds, searched in scenes:
                        time = pd.Timestamp(milliseconds, unit="ms", tz="UTC")
                        if self._product.is_radar:
                            orbits[scene_id] = None if searched is None else searched.lower()
                        cloud = 0.0 if self._product.is_radar else searched
                        found += [
                            (site.site_id, season, scene_id, time, cloud, "tile")
                            for season, (first, after) in wanted[site.site_id]
                            if first <= time < after
                        ]
        table = candidates_table(found)
        return table.assign(orbit=table["scene_id"].map(orbits)) if self._product.is_radar else table

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of one scene; see `ImagerySource.read`."""
        check_product_bands(self._product, bands)
        if px.scenes_a_request(grid, bands):
            return self._ask([scene_id], grid, bands)[0]
        # Too large for one grid: each native resolution by itself, unrepeated.
        parts = [self._ask([scene_id], grid, bands_at(bands, m))[0] for m in native_resolutions(bands)]
        return Pixels(
            {m: v for part in parts for m, v in part.values.items()},
            {m: v for part in parts for m, v in part.valid.items()},
        )

    def read_many(
        self, scene_ids: Sequence[str], grid: PatchGrid, bands: tuple[str, ...]
    ) -> list[Pixels | PassingError | SceneMissing | Refused]:
        """Pixels of several scenes on one grid, by as few requests as the service's limits allow.

        A failure stands in the place of its scene. Where a request fails by its content, each of its scenes is asked
        for alone, so that one bad scene costs the others nothing. Raises `UserError` when nothing can be had at all:
        no permission, a band that the product has not.
        """
        check_product_bands(self._product, bands)
        size = max(1, px.scenes_a_request(grid, bands))
        found: list[Pixels | PassingError | SceneMissing | Refused] = []
        for first in range(0, len(scene_ids), size):
            some = list(scene_ids[first : first + size])
            if len(some) > 1:
                try:
                    found += self._ask(some, grid, bands)
                    continue
                except (SceneMissing, Refused, TookTooLong) as error:
                    log.info("%d scenes in one request: %s; one by one", len(some), error)
                except PassingError as error:
                    found += [error] * len(some)
                    continue
            found += self._one_by_one(some, grid, bands)
        return found

    def _one_by_one(
        self, scene_ids: list[str], grid: PatchGrid, bands: tuple[str, ...]
    ) -> list[Pixels | PassingError | SceneMissing | Refused]:
        found: list[Pixels | PassingError | SceneMissing | Refused] = []
        for scene_id in scene_ids:
            try:
                found.append(self.read(scene_id, grid, bands))
            except (SceneMissing, Refused) as error:
                found.append(error)
            except PassingError as error:
                found.append(error)
                if isinstance(error, TookTooLong):
                    # Even one is too much for the service now: the others would only wait as long again.
                    return found + [error] * (len(scene_ids) - len(found))
        return found

    def patch_cloud(self, scene_id: str, grid: PatchGrid) -> float | None:
        """Cloud cover over a patch (percent): share of its 20 m pixels that the scene classification calls cloud,
        shadow, cirrus or no data. One request. Raises like `read`."""
        classes = self.read(scene_id, grid, ("SCL",)).values[20][0]
        return 100.0 * float(np.isin(classes, SCL_CLOUD).mean())

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """Empty: Earth Engine's dates come from MCD12Q2, not from these images."""
        return curves_table([])

    def _ask(self, scene_ids: list[str], grid: PatchGrid, bands: tuple[str, ...]) -> list[Pixels]:
        """One pixel request."""
        parameters = px.request(self._product, self._collection, scene_ids, grid, bands)
        what = scene_ids[0] if len(scene_ids) == 1 else f"{scene_ids[0]} and {len(scene_ids) - 1} more"
        with self._turn(), translated(what, scene_ids):
            body = ee.data.computePixels(parameters)
            stack = px.parse(body, px.names(len(scene_ids), bands), px.side_px(grid, bands)[1])
        return [px.unpack(stack[k : k + len(bands)], grid, bands) for k in range(0, len(stack), len(bands))]

    def _list(self, patches: list[tuple[PatchGrid, list[Span]]]) -> list[list]:
        """For each patch its scenes (`search.scene_lists`); a batch that is too much for the service is halved."""
        expression = scene_lists(self._product, self._collection, patches)

        def ask() -> list[list]:
            with self._turn(), translated(f"search in {self._collection}"):
                answer = computed(expression)
            if not isinstance(answer, list) or len(answer) != len(patches):
                raise PassingError(f"search in {self._collection}: the answer is not of {len(patches)} sites")
            return answer

        try:
            halve_first = (TookTooLong,) if len(patches) > 1 else ()
            return patiently(ask, self._patience, "search", patches[0][0].key, unless=halve_first)
        except (Refused, TookTooLong) as error:
            if len(patches) == 1 or (isinstance(error, Refused) and "not found" in error.message):
                raise
            half = len(patches) // 2
            return self._list(patches[:half]) + self._list(patches[half:])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One request of this job's and of this machine's number."""
        with self._gate, self._slots.one():
            yield


__all__ = ["EarthEngineSource", "initialise"]
