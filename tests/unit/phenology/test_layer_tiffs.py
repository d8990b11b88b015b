"""GeoTIFFs of layers, in degrees, on the sinusoidal grid and in UTM: each site gets its own pixel."""

import logging

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.phenology import layer_tiffs

from tests.standins.mcd12q2_files import GRIDS, inside_grid, write_layer

LAYERS = ["Greenup_1", "Maturity_1", "Senescence_1", "Dormancy_1", "NumCycles"]


def write_all(folder, grid="degrees", layers=LAYERS, seed=0, **more):
    rng = np.random.default_rng(seed)
    shape = GRIDS[grid][2]
    made = {n: rng.integers(0, 3, shape) if n == "NumCycles" else rng.integers(11138, 20000, shape) for n in layers}
    for layer, values in made.items():
        write_layer(folder, layer, values, grid, **more)
    return made


def sample(folder, lon, lat, years=(2019,), layers=LAYERS):
    return list(layer_tiffs.sample(layer_tiffs.find(folder), lon, lat, list(years), layers))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("time", ["", "000000"])
def test_every_site_gets_its_own_pixel(tmp_path, grid, time, monkeypatch):
    monkeypatch.setattr(layer_tiffs, "_STRIP", 64)
    made = write_all(tmp_path, grid, time=time)
    lon, lat, row, column = inside_grid(grid)
    [(year, at, values)] = sample(tmp_path, lon, lat)
    assert year == 2019
    assert at.tolist() == list(range(300))
    for layer in LAYERS:
        assert (values[layer] == made[layer][row, column]).all(), layer


def test_sites_outside_are_told_once(tmp_path, caplog):
    write_all(tmp_path)
    lon, lat, *_ = inside_grid("degrees", 5)
    lon[2], lat[2] = -70.0, -10.0
    with caplog.at_level(logging.WARNING):
        [(_, at, _)] = sample(tmp_path, lon, lat)
    assert at.tolist() == [0, 1, 3, 4]
    assert [r.getMessage() for r in caplog.records] == [
        "MCD12Q2: 1 of 5 sites lie outside all GeoTIFFs and get no dates"
    ]


def test_several_areas_and_years(tmp_path):
    """Where areas overlap the first one counts, in each year by itself."""
    first = write_all(tmp_path, seed=1, aid="0001")
    write_all(tmp_path, seed=2, aid="0002")
    later = write_all(tmp_path, seed=3, aid="0002", year=2020)
    lon, lat, row, column = inside_grid("degrees", 20)
    parts = sample(tmp_path, lon, lat, (2019, 2020))
    assert [(year, len(at)) for year, at, _ in parts] == [(2019, 20), (2020, 20)]
    assert (parts[0][2]["Greenup_1"] == first["Greenup_1"][row, column]).all()
    assert (parts[1][2]["Greenup_1"] == later["Greenup_1"][row, column]).all()


def test_the_number_of_cycles_may_be_missing(tmp_path):
    write_all(tmp_path, layers=LAYERS[:4])
    lon, lat, *_ = inside_grid("degrees", 4)
    [(_, _, values)] = sample(tmp_path, lon, lat)
    assert np.isnan(values["NumCycles"]).all()


def test_no_data_of_the_file_and_of_the_product(tmp_path):
    made = write_all(tmp_path, nodata=-1)
    lon, lat, row, column = inside_grid("degrees", 2)
    made["Greenup_1"][row[0], column[0]] = 32767
    made["NumCycles"][row[1], column[1]] = -1
    for layer in ("Greenup_1", "NumCycles"):
        write_layer(tmp_path, layer, made[layer], nodata=-1)
    [(_, _, values)] = sample(tmp_path, lon, lat)
    assert np.isnan(values["Greenup_1"]).tolist() == [True, False]
    assert np.isnan(values["NumCycles"]).tolist() == [False, True]


def test_mistakes(tmp_path, monkeypatch):
    lon, lat, *_ = inside_grid("degrees", 4)
    write_all(tmp_path, layers=["Greenup_1", "Maturity_1", "Dormancy_1"])
    with pytest.raises(UserError, match=r"aid0001: layer Senescence_0 of 2019 is missing \(there are MCD12Q2.061_Dorm"):
        sample(tmp_path, lon, lat)
    write_layer(tmp_path, "Senescence_1", np.zeros((10, 10)))
    with pytest.raises(UserError, match=r"Senescence_0_doy2019001_aid0001.tif: its grid is not that of MCD12Q2.061_G"):
        sample(tmp_path, lon, lat)
    path = write_all(tmp_path) and next(tmp_path.glob("*Greenup*"))
    path.write_bytes(b"half a download")
    with pytest.raises(UserError, match=r"Greenup_0_doy2019001_aid0001.tif: cannot be read"):
        sample(tmp_path, lon, lat)
    monkeypatch.setitem(GRIDS, "none", (None, *GRIDS["degrees"][1:]))
    write_all(tmp_path, "none")
    with pytest.raises(UserError, match=r"has no coordinate system"):
        sample(tmp_path, lon, lat)


def test_names(tmp_path):
    for name in (
        "a_MCD12Q2.061_QA_Overall_1_doy2003001_aid0002.tif",
        "MCD12Q2.061_NumCycles_doy2003001000000_aid0001.tif",
        "MCD12Q2.061_Greenup_0_doy2003002_aid0001.tif",
        "MCD12Q1.061_LC_Type1_doy2003001_aid0001.tif",
    ):
        (tmp_path / name).touch()
    found = layer_tiffs.find(tmp_path)
    assert {(year, layer) for (_, year), layers in found.items() for layer in layers} == {
        (2003, "QA_Overall_2"),
        (2003, "NumCycles"),
    }
    assert len(found) == 2, "areas of different orders are different areas"
