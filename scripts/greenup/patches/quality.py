"""Numbers of the quality report of a dataset, from its ledgers, scenes, sites and index; no pixel is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from greenup.errors import UserError
from greenup.files import read_columns
from greenup.grids import PatchGrid
from greenup.schemas import LEDGER, SCENES, SITES

INVALID_EDGES = np.array([0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0])
"""Edges of the classes of pixels without data (percent of an image): none, up to 1, up to 5, ... of them."""

QUANTILES = (0.05, 0.50, 0.95)

_KEY = ["site_id", "season"]
_PLACE = ["epsg", "west", "north", "pixel_x", "pixel_y"]
_LEDGER = [*_KEY, "status", "time", "cloud", "valid_fraction", *_PLACE, "cause"]
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset's images without opening one.

    ``rows``: a row a site x season of the ledgers with site_id, season, status, time, cloud (percent), cloud_of (tile,
    patch, tile_estimate), days_from_middle, valid_fraction, cause, lon, lat, east_m and north_m (from the site to the
    centre of the patch); NaN where there is no image. ``sites``: a row a site with site_id, lon, lat, land_cover,
    climate_zone and images (how many it has).
    """

    rows: pd.DataFrame
    sites: pd.DataFrame
    simulated: bool
    attribution: str

    @property
    def images(self) -> pd.DataFrame:
        """The rows with an image."""
        return self.rows[self.rows["status"] == "ok"]


def read_facts(
    sites: str | Path, ledgers: Sequence[str | Path], scenes: Sequence[str | Path], *, size_px: int
) -> Facts:
    """Read the few columns that the report needs, of all shards. ``size_px``: side of a patch in 10 m pixels.

    Raises `UserError` naming the file that cannot be read, and the site of a ledger that is not among the sites.
    """
    places = read_columns([sites], SITES, ["site_id", "lon", "lat", "land_cover", "climate_zone"])
    rows = read_columns(ledgers, LEDGER, _LEDGER)
    simulated, attribution = bool(rows.attrs["simulated"]), str(rows.attrs.get("attribution", ""))
    number = pd.Index(places["site_id"]).get_indexer(rows["site_id"])
    if (number < 0).any():
        raise UserError(
            f"site {rows['site_id'][int((number < 0).argmax())]!r} of the ledgers is not in {sites}",
            "the shards are of another sampling: run the workflow again",
        )
    chosen = read_columns(scenes, SCENES, [*_KEY, "cloud_of", "days_from_middle"])
    # Texts of two tables have categories of their own.
    rows["season"], chosen["season"] = rows["season"].astype(str), chosen["season"].astype(str)
    rows = rows.merge(chosen, on=_KEY, how="left", validate="one_to_one")
    there = (rows["status"] == "ok").to_numpy()
    for name in ("lon", "lat"):
        rows[name] = places[name].to_numpy()[number]
    for name in ("cloud", "valid_fraction", "days_from_middle"):
        rows[name] = np.where(there, rows[name].to_numpy(float), np.nan)
    rows["time"] = pd.to_datetime(rows["time"], utc=True).where(there)
    east, north = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    east[there], north[there] = centre_offsets(rows[there], size_px)
    rows = rows.drop(columns=_PLACE).assign(east_m=east, north_m=north)
    rows["season"] = rows["season"].astype("category")
    images = np.bincount(number[there], minlength=len(places))
    return Facts(rows, places.assign(images=images), simulated, attribution)


