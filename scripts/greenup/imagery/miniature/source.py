"""The miniature Earth as an image source, and what it knows of its sites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import pandas as pd

from greenup.bands import MINIATURE
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.imagery.miniature import ground, land, plants, trees
from greenup.imagery.miniature.dates import four_dates
from greenup.imagery.miniature.noise import key, uniform
from greenup.imagery.miniature.render import render
from greenup.imagery.miniature.sky import REVISIT_DAYS, Sky
from greenup.imagery.miniature.version import VERSION
from greenup.sites import packaged

# A shard's sites come one after the other with all their dates: a few grounds are enough.
_GROUNDS_KEPT = 8
_CHUNK = 4096


class MiniatureSource:
    """The miniature Earth of one seed (an `ImagerySource`): no account, no network, everything simulated."""

    simulated = True

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.attribution = f"Simulated images: miniature Earth, version {VERSION}, seed {seed}. {packaged.ATTRIBUTION}"
        self._sky = Sky(seed)
        self._ground = lru_cache(maxsize=_GROUNDS_KEPT)(lambda grid: ground.build(seed, grid))

    # ------------------------------------------------------------------------------------------------ image source
    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """All passes over the tile of each site's patch inside its intervals; see `ImagerySource.search`.

        Cloud is that of the tile. A pass counts once for a site and season, however many intervals hold it.
        """
        columns = ["site_id", "season", "scene_id", "time", "cloud", "cloud_of"]
        wanted = intervals[intervals["site_id"].isin(sites["site_id"])]
        if wanted.empty:
            empty = pd.DataFrame({c: pd.Series(dtype="float64" if c == "cloud" else "string") for c in columns})
            return empty.assign(time=pd.Series(dtype="datetime64[us, UTC]"))
        bounds = np.array([g.bounds() for g in grids])
        tiles, tile_of = self._sky.tiles_of(
            np.array([g.epsg for g in grids]), bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)
        )
        row = pd.Series(np.arange(len(sites)), index=sites["site_id"].to_numpy()).loc[wanted["site_id"]].to_numpy()
        tile = tile_of[row]
        first, last = (
            pd.to_datetime(wanted[c]).to_numpy().astype("datetime64[D]").astype(np.int64) for c in ("first", "last")
        )
        # Days of passes: those of the tile's phase modulo five.
        first = first + (tiles.phase[tile] - first) % REVISIT_DAYS
        count = np.maximum(0, (last - first) // REVISIT_DAYS + 1)
        of = np.repeat(np.arange(len(wanted)), count)
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        hits = pd.DataFrame({"of": of, "tile": tile[of], "day": first[of] + REVISIT_DAYS * nth})
        # Neighbours share tiles: each pass is looked at once.
        asked = hits[["tile", "day"]].drop_duplicates()
        passes = self._sky.passes(tiles, asked["tile"].to_numpy(), asked["day"].to_numpy())
        found = {k: getattr(passes, k) for k in ("tile", "day", "time", "cloud")}
        hits = hits.merge(pd.DataFrame({**found, "scene_id": passes.scene_ids}), on=["tile", "day"])
        out = pd.DataFrame(
            {
                "site_id": wanted["site_id"].to_numpy()[hits["of"]],
                "season": wanted["season"].to_numpy()[hits["of"]],
                "scene_id": hits["scene_id"],
                "time": pd.to_datetime(hits["time"], utc=True).astype("datetime64[us, UTC]"),
                "cloud": hits["cloud"],
                "cloud_of": "tile",
            }
        )
        return out.drop_duplicates(["site_id", "season", "scene_id"], ignore_index=True)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """The pixels of a scene on a grid: bands of a simulated L2A product, and its masks SCL, QA60 and CLDPRB.

        Raises `SceneMissing` when that scene does not exist or does not show the grid, `UserError` for other bands.
        """
        if others := [b for b in bands if b not in MINIATURE]:
            raise UserError(
                f"patches.bands: the miniature Earth has no band {others[0]!r}", f"choose from {', '.join(MINIATURE)}"
            )
        scene = self._sky.scene(scene_id, grid)
        return render(self.seed, self._ground(grid), scene, grid, bands)

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """16-day EVI at the sites, noisy; ``clear`` is False under cloud (which lowers EVI) and snow.

        ``snow``: no cloud, and snow on two fifths of the ground or more.
        """
        start, end = (np.datetime64(f"{y}-01-01", "D").astype(int) for y in (years[0], years[1] + 1))
        days = np.concatenate(
            [
                np.arange(0, 365, 16) + np.datetime64(f"{y}-01-01", "D").astype(int)
                for y in range(years[0], years[1] + 1)
            ]
        )
        days = days[(days >= start) & (days < end)]
        parts = []
        for part in _chunks(sites, 512):
            places = self._places(part)
            evi, snow = plants.evi_curve(places, days + 8.0)
            # Noise belongs to the place (to about a metre) and the day.
            spot = [
                np.round(places.lon * 1e5).astype(np.int64)[:, None],
                np.round(places.lat * 1e5).astype(np.int64)[:, None],
            ]
            draw = [uniform(key(self.seed, "curve", i), *spot, days[None, :]) for i in range(3)]
            wet = np.clip(0.12 + 0.22 * places.wetness, 0.05, 0.4)[:, None]
            cloudy = draw[0] < wet
            noisy = evi + 0.035 * (draw[1] - 0.5) - cloudy * 0.5 * draw[2] * np.maximum(evi, 0.0)
            parts.append(
                pd.DataFrame(
                    {
                        "site_id": np.repeat(part["site_id"].to_numpy(), len(days)),
                        "time": np.tile(pd.to_datetime(days + 8, unit="D", utc=True), len(part)),
                        "evi": noisy.ravel(),
                        "clear": (~cloudy & (snow < 0.4)).ravel(),
                        "snow": (~cloudy & (snow >= 0.4)).ravel(),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    # ------------------------------------------------------------------------------------------- what it knows
    def phenology(self, sites: pd.DataFrame, years: tuple[int, int], *, threads: int = 1) -> pd.DataFrame:
        """The four dates of each site and year (both ends included), as MCD12Q2 would give them.

        Columns site_id, year, greenup, maturity, senescence, dormancy: days since 1970-01-01, NaN where the season's
        amplitude is too small (deserts, ice, evergreen tropics). ``year`` is that of the cycle's middle. Rows are in
        the order of the sites, then of the years, whatever the number of ``threads``.
        """
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda part: four_dates(self._places(part), years), _chunks(sites, _CHUNK)))
        year = np.arange(years[0], years[1] + 1)
        days = np.round(np.concatenate(parts)) if parts else np.empty((0, len(year), 4))
        table = pd.DataFrame(days.reshape(-1, 4), columns=["greenup", "maturity", "senescence", "dormancy"])
        table.insert(0, "site_id", np.repeat(sites["site_id"].to_numpy(), len(year)))
        table.insert(1, "year", np.tile(year, len(sites)))
        return table

    def climate(self, sites: pd.DataFrame) -> pd.DataFrame:
        """Annual climate: site_id, temperature_c, precipitation_mm, evapotranspiration_mm, water_balance_mm.

        Evapotranspiration is potential; the balance is precipitation less that."""
        places = self._places(sites)
        return pd.DataFrame(
            {
                "site_id": sites["site_id"].to_numpy(),
                "temperature_c": places.temperature,
                "precipitation_mm": places.rain,
                "evapotranspiration_mm": places.evapotranspiration,
                "water_balance_mm": places.rain - places.evapotranspiration,
            }
        )

    def genera(self, sites: pd.DataFrame) -> pd.DataFrame:
        """Tree genera: site_id, label ("Picea, Pinus", commonest first; "" where trees cover less than 5 %)."""
        places = self._places(sites)
        labels = trees.names(places.genera, places.cover[:, land.TREES].sum(axis=1))
        return pd.DataFrame({"site_id": sites["site_id"].to_numpy(), "label": labels})

    def _places(self, sites: pd.DataFrame) -> land.Land:
        return land.describe(self.seed, sites["lon"].to_numpy(), sites["lat"].to_numpy())


def _chunks(sites: pd.DataFrame, size: int):
    return (sites.iloc[i : i + size] for i in range(0, len(sites), size))
