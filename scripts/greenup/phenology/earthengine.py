"""MODIS products at many sites, from Earth Engine in few requests: dates (MCD12Q2), and EVI curves (MOD13Q1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.errors import UserError
from greenup.phenology.fill import DATES
from greenup.phenology.mcd12q2 import CYCLES, Cycle, choose_cycle, known, layers_of, split_layer
from greenup.phenology.readings import GOOD, MARGINAL, SNOW
from greenup.schemas import CURVES

if TYPE_CHECKING:
    import ee

VALUES_A_REQUEST = 200_000
"""Pixel values asked for at once (some 6 MB of answer)."""

SITES_A_REQUEST = 2000
"""Sites asked for at once; the service answers with at most 5 000 features."""

_AT_ONCE = 8
# What the service says when less at once would do.
_TOO_MUCH = re.compile(r"memory limit|timed out|too large|exceeds|accumulating over")
# `toBands` puts an image's index in front of the band: 2001_01_01_Greenup_1.
_KEY = re.compile(r"(\d{4}_\d\d_\d\d)_(\w+)")

# MOD13 products (user guide: Didan, Barreto Munoz 2019): EVI x 10 000, SummaryQA, day of the composite's observation.
_EVI, _SUMMARY, _DAY = "EVI", "SummaryQA", "DayOfYear"
_EVI_RANGE = (-2000, 10_000)

Features = Iterable[Mapping[str, Any]]


def sample_mcd12q2(
    sites: pd.DataFrame, collection: str, *, years: tuple[int, int], cycle: Cycle, max_quality: int | None
) -> pd.DataFrame:
    """Dates at the 500 m pixel of each site: site_id, year, greenup, maturity, senescence, dormancy (days since
    1970-01-01, NaN where there is none).

    ``years``: first and last. ``cycle``, ``max_quality``: see `mcd12q2.choose_cycle`; only the bands that they need are
    asked for, at no more than `SITES_A_REQUEST` sites and `VALUES_A_REQUEST` values a request. A year without any date
    has no row; a pixel that has data but no cycle in any year has one row, of the first year, without dates; and where
    the product has nothing at all (water) there is no row.

    Raises `UserError` when Earth Engine refuses the account, the collection or the request; what may pass is tried
    again by the client itself, and what is too much at once in halves.
    """
    import ee

    layers = layers_of(cycle, max_quality)
    stack = _stack(collection, years)
    # Of the number of cycles, the largest of all years will do: it tells bare and evergreen land from water.
    most = stack.select(f".*_{CYCLES}").reduce(ee.Reducer.max()).rename(CYCLES)
    image = stack.select(rf"\d{{4}}_\d\d_\d\d_({'|'.join(layers)})").addBands(most)
    names = sites["site_id"].to_numpy(dtype=object)

    def rows(features: Features) -> pd.DataFrame:
        return parse_dates(features, names, years=years, cycle=cycle, max_quality=max_quality)

    values = len(layers) * (years[1] - years[0] + 1) + 1
    parts = list(_sample(image, sites, values, rows, f"phenology.collection: {collection}"))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if table.empty:
        raise UserError(
            f"phenology.collection: {collection} has no data in {years[0]}-{years[1]} at any site",
            "mend phenology.years",
        )
    return table


def parse_dates(
    features: Features, site_ids: NDArray, *, years: tuple[int, int], cycle: Cycle, max_quality: int | None
) -> pd.DataFrame:
    """The features of an answer as rows of `sample_mcd12q2`.

    The property ``at`` of a feature is its site's position in ``site_ids``; absent, null and fill values are NaN.
    """
    properties = [feature["properties"] for feature in features]
    layers = layers_of(cycle, max_quality)
    stored = {layer: np.full((len(properties), years[1] - years[0] + 1), np.nan) for layer in layers}
    seen = np.zeros(len(properties), dtype=bool)
    places = _places({key for row in properties for key in row})
    for i, row in enumerate(properties):
        seen[i] = row.get(CYCLES) is not None
        for key, value in row.items():
            if value is not None and key in places and places[key][1] in stored:
                time, layer = places[key]
                stored[layer][i, time.year - years[0]] = value
    layer_values = {layer: known(split_layer(layer)[0], v).ravel() for layer, v in stored.items()}
    dates = choose_cycle(layer_values, cycle, max_quality).reshape(len(properties), -1, len(DATES))
    is_row = np.isfinite(dates).any(axis=2)
    # Land without a cycle, so that it is not taken for water.
    has_any = np.any([np.isfinite(v) for v in layer_values.values()], axis=0).reshape(is_row.shape).any(axis=1)
    is_row[:, 0] |= (seen | has_any) & ~is_row.any(axis=1)
    site, year = np.nonzero(is_row)
    at = np.array([row["at"] for row in properties], dtype=np.int64)
    table = pd.DataFrame({"site_id": site_ids[at[site]], "year": years[0] + year})
    for k, name in enumerate(DATES):
        table[name] = dates[site, year, k]
    return table


def sample_curves(sites: pd.DataFrame, collection: str, *, years: tuple[int, int]) -> pd.DataFrame:
    """EVI series at sites from a MODIS vegetation-index product (MOD13Q1, MOD13A1, or Aqua's): the `CURVES` table.

    ``years``: first and last. A 16-day composite stands at the day of its observation, or its first day where the
    product does not tell; clear is summary quality good (0) or marginal (1), snow is 2, cloud 3. As few requests as
    `sample_mcd12q2`: a few dozen sites take one. Raises `UserError` like it.
    """
    image = _stack(collection, years).select(rf"\d{{4}}_\d\d_\d\d_({_EVI}|{_SUMMARY}|{_DAY})")
    names = sites["site_id"].to_numpy(dtype=object)
    values = 3 * 23 * (years[1] - years[0] + 1)
    what = f"phenology.curves: {collection}"
    parts = list(_sample(image, sites, values, lambda features: parse_curves(features, names), what))
    table = pd.concat(parts, ignore_index=True)
    return CURVES.check(table, what)


def parse_curves(features: Features, site_ids: NDArray) -> pd.DataFrame:
    """The features of an answer as rows of `sample_curves`, in order of site and time."""
    features = list(features)
    places = _places({key for feature in features for key in feature["properties"]})
    rows = []
    for feature in features:
        composites: dict[pd.Timestamp, dict[str, float]] = {}
        for key, value in feature["properties"].items():
            if key in places and value is not None:
                time, layer = places[key]
                composites.setdefault(time, {})[layer] = value
        for start, values in composites.items():
            evi, quality = values.get(_EVI), values.get(_SUMMARY)
            if evi is None or not _EVI_RANGE[0] <= evi <= _EVI_RANGE[1]:
                continue
            clear = quality in (GOOD, MARGINAL)
            time = _observed(start, values.get(_DAY))
            rows.append((site_ids[feature["properties"]["at"]], time, evi / 10_000, clear, quality == SNOW))
    table = pd.DataFrame(rows, columns=["site_id", "time", "evi", "clear", "snow"])
    table["time"] = pd.to_datetime(table["time"], utc=True)
    # The last composite of a year reaches into the next, whose first may stand on the same day: the clear one stays.
    table = table.sort_values(["site_id", "time", "clear"], ascending=[True, True, False], kind="stable")
    return table.drop_duplicates(["site_id", "time"], ignore_index=True)


def _observed(start: pd.Timestamp, day: float | None) -> pd.Timestamp:
    """Day of a composite's observation: its day of year, which is in the next year where it lies before the start."""
    if day is None or not 1 <= day <= 366:
        return start
    year = start.year + (day < start.dayofyear)
    return pd.Timestamp(year=year, month=1, day=1) + pd.Timedelta(days=int(day) - 1)


def attribution_of(collection: str) -> str:
    """The line to print with curves of a collection."""
    product = collection.rpartition("/")[2]
    if re.fullmatch(r"MODIS/061/M[OY]D13[AQC]\d", collection):
        return f"EVI curves: {product} v6.1 (Didan 2021), doi:10.5067/MODIS/{product}.061."
    return f"EVI curves: {collection}."


def _stack(collection: str, years: tuple[int, int]) -> ee.Image:
    """All images of some years as bands of one."""
    import ee

    from greenup.imagery.earthengine import initialise

    initialise()
    # End dates are exclusive in Earth Engine.
    return ee.ImageCollection(collection).filterDate(f"{years[0]}-01-01", f"{years[1] + 1}-01-01").toBands()


def _places(keys: Iterable[str]) -> dict[str, tuple[pd.Timestamp, str]]:
    """Bands of `_stack`: first day and layer of each."""
    matches = {key: _KEY.fullmatch(key) for key in keys}
    return {key: (pd.Timestamp(m[1].replace("_", "-")), m[2]) for key, m in matches.items() if m}


def _sample(
    image: ee.Image, sites: pd.DataFrame, values: int, parse: Callable[[Features], pd.DataFrame], what: str
) -> Iterator[pd.DataFrame]:
    """Values of all bands at the sites, batch by batch in their order, as ``parse`` makes them; ``values`` a site."""
    import ee

    from greenup.imagery.base import PassingError
    from greenup.imagery.earthengine.errors import Refused, TookTooLong, computed, translated
    from greenup.imagery.earthengine.login import slots
    from greenup.imagery.patience import Patience, patiently

    lon, lat = sites["lon"].tolist(), sites["lat"].tolist()
    size = max(1, min(SITES_A_REQUEST, VALUES_A_REQUEST // values))
    budget = slots()

    def ask(first: int, after: int) -> list[Mapping[str, Any]]:
        points = ee.FeatureCollection(
            [ee.Feature(ee.Geometry.Point([lon[i], lat[i]]), {"at": i}) for i in range(first, after)]
        )
        # No scale or projection: the product's own pixels. Masked values give no property at all.
        expression = image.reduceRegions(collection=points, reducer=ee.Reducer.first())

        def once() -> list[Mapping[str, Any]]:
            with budget.one(), translated(what):
                return computed(expression)["features"]

        try:
            return patiently(once, Patience(), what, first, unless=(TookTooLong,) if after - first > 1 else ())
        except (PassingError, Refused) as error:
            if after - first > 1 and (isinstance(error, TookTooLong) or _TOO_MUCH.search(str(error))):
                middle = (first + after) // 2
                return ask(first, middle) + ask(middle, after)
            raise UserError(
                error.message if isinstance(error, Refused) else f"Earth Engine: {error}",
                "check the name of the collection, its years and the account's quota, then run again",
            ) from error

    # Answers are parsed where they arrive, so that only a few are held at once.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        starts = range(0, len(sites), size)
        yield from pool.map(lambda first: parse(ask(first, min(first + size, len(sites)))), starts)
