"""MCD12Q2 v6.1 at many sites, from Earth Engine in few requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.phenology.fill import DATES

ATTRIBUTION = "Phenology: MCD12Q2 v6.1 (Friedl, Gray, Sulla-Menashe 2022), doi:10.5067/MODIS/MCD12Q2.061."

SITES_A_REQUEST = 2000
"""Points sampled at once, all years and dates together; the service answers with at most 5 000 features."""

_FILL = 32767
# First cycle of the year. `toBands` puts the image's index in front of the band: 2001_01_01_Greenup_1.
_BAND = rf"(\d{{4}})_\d\d_\d\d_({'|'.join(name.capitalize() for name in DATES)})_1"


def sample_mcd12q2(sites: pd.DataFrame, collection: str, years: tuple[int, int]) -> pd.DataFrame:
    """Dates of the first cycle of each year at the 500 m pixel of each site: site_id, year, and the four dates (days
    since 1970-01-01, NaN where the product has none).

    One request per `SITES_A_REQUEST` sites. Raises `UserError` when Earth Engine refuses the account, the collection or
    the request; what may pass is tried again by the client itself.
    """
    import ee

    from greenup.imagery.earthengine import initialise

    initialise()
    # End dates are exclusive in Earth Engine.
    images = ee.ImageCollection(collection).filterDate(f"{years[0]}-01-01", f"{years[1] + 1}-01-01")
    stack = images.toBands().select(_BAND)
    parts = []
    for start in range(0, len(sites), SITES_A_REQUEST):
        chunk = sites.iloc[start : start + SITES_A_REQUEST]
        points = ee.FeatureCollection(
            [
                ee.Feature(ee.Geometry.Point([lon, lat]), {"at": i})
                for i, (lon, lat) in enumerate(zip(chunk["lon"].tolist(), chunk["lat"].tolist(), strict=True))
            ]
        )
        try:
            # No scale or projection: the product's own pixels. Masked values give no property at all.
            answer = stack.reduceRegions(collection=points, reducer=ee.Reducer.first()).getInfo()
        except ee.EEException as error:
            raise UserError(
                f"phenology: Earth Engine could not sample {collection}: {error}",
                "check phenology.collection and the account's quota, then run again",
            ) from error
        parts.append(parse_features(answer["features"], chunk["site_id"].to_numpy(dtype=object)))
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise UserError(
            f"phenology: {collection} has no dates in {years[0]}-{years[1]} at any site", "mend phenology.years"
        )
    return table


def parse_features(features: Iterable[Mapping[str, Any]], site_ids: np.ndarray) -> pd.DataFrame:
    """The features of one answer as rows site_id, year, greenup, maturity, senescence, dormancy.

    The property ``at`` of a feature is its site's position in ``site_ids``. Absent, null and fill values are NaN; a
    year without any date has no row.
    """
    found: dict[tuple[int, int], dict[str, float]] = {}
    for feature in features:
        properties = feature["properties"]
        for key, value in properties.items():
            match = re.fullmatch(_BAND, key)
            if match is None or value is None or value == _FILL:
                continue
            row = found.setdefault((int(properties["at"]), int(match[1])), {})
            row[match[2].lower()] = float(value)
    order = sorted(found)
    table = pd.DataFrame(
        {"site_id": [site_ids[at] for at, _ in order], "year": np.array([year for _, year in order], dtype=np.int64)}
    )
    for name in DATES:
        table[name] = np.array([found[key].get(name, np.nan) for key in order], dtype=np.float64)
    return table
