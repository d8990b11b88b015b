"""A dataset's tables on disk, made up from a seed: sites, ledgers and scenes of two shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from greenup.files import write_table
from greenup.grids import grid_for_site
from greenup.patches.quality import Facts, read_facts
from greenup.schemas import LEDGER, SCENES, SITES, Schema

SIZE_PX = 48
CAUSES = {
    "cloudy": "none below 20 % cloud ({n} candidates); the least is {least} %",
    "masked": "the scene has no valid pixel here",
    "dropped": "the site has 1 image, min_images is 2",
}


def site_rows(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    covers = np.array(["cropland", "grassland", None], dtype=object)
    return pd.DataFrame(
        {
            "site_id": [f"s{i:03d}" for i in range(count)],
            "lon": rng.uniform(-170, 170, count),
            "lat": rng.uniform(-60, 70, count),
            "stratum": "x",
            "land": True,
            "climate_zone": "cold",
            "land_cover": covers[np.arange(count) % 3],
            "ecoregion": None,
            "biome": None,
            "realm": None,
            "mountain": False,
            "weight": 1.0,
            "shard": np.arange(count) * 2 // count,
        }
    )


def ledger_rows(sites: pd.DataFrame, seasons: tuple[str, ...], seed: int = 0, lost: float = 0.3) -> pd.DataFrame:
    """Ledger and scenes in one table: scenes have the further columns cloud_of and days_from_middle."""
    rng = np.random.default_rng(seed)
    rows = []
    for site in sites.itertuples():
        grid = grid_for_site(site.lon, site.lat, SIZE_PX, (10, 20, 60))
        for season in seasons:
            row = {"site_id": site.site_id, "season": season, "shard": site.shard, "status": "ok"}
            if rng.random() < lost:
                status = str(rng.choice(list(CAUSES)))
                words = CAUSES[status].format(n=rng.integers(1, 30), least=round(rng.uniform(20, 99), 1))
                rows.append(row | {"status": status, "cause": words})
                continue
            month, day = int(rng.integers(1, 13)), int(rng.integers(1, 28))
            time = pd.Timestamp(int(rng.integers(2018, 2021)), month, day, tz="UTC")
            seen = {"time": time, "cloud": None if rng.random() < 0.1 else rng.uniform(0, 20), "scene_id": "S"}
            seen |= {"valid_fraction": float(rng.choice([1.0, 0.995, 0.95, 0.6])), "checksum": "c", "row": 0}
            seen |= {"cloud_of": str(rng.choice(["tile", "patch"])), "days_from_middle": rng.normal(0, 20)}
            place = {"epsg": grid.epsg, "west": grid.west, "north": grid.north, "pixel_x": 10.0, "pixel_y": 10.0}
            rows.append(row | seen | place)
    table = pd.DataFrame(rows)
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *(c.name for c in LEDGER.columns)])))


def _write(path: Path, table: pd.DataFrame, schema: Schema) -> str:
    table = table.reindex(columns=[c.name for c in schema.columns])
    write_table(path, table, schema, simulated=True, attribution="made up for a test")
    return str(path)


def write_dataset(root: Path, sites: pd.DataFrame, rows: pd.DataFrame) -> dict[str, object]:
    """Write both below ``root``; returns the paths by the names that `write_quality` gives them."""
    chosen = rows.assign(candidates=3, reason="because", orbit=None)
    chosen["status"] = chosen["status"].replace({"ok": "chosen", "masked": "chosen", "dropped": "chosen"})
    paths = {"sites": _write(root / "sites/d.parquet", sites, SITES), "ledgers": [], "scenes": []}
    for shard in sorted(sites["shard"].unique()):
        name = f"d/{shard:04d}"
        mine = rows["shard"] == shard
        paths["ledgers"].append(_write(root / f"patches/{name}.ledger.parquet", rows[mine], LEDGER))
        paths["scenes"].append(_write(root / f"scenes/{name}.parquet", chosen[mine], SCENES))
    return paths


def facts_of(root: Path, sites: pd.DataFrame, rows: pd.DataFrame) -> Facts:
    paths = write_dataset(root, sites, rows)
    return read_facts(paths["sites"], paths["ledgers"], paths["scenes"], size_px=SIZE_PX)
