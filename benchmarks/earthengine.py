"""What the Earth Engine route brings, against a client as SSL4EO-S12's, on one stand-in server.

    python benchmarks/earthengine.py [--sites 160] [--reference-sites 40] [--latency 0.25] [--connections 40]

Both clients are Google's own library talking to a loopback server (`tests.standins.earthengine`, a process of its own)
that waits ``--latency`` seconds before every answer, both from as many threads as there are connections, both fetch
four dates a site of 264 px and 12 bands of Sentinel-2 L2A at 10, 20 and 60 m. Ours is `EarthEngineSource` behind the
exporter's `Fetcher`, search included. The reference does what the released downloaders of SeCo and SSL4EO-S12 do for a
date: the names of the image's properties, their values, and its pixels by sampleRectangle, which come as JSON. Its
search is not counted: the ids are given to it.

Both sides must give the same pixels. Each side's requests are made once before, so that the server answers from memory:
what is measured is latency, transfer and the client's own work, JSON included, and not how fast the stand-in computes.
Sites repeat after ``--distinct``, to bound that memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import ee
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.bands import BANDS, S2_L2A, bands_at, native_resolutions
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.earthengine import EarthEngineSource
from greenup.imagery.patience import Patience
from greenup.patches.container import Form
from greenup.patches.fetch import Fetcher, Image
from greenup.randomness import generator
from pyproj import Transformer

from tests.standins.earthengine import EarthEngineStandIn
from tests.standins.earthengine_images import Scene
from tests.standins.earthengine_scenes import footprint

COLLECTION, EPSG, WEST, NORTH, SIDE, SIZE = "COPERNICUS/S2_SR_HARMONIZED", 32632, 600_000, 5_300_040, 1200, 264
DATES = ("2020-03-20", "2020-06-21", "2020-09-22", "2020-12-21")


def scenes() -> list[Scene]:
    """Four scenes of one tile, reflectances of five digits and fewer as in products."""
    out = []
    for date in DATES:
        rng = generator(1, "benchmark", date)
        bands = {}
        for band in S2_L2A:
            side = SIDE * 10 // BANDS[band].native_m
            bands[band] = rng.integers(200, 4000, (side, side)).astype(np.uint16), BANDS[band].native_m
        index = f"{date.replace('-', '')}T102030_T32UPU"
        outline = footprint(EPSG, WEST, SIDE * 10, NORTH)
        # The service's images carry some seventy properties.
        more = {f"PROPERTY_{k}": f"value {k}" for k in range(68)}
        out.append(
            Scene(index, datetime.fromisoformat(f"{date}T10:20:30"), 1.0, outline, EPSG, WEST, NORTH, bands, more=more)
        )
    return out


def serve(latency_s: float, channel) -> None:
    """The server's process: tells its address, then the number of requests since the last message."""
    with EarthEngineStandIn(COLLECTION, scenes()) as server:
        server.known = {}
        channel.send(server.url)
        while (message := channel.recv()) != "end":
            server.latency_s = latency_s if message == "measure" else 0.0
            channel.send(len(server.calls))
            server.calls.clear()


def sites(count: int, distinct: int) -> tuple[pd.DataFrame, list[PatchGrid]]:
    """Sites spread over the tile, the first ``distinct`` over and over."""
    rng = generator(1, "sites")
    x, y = (c[np.arange(count) % distinct] for c in rng.uniform(1500, 10_500, (2, distinct)))
    x, y = WEST + x, NORTH - y
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, y)
    table = pd.DataFrame({"site_id": [f"s{k}" for k in range(count)], "lon": lon, "lat": lat})
    return table, [grid_for_site(a, b, SIZE, (10, 20, 60)) for a, b in zip(lon, lat, strict=True)]


