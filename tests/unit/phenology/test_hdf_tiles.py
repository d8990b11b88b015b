"""True HDF4 tiles: each site gets its own pixel, as PROJ finds it."""

import logging

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.phenology import hdf_tiles

SD = pytest.importorskip("pyhdf.SD")
files = pytest.importorskip("tests.standins.mcd12q2_files")
inside, write_tile = files.inside_tile, files.write_tile


def sample(folder, lon, lat, years, layers):
    return list(hdf_tiles.sample(hdf_tiles.find(folder), lon, lat, years, layers))


@pytest.mark.parametrize("size", [24, 2400])
def test_every_site_gets_its_own_pixel(tmp_path, size):
    place = np.add.outer(31 * np.arange(size), 17 * np.arange(size))
    greenup, cycles = 11138 + np.stack([place % 8009, place % 7001], axis=2), place % 4
    write_tile(tmp_path, size=size, names=(), Greenup=greenup, NumCycles=cycles)
    lon, lat, u, w = inside("h18v04", 500)
    row, column = (w * size).astype(int), (u * size).astype(int)
    [(year, at, values)] = sample(tmp_path, lon, lat, [2019], ["Greenup_1", "Greenup_2", "NumCycles"])
    assert year == 2019
    assert at.tolist() == list(range(500))
    assert (values["Greenup_1"] == greenup[row, column, 0]).all()
    assert (values["Greenup_2"] == greenup[row, column, 1]).all()
    assert (values["NumCycles"] == cycles[row, column]).all()


def test_only_tiles_with_sites_are_opened_each_once(tmp_path, monkeypatch):
    for tile in ("h18v04", "h19v04", "h20v04"):
        for year in (2018, 2019):
            write_tile(tmp_path, year, tile)
    opened = []
    true_sd = SD.SD
    monkeypatch.setattr(SD, "SD", lambda path, mode: opened.append(path) or true_sd(path, mode))
    lon, lat = (np.concatenate([inside("h18v04", 5)[i], inside("h20v04", 5)[i]]) for i in (0, 1))
    parts = sample(tmp_path, lon, lat, [2018, 2019], ["Greenup_1"])
    assert len(opened) == len(set(opened)) == 4
    assert not any("h19v04" in path for path in opened)
    assert [(year, sorted(at.tolist())) for year, at, _ in parts] == [
        (2018, [0, 1, 2, 3, 4]), (2019, [0, 1, 2, 3, 4]), (2018, [5, 6, 7, 8, 9]), (2019, [5, 6, 7, 8, 9])
    ]  # fmt: skip


def test_fill_is_no_data(tmp_path):
    write_tile(tmp_path, Greenup=np.full((24, 24, 2), 32767), NumCycles=np.zeros((24, 24)))
    lon, lat, *_ = inside("h18v04", 3)
    [(_, _, values)] = sample(tmp_path, lon, lat, [2019], ["Greenup_1", "NumCycles"])
    assert np.isnan(values["Greenup_1"]).all()
    assert (values["NumCycles"] == 0).all()


def test_of_two_productions_the_newest_counts(tmp_path):
    (tmp_path / "old").mkdir()
    write_tile(tmp_path, production="2022112233445", Greenup=np.full((24, 24, 2), 15000))
    write_tile(tmp_path / "old", production="2021112233445", Greenup=np.full((24, 24, 2), 14000))
    write_tile(tmp_path / "old", production="2024112233445", collection="006", Greenup=np.full((24, 24, 2), 13000))
    lon, lat, *_ = inside("h18v04", 3)
    [(_, _, values)] = sample(tmp_path, lon, lat, [2019], ["Greenup_1"])
    assert values["Greenup_1"].tolist() == [15000] * 3


def test_missing_tiles_are_told_once(tmp_path, caplog):
    write_tile(tmp_path, 2018, "h18v04")
    write_tile(tmp_path, 2019, "h18v04")
    write_tile(tmp_path, 2018, "h19v04")
    points = [inside(tile, n) for tile, n in (("h18v04", 2), ("h19v04", 3), ("h01v09", 4))]
    lon, lat = (np.concatenate([p[i] for p in points]) for i in (0, 1))
    with caplog.at_level(logging.WARNING):
        parts = sample(tmp_path, lon, lat, [2018, 2019], ["Greenup_1"])
    assert len(parts) == 3
    [message] = [r.getMessage() for r in caplog.records]
    assert "1 tiles without any file, with 4 sites, which get no dates: h01v09" in message
    assert "1 tile-years without a file, with 3 sites, which get fewer: h19v04 2019" in message


def test_nothing_is_told_when_all_is_there(tmp_path, caplog):
    write_tile(tmp_path)
    lon, lat, *_ = inside("h18v04", 3)
    with caplog.at_level(logging.WARNING):
        sample(tmp_path, lon, lat, [2019], ["Greenup_1"])
    assert not caplog.records


def test_broken_files(tmp_path):
    lon, lat, *_ = inside("h18v04", 3)
    path = write_tile(tmp_path)
    with pytest.raises(UserError, match=rf"{path.name}: layer Peak cannot be read"):
        sample(tmp_path, lon, lat, [2019], ["Peak_1"])
    path.unlink()
    write_tile(tmp_path, Greenup=np.zeros((3, 24, 24)))
    with pytest.raises(UserError, match=r"layer Greenup has shape \(3, 24, 24\), not \(2400, 2400, 2\)"):
        sample(tmp_path, lon, lat, [2019], ["Greenup_1"])
    path.write_bytes(b"half a download")
    with pytest.raises(UserError, match=r"cannot be opened as HDF4.*\n  mend: download it again"):
        sample(tmp_path, lon, lat, [2019], ["Greenup_1"])


def test_without_pyhdf(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyhdf.SD", None)
    lon, lat, *_ = inside("h18v04", 1)
    (tmp_path / "MCD12Q2.A2019001.h18v04.061.2022112233445.hdf").touch()
    with pytest.raises(UserError, match=r"pyhdf is not installed\n  mend: pip install pyhdf"):
        sample(tmp_path, lon, lat, [2019], ["Greenup_1"])
