"""Datasets written as folders of SSL4EO-S12: values, grids, numbers, interruptions, and what its readers do."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from fake_source import FakeSource, scene_table, site_table
from greenup.bands import S1_GRD, S2_L2A
from greenup.config.data import Patches
from greenup.errors import UserError
from greenup.files import read_table, write_json, write_table
from greenup.patches.layout import write_layout
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX, LEDGER

AT = {10: ("B2", "B3", "B4", "B8"), 20: ("B5", "B6", "B7", "B8A", "B11", "B12"), 60: ("B1", "B9")}
SEASONS = ("winter", "spring", "summer", "autumn")


class Made:
    """A finished dataset of the fake source: sites of four seasons; s001 lacks one, s002's summer has holes."""

    def __init__(self, study, product="s2_l2a", bands=S2_L2A, count=4, size=24) -> None:
        sites = site_table(count)
        scenes = scene_table(sites, SEASONS, {("s001", "autumn"): "cloudy"} if count > 1 else None)
        scenes["time"] += pd.Timedelta(milliseconds=123)
        study.patches = Patches(size_px=size, bands=bands)
        study.export(sites, scenes, FakeSource(holed=["s002-summer"]))
        ledger = read_table(study.ledger(), LEDGER)
        ok = ledger[ledger["status"] == "ok"]
        of_site = sites.set_index("site_id")[["lon", "lat", "stratum", "land_cover", "weight", "shard"]]
        table = ok.join(of_site, on="site_id").assign(file="patches/d/0000.h5")[[c.name for c in INDEX.columns]]
        write_table(study.index, table, INDEX, simulated=True, attribution="made up")
        write_json(study.index.parent / "statistics.json", {"product": product})
        self.study, self.index, self.out = study, study.index, study.root / "layouts"
        self.store = PatchStore(study.index)


@pytest.fixture
def made(study) -> Made:
    return Made(study)


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "contents.csv"
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "contents.csv", dtype={"site_id": str})


