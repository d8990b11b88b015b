"""Scenes of a published folder: all that it holds are taken, nothing is searched or chosen."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from greenup.scenes.choose import finished, rows_of, season_names

_KEY = ["site_id", "season"]


def published_scenes(sites: pd.DataFrame, listed: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The `SCENES` table of ``sites`` (rows of the `SITES` table) from the `PUBLISHED` table of their folder.

    ``listed``: its rows of these sites. ``names``: the seasons of the dataset. Every image is chosen; a site with fewer
    images than others, or that the folder has not, has rows *no_scene*.
    """
    rows = rows_of(sites.reset_index(drop=True), season_names(names))
    columns = [*_KEY, "scene_id", "time", "cloud", *(["orbit"] if "orbit" in listed else [])]
    table = rows.merge(listed[columns].astype({"site_id": "string", "season": "string"}), on=_KEY, how="left")
    known, is_there = table["site_id"].isin(set(listed["site_id"])), table["scene_id"].notna()
    # Radar sees no cloud, and some folders do not tell it.
    table["cloud_of"] = pd.Series("tile", index=table.index, dtype="string").where(table["cloud"].notna())
    table["status"] = pd.Series("chosen", index=table.index).where(is_there, "no_scene")
    # The day of the image is its season.
    table["days_from_middle"] = pd.Series(0.0, index=table.index).where(is_there)
    table["candidates"] = is_there.astype("int64")
    reason = pd.Series("given by the folder", index=table.index)
    reason = reason.where(is_there, "the folder has no such image of this site")
    table["reason"] = reason.where(known, "the folder has no such site")
    return finished(table)
