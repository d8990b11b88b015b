"""Real tables and maps in the shapes that the workflow reads: sites of SSL4EO-S12, EVI series, ecoregions."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from greenup.samples.place import Point


def convert_ssl4eo_s12_sites(files: list[Path], out: Path) -> list[Point]:
    """Centres and acquisition times of real SSL4EO-S12 patches: ``sites.parquet`` with site_id, lon, lat, time.

    The centre is that of the footprint's bounds in its own UTM zone.
    """
    parts = []
    for _, frame in gpd.read_parquet(files[0]).groupby("tile_crs"):
        bounds = frame.geometry.to_crs(int(frame["tile_crs"].iloc[0])).bounds
        x, y = (bounds["minx"] + bounds["maxx"]) / 2, (bounds["miny"] + bounds["maxy"]) / 2
        centres = gpd.GeoSeries(gpd.points_from_xy(x, y), crs=int(frame["tile_crs"].iloc[0])).to_crs(4326)
        parts.append(
            pd.DataFrame(
                {
                    "site_id": frame["sample_id"].to_numpy(),
                    "lon": centres.x.to_numpy(),
                    "lat": centres.y.to_numpy(),
                    "time": pd.to_datetime(frame["time"].to_numpy(), utc=True).astype("datetime64[us, UTC]"),
                }
            )
        )
    table = pd.concat(parts).sort_values(["site_id", "time"], ignore_index=True)
    # Footprints of one site differ by nothing but rounding; a site is one place.
    table[["lon", "lat"]] = table.groupby("site_id")[["lon", "lat"]].transform("first")
    table.to_parquet(out / "sites.parquet", index=False)
    return []


def convert_fluxnet(files: list[Path], out: Path) -> list[Point]:
    """Sixteen-day EVI of flux-tower sites: ``series.csv`` with site_id, date, evi, ndvi, SummaryQA, and the points.

    MOD13A1 gives the date of the composite and the day of year of the observation in it; the latter is what was seen. A
    composite from the end of December may hold a day of January.
    """
    by_name = {f.name.split(".")[0]: f for f in files}
    series = pd.read_csv(by_name["MOD13A1_series"], parse_dates=["date"])
    # Values below -2000 are the product's fill.
    series = series[(series["EVI"] > -2000) & series["DayOfYear"].between(1, 366)]
    turned = series["DayOfYear"] < series["date"].dt.dayofyear - 180
    january = pd.to_datetime((series["date"].dt.year + turned).astype(str) + "-01-01")
    table = pd.DataFrame(
        {
            "site_id": series["site"],
            "date": (january + pd.to_timedelta(series["DayOfYear"] - 1, unit="D")).dt.strftime("%Y-%m-%d"),
            "evi": (series["EVI"] / 1e4).round(4),
            "ndvi": (series["NDVI"] / 1e4).round(4),
            "SummaryQA": series["SummaryQA"].astype("Int64"),
        }
    ).drop_duplicates(["site_id", "date"])
    table.to_csv(out / "series.csv", index=False)
    sites = pd.read_csv(by_name["sites"])
    return [Point(s.site, s.lon, s.lat, s.IGBPname) for s in sites.itertuples()]


def convert_ecoregions(files: list[Path], out: Path) -> list[Point]:
    """RESOLVE Ecoregions 2017 as GeoParquet, ``ecoregions.parquet``, with the columns that strata are made of."""
    layer = gpd.read_file(next(f for f in files if f.suffix == ".shp"))
    layer[["ECO_NAME", "BIOME_NUM", "BIOME_NAME", "REALM", "LICENSE", "geometry"]].to_parquet(
        out / "ecoregions.parquet", index=False
    )
    return []