def test_every_band_is_written_as_it_is_stored_with_its_true_grid(made):
    table = write_layout([made.index], made.out)
    pd.testing.assert_frame_equal(
        contents(made.out)[["number", "site_id", "season", "folder"]],
        table[["number", "site_id", "season", "folder"]],
        check_dtype=False,
    )
    # s001 has three images; the others are numbered without a gap.
    assert table.groupby("number")["site_id"].unique().str[0].to_dict() == {0: "s000", 1: "s002", 2: "s003"}
    assert table["folder"].tolist()[:2] == ["s2a/0000000/s000-winter", "s2a/0000000/s000-spring"]
    assert len(table) == 12
    for row in table.itertuples():
        pixels, grid = made.store.read_native(row.site_id, row.season)
        folder = made.out / row.folder
        assert sorted(p.name for p in folder.iterdir()) == sorted([*(f"{b}.tif" for b in S2_L2A), "metadata.json"])
        for m, bands in AT.items():
            for i, name in enumerate(bands):
                with rasterio.open(folder / f"{name}.tif") as file:
                    assert (file.count, file.dtypes[0], file.nodata) == (1, "uint16", 0)
                    assert file.crs.to_epsg() == grid.epsg
                    assert file.transform == grid.transform(m)
                    assert file.shape == (240 // m, 240 // m)
                    np.testing.assert_array_equal(file.read(1), pixels.values[m][i])
                    assert (file.read(1)[~pixels.valid[m]] == 0).all()
                    assert file.tags()["simulated"] == "True"


def test_metadata_reads_like_earth_engine(made):
    table = write_layout([made.index], made.out)
    row = table[table["site_id"] == "s002"].iloc[2]
    about = json.loads((made.out / row["folder"] / "metadata.json").read_text())
    kept = made.store.row("s002", row["season"])
    assert about["id"] == about["system:index"] == row["scene_id"] == "s002-summer"
    assert about["system:time_start"] == kept.time.value // 1_000_000
    assert about["system:time_start"] % 1000 == 123
    assert about["CLOUDY_PIXEL_PERCENTAGE"] == kept.cloud
    assert (about["lon"], about["lat"]) == (row["lon"], row["lat"])
    assert about["simulated"] is True
    assert [b["id"] for b in about["bands"]] == list(S2_L2A)
    for band in about["bands"]:
        with rasterio.open(made.out / row["folder"] / f"{band['id']}.tif") as file:
            assert band["crs"] == f"EPSG:{file.crs.to_epsg()}"
            assert band["crs_transform"] == list(file.transform)[:6]
            assert band["dimensions"] == [file.width, file.height]


def test_what_torchgeos_reader_does(made):
    """Without torchgeo, which is not installed: its SSL4EOS12 counts folders, lists images and reads every band."""
    write_layout([made.index], made.out)
    rng = random.Random(0)
    for index in range(3):
        root = made.out / "s2a" / f"{index:07}"
        folders = rng.sample(names(root), 4)
        images = []
        for folder in folders:
            for band in S2_L2A:
                with rasterio.open(root / folder / f"{band}.tif") as file:
                    images.append(file.read(out_shape=(1, 264, 264)).astype(np.float32))
        assert np.concatenate(images).shape == (48, 264, 264)


def test_what_the_authors_reader_does(made):
    """zhu-xlab/SSL4EO-S12: every folder in the modality is a site, every entry of it an image."""
    write_layout([made.index], made.out)
    assert names(made.out / "s2a") == ["0000000", "0000001", "0000002"]
    for site in names(made.out / "s2a"):
        assert len(names(made.out / "s2a" / site)) == 4
        assert all((made.out / "s2a" / site / f / "B1.tif").is_file() for f in names(made.out / "s2a" / site))


def test_what_is_whole_is_not_written_again_and_damage_is(made):
    write_layout([made.index], made.out)
    before = state(made.out)
    write_layout([made.index], made.out)
    assert state(made.out) == before
    (made.out / "s2a/0000001/s002-spring/B4.tif").unlink()
    with (made.out / "s2a/0000002/s003-autumn/B8.tif").open("ab") as file:
        file.truncate(100)
    (made.out / "s2a/0000000/s000-winter/extra.tif").touch()
    shutil.rmtree(made.out / "s2a/0000000/s000-summer")
    write_layout([made.index], made.out)
    after = state(made.out)
    assert {k: v[0] for k, v in after.items()} == {k: v[0] for k, v in before.items()}
    again = {k.rsplit("/", 1)[0] for k in before if before[k] != after[k]}
    assert {g.split("/")[-1] for g in again} == {"s002-spring", "s003-autumn", "s000-winter", "s000-summer"}


def test_fewer_seasons_on_demand_and_the_sites_of_before_are_replaced(made):
    write_layout([made.index], made.out, seasons=3)
    table = contents(made.out)
    assert table.groupby("site_id").size().to_dict() == {"s000": 4, "s001": 3, "s002": 4, "s003": 4}
    assert (made.out / "s2a/0000003").is_dir()
    write_layout([made.index], made.out)
    assert names(made.out / "s2a") == ["0000000", "0000001", "0000002"]
    assert names(made.out / "s2a/0000001") == sorted(f"s002-{s}" for s in SEASONS)
    with pytest.raises(UserError, match="none of 4 sites has 5 images") as caught:
        write_layout([made.index], made.out, seasons=5)
    assert "--seasons 4" in str(caught.value)


def test_other_peoples_files_are_left_alone(made):
    foreign = made.out / "s2a" / "0000000" / "20200101T000000_T31"
    foreign.mkdir(parents=True)
    (foreign / "metadata.json").write_text('{"system:index": "x"}')
    with pytest.raises(UserError, match="was not written by this rule"):
        write_layout([made.index], made.out)
    # Even where it bears the name of an image that is wanted.
    foreign.rename(foreign.with_name("s000-winter"))
    with pytest.raises(UserError, match="s000-winter: was not written by this rule"):
        write_layout([made.index], made.out)
    assert (foreign.with_name("s000-winter") / "metadata.json").read_text() == '{"system:index": "x"}'


def test_radar_as_decibels_and_sites_with_common_numbers(study, tmp_path):
    optical = Made(study)
    radar = Made(type(study)(tmp_path / "other"), "s1_grd", (*S1_GRD,), count=3)
    table = write_layout([radar.index, optical.index], tmp_path / "out")
    assert names(tmp_path / "out") == ["contents.csv", "s1", "s2a"]
    # s003 has no radar, s001 too few images of either.
    assert {(n, s) for n, s in zip(table["number"], table["site_id"], strict=True)} == {(0, "s000"), (1, "s002")}
    for split in ("s1", "s2a"):
        assert names(tmp_path / "out" / split) == ["0000000", "0000001"]
    pixels, _ = radar.store.read_native("s002", "summer")
    for i, band in enumerate(S1_GRD):
        with rasterio.open(tmp_path / "out/s1/0000001/s002-summer" / f"{band}.tif") as file:
            values = file.read(1)
            assert (values.dtype, file.nodata) == (np.float32, 0)
        ok = pixels.valid[10]
        np.testing.assert_allclose(values[ok], pixels.values[10][i][ok] / 500.0 - 80.0, atol=1e-5)
        assert (values[ok] != 0).all()
        assert (values[~ok] == 0).all()
        assert (~ok).any()
    about = json.loads((tmp_path / "out/s1/0000001/s002-summer/metadata.json").read_text())
    assert "CLOUDY_PIXEL_PERCENTAGE" not in about
    with pytest.raises(UserError, match="two datasets of one product"):
        write_layout([optical.index, optical.index], tmp_path / "out")


def test_scenes_with_the_same_folder(made):
    table = made.store.index.copy()
    table.loc[table["site_id"] == "s000", "scene_id"] = ["a/x", "b/x", "c", "d"]
    write_table(made.index, table, INDEX, simulated=True, attribution="made up")
    with pytest.raises(UserError, match="'a/x' and 'b/x' would both be written to folder 'x'"):
        write_layout([made.index], made.out)


def test_two_seasons_of_one_scene_count_once(made):
    table = made.store.index.copy()
    table.loc[table["site_id"] == "s000", "scene_id"] = ["a", "a", "c", "d"]
    write_table(made.index, table, INDEX, simulated=True, attribution="made up")
    assert set(write_layout([made.index], made.out)["site_id"]) == {"s002", "s003"}
    kept = write_layout([made.index], made.out, seasons=3)
    assert kept[kept["site_id"] == "s000"]["folder"].nunique() == 3
    assert len(kept[kept["site_id"] == "s000"]) == 4


def test_threads_change_nothing(made, tmp_path):
    write_layout([made.index], made.out)
    write_layout([made.index], tmp_path / "out", threads=4)
    assert {k: v[0] for k, v in state(made.out).items()} == {k: v[0] for k, v in state(tmp_path / "out").items()}


def test_a_folder_that_cannot_be_written(made, monkeypatch):
    real = rasterio.open

    def full(path, mode="r", **how):
        if mode == "w" and "B8A" in str(path):
            raise OSError(28, "No space left on device")
        return real(path, mode, **how)

    monkeypatch.setattr(rasterio, "open", full)
    with pytest.raises(UserError, match="No space left") as caught:
        write_layout([made.index], made.out)
    assert "finished images are kept" in str(caught.value)
    assert not (made.out / "contents.csv").exists()
    assert not any((made.out / ".unfinished").iterdir())
    monkeypatch.undo()
    write_layout([made.index], made.out)
    assert len(contents(made.out)) == 12


PROGRAM = """
import sys
from greenup.patches.layout import write_layout
write_layout([sys.argv[1]], sys.argv[2], threads=2)
"""


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_writer_leaves_whole_images_and_the_next_ends_the_same(study, tmp_path, seed):
    made = Made(study, count=12)
    write_layout([made.index], tmp_path / "clean")
    rng = random.Random(seed)
    scripts = Path(sys.modules["greenup"].__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(made.index), str(made.out)],
        env={**os.environ, "PYTHONPATH": str(scripts), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    # From the moment that it begins to write, not from that of its imports.
    while process.poll() is None and not (made.out / ".unfinished").exists():
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.3))
    process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
    process.wait()
    clean = {k: v[0] for k, v in state(tmp_path / "clean").items()}
    for folder in made.out.glob("s2a/*/*"):
        files = {str(p.relative_to(made.out)): p.read_bytes() for p in folder.iterdir()}
        assert len(files) == 13
        assert all(clean[k] == v for k, v in files.items())
    left = {k: v[1] for k, v in state(made.out).items() if not k.startswith(".unfinished")}
    write_layout([made.index], made.out)
    after = state(made.out)
    assert {k: v[0] for k, v in after.items()} == clean
    assert all(after[k][1] == mtime for k, mtime in left.items()), "what was whole was not written again"
    assert not (made.out / ".unfinished").exists()


def test_two_writers_at_once(study):
    made = Made(study, count=12)
    scripts = Path(sys.modules["greenup"].__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(scripts), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(made.index), str(made.out)], env=environment)
        for _ in range(2)
    ]
    assert [p.wait() for p in both] == [0, 0]
    once = state(made.out)
    write_layout([made.index], made.out.with_name("clean"))
    assert {k: v[0] for k, v in once.items()} == {k: v[0] for k, v in state(made.out.with_name("clean")).items()}
