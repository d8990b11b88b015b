"""Search intervals, and the tables that a search and a series of EVI hand out."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

Span = tuple[pd.Timestamp, pd.Timestamp]
"""From (included) to (excluded), UTC."""

COLUMNS = ("site_id", "season", "scene_id", "time", "cloud", "cloud_of")


def spans(intervals: pd.DataFrame) -> dict[str, list[tuple[str, Span]]]:
    """site_id -> (season, from, to) of a `seasons` table, whose last days are included."""
    out: dict[str, list[tuple[str, Span]]] = {}
    for row in intervals.itertuples(index=False):
        first = pd.Timestamp(row.first).tz_localize("UTC")
        after = pd.Timestamp(row.last).tz_localize("UTC") + pd.Timedelta(days=1)
        out.setdefault(row.site_id, []).append((row.season, (first, after)))
    return out


def merge_spans(some: Iterable[Span], gap_days: int = 0) -> list[Span]:
    """Spans in order of time, those that overlap or lie at most ``gap_days`` apart joined."""
    merged: list[Span] = []
    for first, after in sorted(some):
        if merged and first <= merged[-1][1] + pd.Timedelta(days=gap_days):
            merged[-1] = (merged[-1][0], max(merged[-1][1], after))
        else:
            merged.append((first, after))
    return merged


def candidates_table(rows: Iterable[tuple]) -> pd.DataFrame:
    """The table of a search, one row a site x season x scene, in order of site, season and time."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[us, UTC]")
    table["cloud"] = table["cloud"].astype("float64")
    table = table.drop_duplicates(["site_id", "season", "scene_id"])
    return table.sort_values(["site_id", "season", "time", "scene_id"], ignore_index=True)


def curves_table(rows: Iterable[tuple]) -> pd.DataFrame:
    """The table of EVI series from rows of site_id, time, EVI, clear, snow.

    One row a site and time: of the same moment a clear observation goes before one of snow, that before a cloudy one.
    """
    table = pd.DataFrame(list(rows), columns=["site_id", "time", "evi", "clear", "snow"])
    table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[us, UTC]")
    table = table.astype({"evi": "float64", "clear": "bool", "snow": "bool"})
    order = ["site_id", "time", "clear", "snow"]
    table = table.sort_values(order, ascending=[True, True, False, False], kind="stable")
    return table.drop_duplicates(["site_id", "time"], ignore_index=True)
