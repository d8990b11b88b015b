"""Dates from a folder of files: both kinds say the same, and what is missing is told."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology.tiles import sample_tiles

from tests.standins.mcd12q2_files import MODIS, TILE, from_origin, inside_tile, write_layer, write_tile

SIZE = 240
DAYS = {"Greenup": 17_900, "Maturity": 17_940, "Senescence": 18_060, "Dormancy": 18_100}
"""First cycle of 2019 (days since 1970-01-01) in the middle of the tile; the second comes 50 days later."""


def layers(year):
    """Dates follow row and column; no cycle in the first quarter of rows, water in the last."""
    row, column = np.mgrid[:SIZE, :SIZE]
    made = {}
    for name, day in DAYS.items():
        first = day + (year - 2019) * 365 + row // 10 - column // 10
        made[name] = np.stack([first, first + 50], axis=2)
    made["QA_Overall"] = np.stack([column % 4, (column + 1) % 4], axis=2)
    made["EVI_Amplitude"] = np.stack([3000 + 0 * row, np.where(column % 2, 5000, 1000)], axis=2)
    made["NumCycles"] = np.where(row < SIZE // 4, 0, 2)
    for values in made.values():
        if values.ndim == 3:
            values[: SIZE // 4] = 32767
        values[-SIZE // 4 :] = 32767
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same tile h18v04 for 2018 and 2019, as HDF in folders of years and as GeoTIFFs."""
    root = tmp_path_factory.mktemp("mcd12q2")
    grid = (MODIS, from_origin(0, 5 * TILE, TILE / SIZE, TILE / SIZE), (SIZE, SIZE))
    (root / "tif").mkdir()
    for year in (2018, 2019):
        (root / "hdf" / str(year)).mkdir(parents=True)
        made = layers(year)
        write_tile(root / "hdf" / str(year), year, size=SIZE, **made)
        for name, values in made.items():
            if name == "NumCycles":
                write_layer(root / "tif", name, values, grid, year)
                continue
            for cycle in (0, 1):
                write_layer(root / "tif", f"{name}_{cycle + 1}", values[:, :, cycle], grid, year)
    return root


@pytest.fixture(scope="module")
def sites():
    lon, lat, u, w = inside_tile("h18v04", 400, seed=5)
    return pd.DataFrame(
        {"site_id": [f"s{i}" for i in range(400)], "lon": lon, "lat": lat,
         "row": (w * SIZE).astype(int), "column": (u * SIZE).astype(int)}
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["hdf", "tif"])
@pytest.mark.parametrize(("cycle", "max_quality"), [("first", None), ("second", 1), ("largest", None), ("largest", 0)])
def test_both_kinds_of_files_say_what_was_written(folders, sites, kind, cycle, max_quality):
    table = sample_tiles(str(folders / kind), sites, years=(2018, 2019), cycle=cycle, max_quality=max_quality)
    got = table.set_index(["site_id", "year"])
    looked_at = sites[sites["row"] < SIZE * 3 // 4]
    assert sorted(got.index) == sorted((s, y) for s in looked_at["site_id"] for y in (2018, 2019)), "water has no row"
    made = {year: layers(year) for year in (2018, 2019)}
    for site in looked_at.itertuples():
        at = (site.row, site.column)
        for year in (2018, 2019):
            ours = got.loc[(site.site_id, year)].to_numpy(dtype=float)
            good = [n for n in (0, 1) if max_quality is None or made[year]["QA_Overall"][(*at, n)] <= max_quality]
            if cycle == "largest":
                taken = max(good, key=lambda n, y=year: made[y]["EVI_Amplitude"][(*at, n)], default=None)
            else:
                taken = {"first": 0, "second": 1}[cycle]
            if site.row < SIZE // 4 or taken not in good:
                assert np.isnan(ours).all()
            else:
                assert ours.tolist() == [made[year][name][(*at, taken)] for name in DAYS]


def test_mistakes(folders, sites, tmp_path):
    def sample(folder, years=(2018, 2019), some=sites):
        return sample_tiles(str(folder), some, years=years, cycle="first", max_quality=None)

    with pytest.raises(UserError, match=r"phenology.folder: .*nowhere has no file of MCD12Q2 \(MCD12Q2.A<year>001"):
        sample(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"phenology.years: .*hdf has no file \(MCD12Q2.A<year>001.* of 2017, 2020\n"):
        sample(folders / "hdf", (2017, 2020))
    with pytest.raises(UserError, match=r"no file \(MCD12Q2.061_<layer>.* of 2020"):
        sample(folders / "tif", (2018, 2020))
    with pytest.raises(UserError, match=r"holds HDF tiles \(2\) and GeoTIFFs \(2 areas and years\)"):
        sample(folders)
    far = sites.assign(lon=-70.0, lat=-10.0)
    for kind in ("hdf", "tif"):
        with pytest.raises(UserError, match=r"has no data at any of the 400 sites"):
            sample(folders / kind, some=far)
