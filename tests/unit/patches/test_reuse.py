"""What a changed configuration fetches anew, counted; and what a job tells of it."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import h5py
import numpy as np
import pandas as pd
import pytest
from fake_source import FakeSource, fake_pixels, scene_table, site_table
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import UserError
from greenup.files import read_table
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.patches import work
from greenup.patches.container import Form, ShardFile
from greenup.patches.fetch import shares
from greenup.patches.ledger import check_scenes
from greenup.patches.tally import read_line
from greenup.patches.work import clear_moved
from greenup.schemas import LEDGER


@pytest.fixture
def said(caplog):
    """The counts that the last job told."""
    caplog.set_level(logging.INFO)

    def counts() -> dict[str, int]:
        return read_line(caplog.text)

    return counts


def export_all(study, sites: pd.DataFrame, scenes: pd.DataFrame, source: FakeSource, order=None) -> None:
    """All shards, outputs deleted before each as Snakemake does; sites and scenes of the shard alone, as in its job."""
    for shard in order or sorted(set(sites["shard"])):
        study.delete_outputs(shard)
        ours = sites[sites["shard"] == shard]
        study.export(ours, scenes[scenes["site_id"].isin(ours["site_id"])], source, shard)


def test_a_job_tells_where_its_images_came_from(study, caplog, said):
    sites = site_table(4)
    scenes = scene_table(sites, other={("s003", "summer"): "cloudy"})
    fails = {"s000-spring": [SceneMissing("gone")], "s002-summer": [PassingError("429", "quota")] * 99}
    with pytest.raises(UserError):
        study.export(sites, scenes, FakeSource(fails))
    assert "d/0000: 7 images wanted, 0 kept already, 7 to fetch" in caplog.text
    assert (
        "d/0000: prepared 5 images (5 fetched, 0 from unfinished work, 0 from this shard, 0 from other shards), "
        "1 does not exist, 1 failed: 1 quota (429)" in caplog.text
    )
    caplog.clear()
    study.export(sites, scenes, FakeSource())
    assert "d/0000: 7 images wanted, 5 kept already, 2 to fetch" in caplog.text
    told = {"prepared": 6, "fetched": 1, "unfinished": 5, "finished": 0, "elsewhere": 0, "missing": 1, "failed": 0}
    assert said() == told
    assert "d/0000: 6 ok, 1 no_scene, 1 cloudy; " in caplog.text and " images/s fetched" in caplog.text
    caplog.clear()
    study.delete_outputs()
    study.export(sites, scenes, FakeSource())
    assert said() == {**told, "fetched": 0, "unfinished": 1, "finished": 5}
    with pytest.raises(ValueError, match="no line"):
        read_line("a log of something else")


def test_changed_years_and_a_new_season_rule_fetch_what_is_new(study, said):
    sites = site_table(8, shards=2)
    scenes = scene_table(sites)
    export_all(study, sites, scenes, FakeSource())
    # Another year brings a less cloudy scene to some; every third row here.
    changed = scenes.assign(scene_id=[f"{s}-2021" if i % 3 == 0 else s for i, s in enumerate(scenes["scene_id"])])
    source = FakeSource()
    export_all(study, sites, changed, source)
    assert set(source.reads) == set(changed["scene_id"]) - set(scenes["scene_id"]) and source.reads.total() == 6
    assert said()["fetched"] == 3 and said()["finished"] == 5
    # Another rule: seasons of other names, whose scenes are partly the same.
    renamed = changed.assign(season=changed["season"].replace({"spring": "q1", "summer": "q2"}))
    renamed.loc[renamed.index[1], "scene_id"] = "new"
    source = FakeSource()
    export_all(study, sites, renamed, source)
    assert dict(source.reads) == {"new": 1}
    ledger = read_table(study.ledger(), LEDGER)
    assert set(ledger["season"]) == {"q1", "q2"} and set(ledger["status"]) == {"ok"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_another_number_of_shards_fetches_nothing_in_whatever_order(study, order):
    few = site_table(12, shards=2)
    scenes = scene_table(few)
    export_all(study, few, scenes, FakeSource())
    source = FakeSource()
    export_all(study, site_table(12, shards=3), scenes, source, order)
    assert not source.reads
    export_all(study, few, scenes, source)
    assert not source.reads
    # All are finished: nothing is kept for a move any more, and nothing of what is needed goes.
    folder = study.work().parent
    assert list(folder.glob("*/moved.*.h5"))
    clear_moved(folder, few["site_id"])
    assert not list(folder.glob("*/moved.*.h5"))
    export_all(study, few, scenes, source)
    assert not source.reads
    for shard in (0, 1):
        with ShardFile(study.pixels(shard)) as file:
            assert all(file.is_intact(i) for i in range(len(file)))


def test_a_shard_that_is_replaced_while_others_look_still_gives_its_images(study, monkeypatch):
    few, more = site_table(12, shards=2), site_table(12, shards=3)
    scenes = scene_table(few)
    export_all(study, few, scenes, FakeSource())
    source, opened, between = FakeSource(), work._open, []

    def open_later(path, form, wider=False):
        # The first job has just looked which files there are; now the other ends.
        if path == study.work(0) / "previous.h5" and not between:
            between.append(path)
            export_all(study, more, scenes, source, order=[0])
        return opened(path, form, wider=wider)

    monkeypatch.setattr(work, "_open", open_later)
    export_all(study, more, scenes, source, order=[1])
    assert between and not source.reads


def test_unfinished_work_moves_with_its_site(study):
    few = site_table(4, shards=1)
    scenes = scene_table(few)
    with pytest.raises(UserError):
        export_all(study, few, scenes, FakeSource({"s000-spring": [PassingError("later")] * 9}))
    source = FakeSource()
    export_all(study, site_table(4, shards=2), scenes, source)
    assert dict(source.reads) == {"s000-spring": 1}


def test_the_same_sites_keep_no_second_copy_of_their_shard(study):
    sites = site_table(2)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource())
    study.delete_outputs()
    study.export(sites, scenes.assign(scene_id="another"), FakeSource())
    assert not list(study.work().glob("moved.*"))


def test_fewer_bands_are_chosen_out_of_those_that_are_there(study, said):
    """Byte-equal to fetching them; images with invalid pixels are fetched, since which band lacks data is not known."""
    sites = site_table(3)
    scenes = scene_table(sites)
    whole = FakeSource(holed=["s001-summer"])
    study.export(sites, scenes, BandByBand(whole))
    study.delete_outputs()
    fewer = Patches(size_px=26, bands=("B9", "B8", "B2"))
    again = FakeSource(holed=["s001-summer"])
    study.export(sites, scenes, BandByBand(again), patches=fewer)
    assert dict(again.reads) == {"s001-summer": 1}
    assert said()["fetched"] == 1 and said()["finished"] == 5
    study.export(sites, scenes, BandByBand(FakeSource(holed=["s001-summer"])), shard=7, patches=fewer)
    assert study.pixels(0).read_bytes() == study.pixels(7).read_bytes()
    # Another corner, another image: without B9 patches need not start on multiples of 60 m.
    study.delete_outputs()
    other = FakeSource()
    study.export(sites, scenes, BandByBand(other), patches=Patches(size_px=26, bands=("B2", "B5")))
    moved = sum(
        grid_for_site(s.lon, s.lat, 26, (10, 20)) != grid_for_site(s.lon, s.lat, 26, (10, 20, 60))
        for s in sites.itertuples()
    )
    assert other.reads.total() >= 2 * moved > 0


class BandByBand:
    """As every real source: the pixels of a band do not depend on which others are asked for."""

    simulated, attribution = FakeSource.simulated, FakeSource.attribution

    def __init__(self, one: FakeSource) -> None:
        self.one = one

    def read(self, scene_id, grid, bands):
        order = ("B2", "B4", "B8", "B5", "B9")
        pixels = self.one.read(scene_id, grid, order)
        form, whole = Form(bands, grid.size_px, True, ""), Form(order, grid.size_px, True, "")
        at = {m: [whole.bands_at(m).index(b) for b in form.bands_at(m)] for m in form.resolutions}
        return Pixels({m: pixels.values[m][i] for m, i in at.items()}, {m: pixels.valid[m] for m in at})


# --------------------------------------------------------------------------------------------------------- own grids
class Archive(FakeSource):
    """Images that lie on grids of their own: in degrees, each scene elsewhere; one that is not there."""

    def __init__(self, resampled: bool = False) -> None:
        super().__init__()
        self.resampled = resampled
        self.asked: list[tuple[str, PatchGrid]] = []

    def is_resampled(self, bands):
        return self.resampled

    def own_grid(self, scene_id, lon, lat, size_px):
        if scene_id == "s001-summer":
            raise SceneMissing("not in the archive")
        east = 0.001 * (scene_id[-6:] == "summer")
        return PatchGrid(4326, lon - 0.002 + east, lat + 0.001, size_px, 9e-5, 9e-5)

    def read(self, scene_id, grid, bands):
        self.asked.append((scene_id, grid))
        pixels = super().read(scene_id, grid, bands)
        if not self.resampled:
            return pixels
        side = grid.size_px
        return Pixels({10: np.full((len(bands), side, side), 7, np.uint16)}, {10: np.ones((side, side), bool)})


@pytest.mark.parametrize("resampled", [False, True])
def test_images_on_their_own_grids(study, resampled):
    sites = site_table(2)
    scenes = scene_table(sites)
    source = Archive(resampled)
    patches = Patches(size_px=26, bands=("B2", "B5"), grid="image")
    study.export(sites, scenes, source, patches=patches)
    ledger = read_table(study.ledger(), LEDGER)
    assert ledger["status"].tolist() == ["ok", "ok", "ok", "no_scene"]
    assert ledger["cause"][3] == "not in the archive" and source.reads["s001-summer"] == 0
    assert ledger["epsg"].dropna().tolist() == [4326] * 3 and ledger["pixel_x"].dropna().tolist() == [9e-5] * 3
    places = sites.set_index("site_id")
    asked = dict(source.asked)
    with ShardFile(study.pixels()) as file:
        assert file.form.resampled is resampled and file.form.resolutions == ((10,) if resampled else (10, 20))
        for i in range(3):
            row = file.row(i)
            lon, lat = places.loc[row.site_id, ["lon", "lat"]]
            # Two images of a site, two grids: each was asked for on its own.
            assert row.grid == source.own_grid(row.scene_id, lon, lat, 26) == asked[row.scene_id]
            if not resampled:
                truth = fake_pixels(row.scene_id, row.grid, patches.bands)
                np.testing.assert_array_equal(file.read(i).values[20], truth.values[20])
    assert asked["s000-spring"] != asked["s000-summer"]
    again = Archive(resampled)
    study.delete_outputs()
    study.export(sites, scenes, again, patches=patches)
    assert not again.reads
    # The same scenes at sites' grids are other images.
    study.delete_outputs()
    if not resampled:
        study.export(sites, scenes, again, patches=Patches(size_px=26, bands=("B2", "B5")))
        assert again.reads.total() == 4


def test_a_source_without_grids_of_its_own_says_so(study):
    sites = site_table(1)
    patches = Patches(size_px=26, bands=("B2",), grid="image")
    with pytest.raises(UserError, match=r"patches\.grid: image, but images of this source have no grid"):
        study.export(sites, scene_table(sites), FakeSource(), patches=patches)


# --------------------------------------------------------------------------------------------------------- bad input
def test_scenes_of_another_shard_or_dataset_are_refused():
    sites = site_table(4, shards=2)
    scenes = scene_table(sites)
    ours = sites[sites["shard"] == 0]
    check_scenes(ours, scenes[scenes["site_id"].isin(ours["site_id"])], "scenes.parquet")
    check_scenes(ours, scenes[:0], "scenes.parquet")
    with pytest.raises(UserError, match=r"scenes\.parquet: 2 of its sites are not of this shard, such as 's002'"):
        check_scenes(ours, scenes, "scenes.parquet")
    with pytest.raises(UserError, match="1 sites of this shard are not in it, such as 's001'"):
        check_scenes(ours, scenes[scenes["site_id"] == "s000"], "scenes.parquet")


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def flip(path) -> None:
    """One bit in the middle of the first image's pixels."""
    with h5py.File(path, "r") as file:
        info = file["pixels_10"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[info.byte_offset + info.size // 2] ^= 1
    path.write_bytes(raw)


def lie(path) -> None:
    """Pixels of the second image under the name of the first: whole chunks, sums of HDF5 all right."""
    with h5py.File(path, "r+") as file:
        for name in [n for n in file if n.startswith("pixels_")]:
            file[name][0] = file[name][1]


@pytest.mark.parametrize("spoil", [cut, flip, lie])
@pytest.mark.parametrize("where", ["unfinished", "finished"])
def test_spoilt_work_is_never_used_and_told(study, caplog, said, spoil, where):
    caplog.set_level(logging.INFO)
    sites = site_table(2)
    scenes = scene_table(sites)
    if where == "unfinished":
        with pytest.raises(UserError):
            study.export(sites, scenes, FakeSource({"s001-summer": [PassingError("later")] * 9}))
        (path,) = study.work().glob("sites/s000.*.h5")
    else:
        study.export(sites, scenes, FakeSource())
        study.delete_outputs()
        path = study.work() / "previous.h5"
    spoil(path)
    caplog.clear()
    source = FakeSource()
    study.export(sites, scenes, source)
    again = set(source.reads) - ({"s001-summer"} if where == "unfinished" else set())
    if spoil is cut:
        assert again == ({"s000-spring", "s000-summer"} if where == "unfinished" else set(scenes["scene_id"]))
    else:
        assert again == {"s000-spring"}
    assert "not used again" in caplog.text and path.name in caplog.text
    study.export(sites, scenes, FakeSource(), shard=5, origin="elsewhere")
    with ShardFile(study.pixels()) as file, ShardFile(study.pixels(5)) as clean:
        assert file.column("checksum").tolist() == clean.column("checksum").tolist()
        assert all(file.is_intact(i) for i in range(4))


def test_outputs_that_contradict_each_other_are_written_anew(study):
    """A ledger of another run beside pixels of this: neither is read."""
    sites = site_table(3)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource())
    study.export(sites, scenes.assign(scene_id="other"), FakeSource(), shard=1)
    study.ledger().unlink()
    study.ledger(1).rename(study.ledger())
    source = FakeSource()
    study.export(sites, scenes, source)
    assert not source.reads
    ledger = read_table(study.ledger(), LEDGER)
    with ShardFile(study.pixels()) as file:
        assert [c.decode() for c in file.column("checksum")] == ledger["checksum"].tolist()
    assert set(ledger["scene_id"]) == set(scenes["scene_id"])


def test_work_of_another_dataset_or_source_is_left_aside(study):
    """The folder may hold anything: what counts is scene, grid and form; the origin is part of it."""
    sites = site_table(2)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource(), shard=1, origin="another archive")
    study.work(0).mkdir(parents=True)
    (study.work(1) / "previous.h5").rename(study.work(0) / "previous.h5")
    source = FakeSource()
    study.export(sites, scenes, source, origin="this archive")
    assert source.reads.total() == 4
    with ShardFile(study.pixels()) as file:
        assert file.form.origin == "this archive"


