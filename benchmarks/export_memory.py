"""Peak memory of export jobs: the rule's own entry, in a process of its own, on shards of growing size.

    python benchmarks/export_memory.py [--quick]

Patches of 264 px with the 12 bands of L2A and SCL, four seasons a site. Rows: the miniature Earth with shards of 50 and
200 sites; a source that answers 40 requests at once, as a remote one does, with noise, each answer held three times as
a client does; the same with a table of 254 000 sites, one shard of which is exported; the same shard again with
everything kept. Prints the peak resident memory (MiB) that the system counts for the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zlib import crc32

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from greenup.bands import KEPT, bands_at, native_resolutions  # noqa: E402
from greenup.config import Runtime, parse  # noqa: E402
from greenup.config.data import Imagery, Patches  # noqa: E402
from greenup.files import read_table, write_table  # noqa: E402
from greenup.grids import grid_for_site  # noqa: E402
from greenup.imagery import open_source  # noqa: E402
from greenup.imagery.base import Pixels  # noqa: E402
from greenup.schemas import SCENES, SITES  # noqa: E402

SIZE, BANDS, SEASONS = 264, KEPT["s2_l2a"], ("spring", "summer", "autumn", "winter")
IMAGERY = '{"source": "miniature", "seed": 11}'


def site_table(count: int, shard: int) -> pd.DataFrame:
    """``count`` sites near one another; the first ``shard`` of them are shard 0, the others shard 1."""
    i = np.arange(count)
    return pd.DataFrame(
        {
            "site_id": [f"12U_{k:06d}" for k in i],
            "lon": 8.0 + 0.03 * (i % 40),
            "lat": 46.0 + 0.03 * (i // 40 % 60),
            "stratum": "Cfb forest",
            "climate_zone": "temperate",
            "land": True,
            "ecoregion": "Palearctic temperate broadleaf forests",
            "realm": "Palearctic",
            "mountain": False,
            "land_cover": "mixed_forest",
            "biome": "temperate broadleaf and mixed forests",
            "weight": 1.0,
            "shard": (i >= shard).astype(int),
        }
    )


def scene_table(sites: pd.DataFrame, invented: bool) -> pd.DataFrame:
    """A scene of each season for every site: the least cloudy of the miniature Earth, or an invented one."""
    rows = []
    if not invented:
        source = open_source(parse(Imagery, IMAGERY), Runtime())
        days = [(s, pd.Timestamp(2020, 2 + 3 * k, 1)) for k, s in enumerate(SEASONS)]
        intervals = pd.DataFrame(
            [(i, s, 2020, d, d, d + pd.Timedelta(days=30)) for i in sites["site_id"] for s, d in days],
            columns=["site_id", "season", "year", "first", "middle", "last"],
        )
        grids = [grid_for_site(s.lon, s.lat, SIZE, native_resolutions(BANDS)) for s in sites.itertuples()]
        found = source.search(sites, intervals, grids).sort_values("cloud", kind="stable")
        found = found.drop_duplicates(["site_id", "season"]).sort_values(["site_id", "season"])
        rows = [(r.site_id, r.season, r.scene_id, r.time) for r in found.itertuples()]
    else:
        when = pd.Timestamp("2020-05-01", tz="UTC")
        rows = [(i, s, f"{i}-{s}", when) for i in sites["site_id"] for s in SEASONS]
    table = pd.DataFrame(rows, columns=["site_id", "season", "scene_id", "time"])
    return table.assign(
        status="chosen", cloud=1.0, cloud_of="tile", days_from_middle=0.0, candidates=1, reason="least cloud"
    )


class Remote:
    """Answers after a while, from many threads at once, and holds every answer three times while it is read."""

    simulated, attribution, requests = True, "benchmark", 40

    def __init__(self, *_: object) -> None:
        rng = np.random.default_rng(0)
        self._noise = {m: rng.integers(0, 400, (SIZE * 10 // m, SIZE * 10 // m)) for m in native_resolutions(BANDS)}

    def read_many(self, scene_ids, grid, bands):
        return [self._one(scene, grid, bands) for scene in scene_ids]

    def _one(self, scene_id, grid, bands):
        body = {}
        for m in native_resolutions(bands):
            n = len(bands_at(bands, m))
            base = crc32(scene_id.encode()) % 1000
            body[m] = np.stack([np.roll(self._noise[m], b, 0) + base for b in range(n)]).astype("<u2").tobytes()
        time.sleep(0.2)
        arrays = {m: np.frombuffer(body[m], "<u2").reshape(-1, grid.shape(m), grid.shape(m)) for m in body}
        values = {m: a.copy() for m, a in arrays.items()}
        time.sleep(0.05)
        return Pixels(values, {m: np.ones(v.shape[1:], bool) for m, v in values.items()})


def entry(args: list[str], remote: bool) -> None:
    """Run the rule's entry in this process and print the peak memory."""
    import runpy

    import greenup.imagery

    if remote:
        greenup.imagery.open_source = Remote
    sys.argv = ["export_patches.py", *args]
    runpy.run_path(str(SCRIPTS / "export_patches.py"), run_name="__main__")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


def measure(folder: Path, name: str, sites: pd.DataFrame, *, remote: bool, again: bool = False) -> str:
    """One row of the table: a job exporting shard 0."""
    ours = sites[sites["shard"] == 0]
    paths = {n: folder / name / n for n in ("sites.parquet", "scenes.parquet", "work", "0000.h5", "ledger.parquet")}
    if not again:
        meta = {"simulated": True, "attribution": "benchmark"}
        write_table(paths["sites.parquet"], sites, SITES, **meta)
        write_table(paths["scenes.parquet"], scene_table(ours, remote), SCENES, **meta)
    patches = Patches(size_px=SIZE, bands=BANDS).model_dump_json()
    args = [
        *("--sites", str(paths["sites.parquet"]), "--scenes", str(paths["scenes.parquet"]), "--shard", "0000"),
        *("--imagery", IMAGERY, "--recipe", "1", "--patches", patches, "--min-images", "1"),
        *("--runtime", json.dumps({"requests": 40}), "--work", str(paths["work"] / "0000")),
        *("--pixels", str(paths["0000.h5"]), "--ledger", str(paths["ledger.parquet"])),
        *("--log", str(folder / name / "log")),
    ]
    began = time.monotonic()
    command = [sys.executable, __file__, "--entry", "remote" if remote else "miniature", *args]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    peak = int(done.stdout.split("peak ")[-1]) / 1024
    images = len(read_table(paths["scenes.parquet"]))
    megabytes = paths["0000.h5"].stat().st_size / 1e6
    return f"{peak:.0f} MiB, {images} images ({megabytes:.0f} MB on disk), {time.monotonic() - began:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sites")
    quick = parser.parse_args().quick
    less = 10 if quick else 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for count in (50 // less, 200 // less):
            sites = site_table(count, count)
            print(f"miniature Earth, {count} sites:", measure(folder, f"m{count}", sites, remote=False), flush=True)
        for count in (50 // less, 500 // less):
            sites = site_table(count, count)
            print(f"40 requests at once, {count} sites:", measure(folder, f"r{count}", sites, remote=True), flush=True)
        sites = site_table(254_000, 500 // less)
        name = f"{500 // less} of 254 000 sites"
        print(f"40 requests at once, {name}:", measure(folder, "all", sites, remote=True), flush=True)
        again = measure(folder, "all", sites, remote=True, again=True)
        print(f"everything kept, {name}:", again, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--entry"]:
        entry(sys.argv[3:], sys.argv[2] == "remote")
    else:
        main()
