"""Labelled points that have no images: in the place of an index of images, their sites."""

from __future__ import annotations

import pandas as pd

NO_SEASON = ""
"""Season of a point that has no image."""


def without_images(sites: pd.DataFrame) -> pd.DataFrame:
    """The sites of a dataset that has no images, as if each had one, of season `NO_SEASON`: site_id, season, lon, lat.

    ``attrs`` say that nothing of it is simulated: places and whatever is known there are real.
    """
    points = sites[["site_id", "lon", "lat"]].assign(season=NO_SEASON)
    points.attrs = {"simulated": False, "attribution": sites.attrs.get("attribution", "")}
    return points