def ours(source: EarthEngineSource, table: pd.DataFrame, grids: list[PatchGrid], connections: int) -> list:
    """Search and pixels of all sites."""
    days = [(f"q{k}", pd.Timestamp(d)) for k, d in enumerate(DATES)]
    intervals = pd.DataFrame(
        [(i, name, 2020, day, day, day) for i in table["site_id"] for name, day in days],
        columns=["site_id", "season", "year", "first", "middle", "last"],
    )
    found = dict(list(source.search(table, intervals, grids).groupby("site_id")))
    fetcher = Fetcher(source, Form(S2_L2A, SIZE, False, "benchmark"), Patience())

    def site(at: int) -> list:
        rows = found[table["site_id"][at]].itertuples()
        return fetcher.read([Image(r.site_id, r.season, r.scene_id, r.time, grids[at]) for r in rows])

    with ThreadPoolExecutor(connections) as pool:
        return list(pool.map(site, range(len(table))))


def reference(grids: list[PatchGrid], connections: int) -> list:
    """Three requests a date: names of properties, their values, pixels as JSON."""

    def site(grid: PatchGrid) -> list:
        west, south, east, north = grid.bounds()
        region = ee.Geometry.Polygon(
            [[[west, south], [east, south], [east, north], [west, north]]], f"EPSG:{EPSG}", False
        )
        dates = []
        for date in DATES:
            image = ee.Image(f"{COLLECTION}/{date.replace('-', '')}T102030_T32UPU")
            names = image.propertyNames().getInfo()
            ee.Dictionary({name: image.get(name) for name in names}).getInfo()
            patch = image.select(list(S2_L2A)).sampleRectangle(region, defaultValue=0).getInfo()["properties"]
            dates.append(
                {m: np.array([patch[b] for b in bands_at(S2_L2A, m)], np.uint16) for m in native_resolutions(S2_L2A)}
            )
        return dates

    with ThreadPoolExecutor(connections) as pool:
        return list(pool.map(site, grids))


def measured(channel, call, *args) -> tuple[float, int, list]:
    """Seconds, requests and result of the second of two calls."""
    call(*args)
    channel.send("measure")
    channel.recv()
    began = time.perf_counter()
    result = call(*args)
    seconds = time.perf_counter() - began
    channel.send("prepare")
    return seconds, channel.recv(), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=160)
    parser.add_argument("--reference-sites", type=int, default=40)
    parser.add_argument("--distinct", type=int, default=20)
    parser.add_argument("--latency", type=float, default=0.25)
    parser.add_argument("--connections", type=int, default=40)
    args = parser.parse_args()
    channel, other = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(args.latency, other), daemon=True)
    server.start()
    os.environ["GREENUP_EE_URL"] = channel.recv()
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    source = EarthEngineSource("s2_l2a", requests=args.connections)
    table, grids = sites(max(args.sites, args.reference_sites), args.distinct)
    n, k = args.sites, args.reference_sites
    took, requests, got = measured(channel, ours, source, table.head(n), grids[:n], args.connections)
    took_reference, requests_reference, expected = measured(channel, reference, grids[:k], args.connections)
    for mine, theirs in zip(got[: min(n, k)], expected, strict=False):
        for pixels, date in zip(mine, theirs, strict=True):
            for m, values in date.items():
                assert np.array_equal(pixels.values[m], values), "the two sides do not give the same pixels"
    channel.send("end")
    server.join(10)
    print(f"{args.latency} s latency, {args.connections} connections, {len(DATES)} dates of {SIZE} px, 12 bands\n")
    print(f"{'':<12}{'sites':>7}{'s':>9}{'sites/s':>10}{'requests a site':>18}")
    for label, count, seconds, asked in (
        ("reference", k, took_reference, requests_reference),
        ("ours", n, took, requests),
    ):
        print(f"{label:<12}{count:>7}{seconds:>9.2f}{count / seconds:>10.2f}{asked / count:>18.2f}")
    print(f"\n{n / took / (k / took_reference):.1f} times the reference's sites a second")


if __name__ == "__main__":
    main()