def centre_offsets(images: pd.DataFrame, size_px: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each patch centre lies east and north of its site (m): `PatchGrid.centre_offset_m` of many at once.

    ``images``: lon, lat of the sites (degrees) and epsg, west, north, pixel_x, pixel_y of the grids.
    """
    east, north = np.empty(len(images)), np.empty(len(images))
    table = images[["lon", "lat", *_PLACE]].astype(float).reset_index(drop=True)
    for (epsg, px, py), one in table.groupby(["epsg", "pixel_x", "pixel_y"]):
        at = one.index.to_numpy()
        x = one["west"].to_numpy() + size_px / 2 * px
        y = one["north"].to_numpy() - size_px / 2 * py
        lon, lat = one["lon"].to_numpy(), one["lat"].to_numpy()
        if PatchGrid(int(epsg), 0.0, 0.0, size_px, px, py).is_own:
            there = Transformer.from_crs(int(epsg), 4326, always_xy=True).transform(x, y)
            azimuth, _, metres = _WGS84.inv(lon, lat, *there)
            east[at], north[at] = metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))
        else:
            site_x, site_y = Transformer.from_crs(4326, int(epsg), always_xy=True).transform(lon, lat)
            east[at], north[at] = x - site_x, y - site_y
    return east, north


def hemispheres(lat: pd.Series | NDArray[np.float64]) -> NDArray[np.str_]:
    """North or south of the equator, by the latitude of the site: grids need not be UTM."""
    return np.where(np.asarray(lat, float) < 0, "south", "north")


# ---------------------------------------------------------------------------------------------------------- counts
def images_a_site(facts: Facts) -> pd.DataFrame:
    """Columns images (0 .. number of seasons), sites, share (0..1 of the sites drawn)."""
    most = max(int(facts.sites["images"].max()), facts.rows["season"].nunique())
    counts = np.bincount(facts.sites["images"], minlength=most + 1)
    return pd.DataFrame({"images": np.arange(most + 1), "sites": counts, "share": counts / max(len(facts.sites), 1)})


def status_by_season(facts: Facts) -> pd.DataFrame:
    """Columns season, status, count, of those that occur."""
    counts = facts.rows.groupby(["season", "status"], observed=True).size()
    return counts[counts > 0].reset_index(name="count").astype({"season": str, "status": str})


def causes(facts: Facts, most: int = 12) -> pd.DataFrame:
    """Why there is no image, commonest first: columns status, cause, count.

    Causes that differ in numbers alone are one, and each number that differs is written as an ellipsis. Beyond ``most``
    of them the others are one row, ``other causes``.
    """
    lost = facts.rows[facts.rows["status"] != "ok"]
    texts = lost.groupby(["status", "cause"], observed=True, dropna=False).size().reset_index(name="count")
    texts["cause"] = texts["cause"].astype(object).where(texts["cause"].notna(), "no cause is given")
    texts["key"] = [_NUMBER.sub("#", c) for c in texts["cause"]]
    found = [
        {"status": str(status), "cause": common_text(list(one["cause"])), "count": int(one["count"].sum())}
        for (status, _), one in texts.groupby(["status", "key"], observed=True)
    ]
    table = pd.DataFrame(found, columns=["status", "cause", "count"])
    table = table.sort_values(["count", "status", "cause"], ascending=[False, True, True], ignore_index=True)
    if len(table) > most:
        rest = {"status": "", "cause": f"{len(table) - most} other causes", "count": table["count"][most:].sum()}
        table = pd.concat([table[:most], pd.DataFrame([rest])], ignore_index=True)
    return table


def common_text(texts: Sequence[str]) -> str:
    """One text for several that differ in their numbers alone: a number that is not the same in all becomes an
    ellipsis."""
    columns = list(zip(*(_NUMBER.findall(t) for t in texts), strict=True))
    numbers = iter(c[0] if len(set(c)) == 1 else "…" for c in columns)
    return _NUMBER.sub(lambda _: next(numbers), texts[0])


def cloud_counts(facts: Facts, edges: NDArray[np.float64]) -> pd.DataFrame:
    """Images by cloud cover: columns cloud_of, low, high (percent; NaN where the cloud is unknown), count.

    The last class holds its upper edge too.
    """
    parts = []
    images = facts.images
    known = images["cloud"].notna()
    for of, one in images[known].groupby(images.loc[known, "cloud_of"].astype(object).fillna("scene"), sort=True):
        counts, _ = np.histogram(one["cloud"], edges)
        parts.append(pd.DataFrame({"cloud_of": str(of), "low": edges[:-1], "high": edges[1:], "count": counts}))
    unknown = int((~known).sum())
    if unknown:
        parts.append(pd.DataFrame({"cloud_of": ["unknown"], "low": np.nan, "high": np.nan, "count": unknown}))
    return pd.concat(parts, ignore_index=True)


def invalid_counts(facts: Facts) -> pd.DataFrame:
    """Images by their share of pixels without data: columns low, high (percent, above low up to high), count, share.

    The first row, 0 to 0, is of images without such a pixel.
    """
    # 1 - 0.95 is not 0.05 in floating point; a single pixel of a patch is a thousandth of a percent.
    percent = np.round(100 * (1 - facts.images["valid_fraction"].to_numpy(float)), 9)
    classes = np.searchsorted(INVALID_EDGES, percent, side="left")
    counts = np.bincount(classes, minlength=len(INVALID_EDGES))
    low, high = np.append(0.0, INVALID_EDGES[:-1]), INVALID_EDGES
    return pd.DataFrame({"low": low, "high": high, "count": counts, "share": counts / max(len(percent), 1)})


def quantiles_by_season(facts: Facts, column: str) -> pd.DataFrame:
    """Columns season, images (with a value), unknown, p05, median, p95: NaN for a season without an image."""
    rows = []
    for season in facts.rows["season"].cat.categories:
        values = facts.images.loc[facts.images["season"] == season, column]
        known = values.dropna().to_numpy(float)
        q = np.quantile(known, QUANTILES) if len(known) else np.full(3, np.nan)
        row = {"season": season, "images": len(known), "unknown": len(values) - len(known)}
        rows.append(row | dict(zip(("p05", "median", "p95"), q, strict=True)))
    return pd.DataFrame(rows)


def dates(facts: Facts) -> pd.DataFrame:
    """Images by season, hemisphere (north, south), year and month (1..12): those columns and count, empty ones left
    out."""
    images = facts.images
    when = {"year": images["time"].dt.year, "month": images["time"].dt.month}
    table = images[["season"]].assign(hemisphere=hemispheres(images["lat"]), **when)
    table["season"] = table["season"].astype(str)
    return table.groupby(list(table.columns)).size().reset_index(name="count")


def strata(facts: Facts, coverage: pd.DataFrame | None, kinds: Sequence[str]) -> pd.DataFrame:
    """Shares of the strata of some kinds among sites with images and on land.

    Columns kind, stratum, area_share (0..1 of the land; NaN without ``coverage``, a `COVERAGE` table), sites (drawn),
    with_images, image_share (0..1 of the sites with images). Largest on land first.
    """
    parts = []
    for kind in kinds:
        names = facts.sites[kind].astype(object).where(facts.sites[kind].notna(), "unknown")
        drawn, imaged = names.value_counts(), names[facts.sites["images"] > 0].value_counts()
        table = pd.DataFrame({"sites": drawn, "with_images": imaged})
        table["area_share"] = np.nan
        if coverage is not None:
            land = coverage[coverage["kind"] == kind].set_index("stratum")["area_share"].astype(float)
            table = table.reindex(table.index.union(land.index[land > 0]))
            table["area_share"] = land.reindex(table.index)
        table[["sites", "with_images"]] = table[["sites", "with_images"]].fillna(0).astype("int64")
        table["image_share"] = table["with_images"] / max(int(table["with_images"].sum()), 1)
        parts.append(table.rename_axis("stratum").reset_index().assign(kind=kind))
    out = pd.concat(parts, ignore_index=True)
    out["order"] = out["kind"].map({k: i for i, k in enumerate(kinds)})
    out = out.sort_values(["order", "area_share", "sites", "stratum"], ascending=[True, False, False, True])
    columns = ["kind", "stratum", "area_share", "sites", "with_images", "image_share"]
    return out[columns].reset_index(drop=True)
