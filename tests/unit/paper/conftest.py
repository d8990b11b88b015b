"""Small tables with the columns of the workflow's: 12 sites, two years, four seasons, all made up from a seed."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from greenup.schemas import SEASONS

COVERS = ("evergreen_needleleaf_forest", "cropland", "grassland", "savanna", "barren", "open_shrubland")
LATITUDES = (62.0, 48.0, 40.0, 10.0, -5.0, -20.0, -33.0, 55.0, 30.0, 70.0, -40.0, 3.0)


class FakeStore:
    """Patches of one colour a season, with a corner without data."""

    def __init__(self, size: int = 24) -> None:
        self.size = size
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []

    def read(self, site_id, season, channels):
        self.asked.append((site_id, season, tuple(channels)))
        level = 600 + 700 * SEASONS.index(season)
        image = np.full((len(channels), self.size, self.size), level, np.uint16)
        image += np.arange(self.size, dtype=np.uint16)[None, None, :]
        valid = np.ones((self.size, self.size), bool)
        valid[:3, :3] = False
        image[:, ~valid] = 0
        return image, valid


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def world() -> SimpleNamespace:
    """Tables sites, seasons, phenology, curves, index. Site 3 lacks autumn; sites 8 and on have no curve."""
    rng = np.random.default_rng(5)
    ids = [f"{i}U_{i}R" for i in range(len(LATITUDES))]
    sites = pd.DataFrame(
        {
            "site_id": ids,
            "lon": rng.uniform(-100, 140, len(ids)),
            "lat": LATITUDES,
            "land_cover": [COVERS[i % len(COVERS)] for i in range(len(ids))],
        }
    )
    intervals, curves, index = [], [], []
    for i, (site, lat) in enumerate(zip(ids, LATITUDES, strict=True)):
        shift = 0 if lat > 0 else 182
        starts = [(d + shift) % 365 for d in (100, 160, 250, 310)]
        for k, season in enumerate(SEASONS):
            first = pd.Timestamp(2019, 1, 1) + pd.Timedelta(days=starts[k])
            last = first + pd.Timedelta(days=(starts[(k + 1) % 4] - starts[k]) % 365 - 1)
            intervals.append((site, season, 2019, first, first + (last - first) / 2, last, 0, 0))
            if (i, season) != (3, "autumn"):
                time = (first + pd.Timedelta(days=10, hours=10)).tz_localize("UTC")
                index.append(
                    (site, season, sites["lon"][i], lat, COVERS[i % 6], f"S2_{site}_{season}", time, 3.0 * k, 1.0)
                )
        if i < 8:
            time = pd.date_range("2019-01-03", "2020-12-30", freq="8D", tz="UTC")
            day = (time.day_of_year.to_numpy() - 205 - shift + 182) % 365 - 182
            evi = 0.1 + 0.05 * (i + 1) * np.exp(-((day / 70) ** 4))
            number = np.arange(len(time))
            seen = {"clear": number % 3 > 0, "snow": number % 12 == 0}
            curves.append(pd.DataFrame({"site_id": site, "time": time, "evi": evi, **seen}))
    filled = np.isin(np.arange(len(ids)), (0, 7))
    phenology = pd.DataFrame(
        {
            "site_id": ids,
            "origin": np.where(filled, "filled", "observed"),
            "donor_km": np.where(filled, 23.4, np.nan),
            "cause": np.where(filled, "no_cycle", None),
        }
    )
    table = SimpleNamespace(
        sites=sites,
        seasons=pd.DataFrame(
            intervals, columns=["site_id", "season", "year", "first", "middle", "last", "choice", "dark_days"]
        ),
        phenology=phenology,
        curves=pd.concat(curves, ignore_index=True),
        index=pd.DataFrame(
            index,
            columns=["site_id", "season", "lon", "lat", "land_cover", "scene_id", "time", "cloud", "valid_fraction"],
        ),
    )
    table.index.attrs.update(simulated=True, attribution="")
    return table


@pytest.fixture
def outputs(tmp_path):
    """``outputs("fig")``: the png, pdf and csv of a figure below a fresh folder."""

    def make(name: str) -> SimpleNamespace:
        return SimpleNamespace(**{kind: str(tmp_path / f"{name}.{kind}") for kind in ("png", "pdf", "csv")})

    return make
