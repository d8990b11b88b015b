"""The exporter: every row accounted for, nothing fetched twice, nothing lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_source import FakeSource, fake_pixels, scene_table, site_table
from greenup.config.data import Patches
from greenup.errors import UserError
from greenup.files import read_table
from greenup.grids import grid_for_site
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.patches.container import ShardFile, pixel_checksum
from greenup.schemas import LEDGER


def test_ledger_and_pixels_are_what_the_source_gives(study):
    sites = site_table(3)
    scenes = scene_table(sites, other={("s001", "summer"): "cloudy", ("s002", "spring"): "no_season"})
    source = FakeSource(
        fails={"s000-summer": [SceneMissing("tile was withdrawn")]}, empty=["s002-summer"], holed=["s001-spring"]
    )
    study.export(sites, scenes, source)
    ledger = read_table(study.ledger(), LEDGER)
    assert ledger[["site_id", "season", "status"]].to_numpy().tolist() == [
        ["s000", "spring", "ok"],
        ["s000", "summer", "no_scene"],
        ["s001", "spring", "ok"],
        ["s001", "summer", "cloudy"],
        ["s002", "spring", "no_season"],
        ["s002", "summer", "masked"],
    ]
    assert ledger["cause"].fillna("").tolist()[1:5:2] == ["tile was withdrawn", "because cloudy"]
    assert ledger["row"].dropna().tolist() == [0, 1]
    assert ledger.attrs["simulated"] is True
    with ShardFile(study.pixels()) as file:
        for at, row in ((0, 0), (1, 2)):
            site = sites.set_index("site_id").loc[ledger["site_id"][row]]
            grid = grid_for_site(site.lon, site.lat, 26, (10, 20, 60))
            scene = ledger["scene_id"][row]
            truth = fake_pixels(scene, grid, study.patches.bands, holed=scene == "s001-spring")
            assert file.row(at).grid == grid
            assert ledger["checksum"][row] == pixel_checksum(truth) == file.row(at).checksum
            assert ledger["valid_fraction"][row] == truth.valid[10].mean()
            got = file.read(at)
            for m in (10, 20, 60):
                np.testing.assert_array_equal(got.values[m], truth.values[m])
                np.testing.assert_array_equal(got.valid[m], truth.valid[m])
    assert ledger["valid_fraction"][5] == 0


def test_sites_with_too_few_images_are_dropped_and_left_out(study):
    sites = site_table(2)
    scenes = scene_table(sites, other={("s000", "spring"): "no_scene"})
    study.export(sites, scenes, FakeSource(), min_images=2)
    ledger = read_table(study.ledger(), LEDGER)
    assert ledger["status"].tolist() == ["no_scene", "dropped", "ok", "ok"]
    assert "1 image, min_images is 2" in ledger["cause"][1]
    with ShardFile(study.pixels()) as file:
        assert [file.row(i).site_id for i in range(len(file))] == ["s001", "s001"]
    # Asked for less, the dropped image is still at hand.
    again = FakeSource()
    study.delete_outputs()
    study.export(sites, scenes, again, min_images=1)
    assert not again.reads
    assert read_table(study.ledger(), LEDGER)["status"].tolist() == ["no_scene", "ok", "ok", "ok"]


def test_a_shard_without_images_and_one_without_sites(study):
    sites = site_table(1)
    study.export(sites, scene_table(sites, other={("s000", s): "no_scene" for s in ("spring", "summer")}), FakeSource())
    assert set(read_table(study.ledger(), LEDGER)["status"]) == {"no_scene"}
    study.export(sites, scene_table(sites[:0]).reindex(columns=scene_table(sites).columns), FakeSource(), shard=1)
    assert read_table(study.ledger(1), LEDGER).empty
    for shard in (0, 1):
        with ShardFile(study.pixels(shard)) as file:
            assert len(file) == 0
            assert file.handle["pixels_20"].shape == (0, 1, 13, 13)


def test_passing_errors_are_tried_again(study):
    sites = site_table(2)
    source = FakeSource(fails={"s001-spring": [PassingError("429", "quota"), PassingError("reset by peer")]})
    study.export(sites, scene_table(sites), source)
    assert source.reads["s001-spring"] == 3
    assert set(read_table(study.ledger(), LEDGER)["status"]) == {"ok"}


def test_what_stays_lacking_is_named_and_the_rest_is_kept(study):
    sites = site_table(4)
    scenes = scene_table(sites)
    source = FakeSource(
        fails={
            "s001-spring": [PassingError("too many requests", "quota")] * 9,
            "s003-summer": [PassingError("reset by peer")] * 9,
            "s002-summer": [SceneMissing("gone")],
        }
    )
    with pytest.raises(UserError, match="2 of 8 images are lacking") as raised:
        study.export(sites, scenes, source)
    assert "1 quota (too many requests)" in str(raised.value) and "1 error (reset by peer)" in str(raised.value)
    assert (source.reads["s001-spring"], source.reads["s003-summer"]) == (8, 3), "a quota is waited for longer"
    assert not study.pixels().exists() and not study.ledger().exists()

    second = FakeSource()
    study.export(sites, scenes, second)
    assert dict(second.reads) == {"s001-spring": 1, "s003-summer": 1}
    ledger = read_table(study.ledger(), LEDGER).set_index(["site_id", "season"])
    assert ledger.loc[("s002", "summer"), "status"] == "no_scene", "that a scene does not exist is kept too"


def test_a_source_that_is_down_is_left_alone(study):
    sites = site_table(20)
    scenes = scene_table(sites)
    source = FakeSource(fails={scene: [PassingError("down")] * 9 for scene in scenes["scene_id"]})
    with pytest.raises(UserError, match=r"40 of 40 .* 4 error .down., 36 no longer asked for"):
        study.export(sites, scenes, source)
    assert source.reads.total() == 4 * 3


def test_an_unforeseen_failure_keeps_what_came_before(study):
    sites = site_table(2)
    source = FakeSource(fails={"s001-summer": [ZeroDivisionError("a fault in a source")]})
    with pytest.raises(ZeroDivisionError):
        study.export(sites, scene_table(sites), source)
    second = FakeSource()
    study.export(sites, scene_table(sites), second)
    assert dict(second.reads) == {"s001-summer": 1}


def test_one_bad_scene_costs_the_others_of_its_site_nothing(study):
    """Also when the site's images are asked for together and the failure is the user's to mend."""
    sites = site_table(1)
    source = FakeSource(fails={"s000-spring": [UserError("a band is missing")] * 9})
    with pytest.raises(UserError, match="a band is missing"):
        study.export(sites, scene_table(sites), source)
    second = FakeSource()
    study.export(sites, scene_table(sites), second)
    assert dict(second.reads) == {"s000-spring": 1}


def test_two_seasons_with_the_same_image_fetch_it_once(study):
    sites = site_table(1)
    scenes = scene_table(sites).assign(scene_id="one")
    source = FakeSource()
    study.export(sites, scenes, source)
    assert dict(source.reads) == {"one": 1}
    with ShardFile(study.pixels()) as file:
        assert [file.row(i).season for i in range(2)] == ["spring", "summer"]
        assert file.is_intact(0) and file.is_intact(1)


def test_changed_scenes_fetch_only_the_new(study):
    sites = site_table(3)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource())
    before = read_table(study.ledger(), LEDGER)
    study.delete_outputs()
    changed = scenes.assign(scene_id=scenes["scene_id"].replace("s001-summer", "another"))
    source = FakeSource()
    study.export(sites, changed, source)
    assert dict(source.reads) == {"another": 1}
    after = read_table(study.ledger(), LEDGER)
    same = after["scene_id"] != "another"
    assert after.loc[same, "checksum"].tolist() == before.loc[same, "checksum"].tolist()
    assert not list(study.work().glob("sites/*.h5"))


@pytest.mark.parametrize("what", ["bands", "size", "origin"])
def test_nothing_is_reused_that_would_not_be_the_same(study, what):
    sites = site_table(1)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource(), origin="archive one")
    study.delete_outputs()
    source = FakeSource()
    patches = {
        "bands": Patches(size_px=26, bands=("B4", "B8")),
        "size": Patches(size_px=32, bands=study.patches.bands),
    }.get(what, study.patches)
    study.export(sites, scenes, source, patches=patches, origin="archive two" if what == "origin" else "archive one")
    assert source.reads.total() == 2


def test_sites_that_change_shards_take_their_images_along(study):
    sites = site_table(6, shards=2)
    for shard in (0, 1):
        study.export(sites, scene_table(sites[sites["shard"] == shard]), FakeSource(), shard)
    study.delete_outputs(0)
    source = FakeSource()
    study.export(sites, scene_table(sites), source, 0)
    assert not source.reads


def test_damaged_work_is_fetched_again(study):
    sites = site_table(2)
    scenes = scene_table(sites)
    with pytest.raises(UserError):
        study.export(sites, scenes, FakeSource(fails={"s001-summer": [PassingError("later")] * 9}))
    (kept,) = study.work().glob("sites/s000.*.h5")
    raw = bytearray(kept.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    kept.write_bytes(raw)
    source = FakeSource()
    study.export(sites, scenes, source)
    with ShardFile(study.pixels()) as file:
        assert all(file.is_intact(i) for i in range(4))
    assert 2 <= source.reads.total() <= 3


def test_same_file_whatever_the_number_of_threads(study):
    sites = site_table(12)
    scenes = scene_table(sites)
    study.export(sites, scenes, FakeSource(), shard=0)
    many = FakeSource(delay_s=0.005)
    many.requests = 8
    study.export(sites, scenes, many, shard=1)
    assert study.pixels(0).read_bytes() == study.pixels(1).read_bytes()
    first, second = (read_table(study.ledger(i), LEDGER) for i in (0, 1))
    pd.testing.assert_frame_equal(first, second)


def test_wrong_shapes_from_a_source_are_a_fault_that_names_the_scene(study):
    class Wrong(FakeSource):
        def read(self, scene_id, grid, bands):
            pixels = super().read(scene_id, grid, bands)
            return Pixels({m: v.astype(np.float32) for m, v in pixels.values.items()}, pixels.valid)

    sites = site_table(1)
    with pytest.raises(ValueError, match="scene s000-spring: at 10 m the source gave float32"):
        study.export(sites, scene_table(sites), Wrong())


def test_scenes_of_other_sites_and_impossible_scenes_are_refused(study):
    sites = site_table(2)
    with pytest.raises(UserError, match="site 's001' is not in the sites table"):
        study.export(sites[:1], scene_table(sites), FakeSource())
    scenes = scene_table(sites)
    with pytest.raises(UserError, match="status 'picked'"):
        study.export(sites, scenes.assign(status="picked"), FakeSource())
    with pytest.raises(UserError, match="status 'chosen'"):
        study.export(sites, scenes.assign(scene_id=None), FakeSource())


def test_a_file_system_without_hard_links_is_told_of(study, monkeypatch, caplog):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("greenup.patches.work.os.link", refuse)
    sites = site_table(1)
    study.export(sites, scene_table(sites), FakeSource())
    assert "no hard link possible (Operation not permitted)" in caplog.text
    assert len(read_table(study.ledger(), LEDGER)) == 2
    assert not list(study.work().rglob("*.h5")) and not list(study.work().rglob(".*"))


def test_finished_shards_take_no_room_twice(study):
    sites = site_table(1)
    study.export(sites, scene_table(sites), FakeSource())
    assert study.pixels().samefile(study.work() / "previous.h5")