# ------------------------------------------------------------------------------------------------------------- memory
class Counted(FakeSource):
    """Counts the images that are alive: those whose arrays someone still holds."""

    def __init__(self, threads: int) -> None:
        super().__init__(delay_s=0.002)
        self.requests, self.alive, self.most = threads, 0, 0
        self.counting = threading.Lock()

    def read(self, scene_id, grid, bands):
        pixels = super().read(scene_id, grid, bands)
        with self.counting:
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(pixels.values[10], self.gone)
        return pixels

    def gone(self) -> None:
        with self.counting:
            self.alive -= 1


@pytest.mark.parametrize(("sites", "seasons"), [(10, 3), (60, 3), (10, 18)])
def test_images_in_memory_are_bounded_whatever_the_shard(study, monkeypatch, sites, seasons):
    """Eight threads may hold 24 images together, with few sites or many, and where a site has many images."""
    image = 26 * 26 * 7 + 13 * 13 * 3 + 5 * 5 * 3
    monkeypatch.setattr("greenup.patches.fetch.AT_ONCE_BYTES", 24 * image)
    table = site_table(sites)
    names = tuple(f"t{k}" for k in range(seasons))
    scenes = scene_table(table).iloc[:0]
    scenes = pd.concat(
        [scene_table(table, (n,)).assign(time=pd.Timestamp("2020-05-01", tz="UTC")) for n in names], ignore_index=True
    ).sort_values("site_id", kind="stable")
    source = Counted(threads=8)
    form = Form(study.patches.bands, 26, True, "")
    assert shares(form, 8) == (8, 3)
    study.export(table, scenes, source, runtime=Runtime(requests=8))
    gc.collect()
    assert source.reads.total() == sites * seasons
    # One more a thread: the one that is just being read while the answer before it is still a local name.
    assert 8 <= source.most <= 24 + 8
    assert source.alive == 0


def test_a_paused_thread_holds_no_saved_pixels(study):
    """A site with one refused image: while the job waits, the others are on disk and no longer in memory."""
    held: list[int] = []
    source = Counted(threads=1)

    class Watched:
        give_up = 9

        def wait(self, cause, tried, *key):
            gc.collect()
            held.append(source.alive)
            return tried < 3

    source.fails = {"s000-summer": [PassingError("busy", "quota")]}
    sites = site_table(1)
    study.export(sites, scene_table(sites), source, patience=Watched())
    assert held == [0]
