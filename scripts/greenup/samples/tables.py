"""Real tables and maps in the shapes that the workflow reads: sites of SSL4EO-S12, EVI series, ecoregions, climate at
weather stations."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from greenup.samples.place import Point

CHELSA_TARGETS = {
    "bio1_1979-2013_V1_1": "temperature_c",
    "bio4_1979-2013_V1_1": "temperature_seasonality",
    "bio12_1979-2013_V1_1": "precipitation_mm",
    "bio15_1979-2013_V1_1": "precipitation_seasonality",
}
"""CHELSA's annual mean temperature (degrees C), standard deviation of the monthly temperatures (x 100), annual
precipitation (mm) and coefficient of variation of the monthly precipitation (percent), by their columns."""


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


def convert_ssl4eco_labels(files: list[Path], out: Path) -> list[Point]:
    """Label tables that SSL4Eco published, as they are."""
    for file in files:
        shutil.copyfile(file, out / file.name)
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


def convert_mcd12q2(files: list[Path], out: Path) -> list[Point]:
    """MCD12Q2 at deciduous-forest sites: ``dates.csv`` with site_id, year, Greenup, MidGreenup, MidGreendown, Dormancy
    (days since 1970-01-01, 32767 for none), and the points; the sample has no Maturity and no Senescence."""
    by_name = {f.name.split(".")[0]: f for f in files}
    table = pd.read_csv(by_name["mcd12q2_days_since_1970"])
    names = ["Greenup", "MidGreenup", "MidGreendown", "Dormancy"]
    dates = table[["sitename", "year", *(f"{n}_1" for n in names)]].set_axis(["site_id", "year", *names], axis=1)
    dates.to_csv(out / "dates.csv", index=False)
    sites = pd.read_csv(by_name["sites"])
    kind = {"DB": "deciduous_broadleaf_forest", "DN": "deciduous_needleleaf_forest"}
    return [Point(s.sitename, s.lon, s.lat, kind[s.igbp]) for s in sites.itertuples()]


def convert_ecoregions(files: list[Path], out: Path) -> list[Point]:
    """RESOLVE Ecoregions 2017 as GeoParquet, ``ecoregions.parquet``, with the columns that strata are made of."""
    layer = gpd.read_file(next(f for f in files if f.suffix == ".shp"))
    layer[["ECO_NAME", "BIOME_NUM", "BIOME_NAME", "REALM", "LICENSE", "geometry"]].to_parquet(
        out / "ecoregions.parquet", index=False
    )
    return []


def convert_chelsa(files: list[Path], out: Path) -> list[Point]:
    """Climate at weather stations: ``stations.csv`` with site_id, lon, lat, features and targets, and the points.

    Features are what is known of a place without its climate: elevation_m (of the station), abs_lat (degrees from the
    equator), and x, y, z, the place as a unit vector, in which 180 W and 180 E are one. Targets: `CHELSA_TARGETS`.

    A place is taken once, and so is a station's number: the list holds the same station under several names. Stations
    of unknown elevation are left out.
    """
    table = pd.read_csv(files[0], dtype={"STNID": str, "ISO3C": str}, keep_default_na=False, na_values=[""])
    table.columns = [c.removeprefix("CHELSA_") for c in table.columns]
    table = table[table["ELEV(M)"].notna() & table[list(CHELSA_TARGETS)].notna().all(axis=1)]
    table = table.sort_values("STNID", kind="stable").drop_duplicates("STNID")
    table = table.drop_duplicates(["LON", "LAT"])
    lon, lat = np.deg2rad(table["LON"].to_numpy()), np.deg2rad(table["LAT"].to_numpy())
    stations = pd.DataFrame(
        {
            "site_id": table["STNID"].to_numpy(),
            "lon": table["LON"].to_numpy(),
            "lat": table["LAT"].to_numpy(),
            "elevation_m": table["ELEV(M)"].to_numpy(),
            "abs_lat": np.abs(table["LAT"].to_numpy()),
            "x": (np.cos(lat) * np.cos(lon)).round(6),
            "y": (np.cos(lat) * np.sin(lon)).round(6),
            "z": np.sin(lat).round(6),
            **{name: table[column].to_numpy() for column, name in CHELSA_TARGETS.items()},
        }
    )
    stations.to_csv(out / "stations.csv", index=False)
    country = table["ISO3C"].fillna("unknown")
    return [Point(s.site_id, s.lon, s.lat, c) for s, c in zip(stations.itertuples(index=False), country, strict=True)]
