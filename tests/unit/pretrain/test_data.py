from dataclasses import dataclass

import numpy as np
import pytest
import torch
from fakes import FakeStore
from greenup.errors import UserError
from greenup.pretrain.data import (
    Draw,
    Site,
    SiteViews,
    runs_of,
    sites_of,
    split_held_out,
)
from greenup.pretrain.feasible import check_sites
from greenup.pretrain.loading import collate, loader
from greenup.pretrain.order import TrainingBatches
from greenup.pretrain.views import build_views
from learners import model_of


def test_sites_do_not_depend_on_the_order_of_rows(store):
    shuffled = store.index.sample(frac=1, random_state=3)
    assert sites_of(shuffled) == sites_of(store.index)
    assert sites_of(store.index)[0] == Site("s0000", ("autumn", "spring", "summer", "winter"), 1.0)


def test_a_negative_weight_is_refused(store):
    index = store.index.assign(weight=-1.0)
    with pytest.raises(UserError, match=r"'weight', site s0000: -1"):
        sites_of(index)


def test_held_out_sites_stay_when_others_come():
    few = [Site(f"s{i}", ("a",), 1.0) for i in range(400)]
    many = [*few, *(Site(f"t{i}", ("a",), 1.0) for i in range(400))]
    train, held = split_held_out(few, 0.1)
    assert not {s.site_id for s in train} & {s.site_id for s in held} and len(train) + len(held) == 400
    assert 20 <= len(held) <= 60
    assert [s for s in split_held_out(many, 0.1)[1] if s in few] == held


def test_small_sets_hold_out_a_few_and_zero_none():
    sites = [Site(f"s{i}", ("a",), 1.0) for i in range(40)]
    assert len(split_held_out(sites, 0.001)[1]) == 10
    assert split_held_out(sites, 0.0) == (sites, [])


def views_of(store, name="seco", channels=("B2", "NDVI"), seed=1, sites=None, **method):
    settings = {"queue": 12, **method} if name in ("seco", "moco", "moco_seasonal") else method
    model = model_of(name, "vit_tiny", channels=channels, **settings)
    return SiteViews(sites or sites_of(store.index), store, build_views(model), channels, seed)


def test_an_index_without_images_is_refused(store):
    with pytest.raises(UserError, match="the dataset has no image"):
        sites_of(store.index.iloc[:0])


def test_sites_of_one_date_are_refused_where_dates_are_compared(store):
    one = sites_of(store.index[store.index["season"] == "summer"])
    with pytest.raises(UserError, match="seco compares dates, but no site"):
        check_sites(model_of("seco", "resnet18", queue=12).method, one, "models.m.method")
    check_sites(model_of("moco", "resnet18", queue=12).method, one, "models.m.method")


def test_sites_know_their_shard(store):
    index = store.index
    index["shard"] = index["site_id"].str[-1].astype(int) % 3
    assert all(s.shard == int(s.site_id[-1]) % 3 for s in sites_of(index))


def test_a_site_drawn_twice_in_an_epoch_gets_other_views(store):
    views = views_of(store)
    (once, _), (twice, _) = views[Draw(0, 3, 0)], views[Draw(0, 3, 1)]
    assert not np.array_equal(once.groups[0], twice.groups[0])


@pytest.mark.parametrize("name", ["seco", "moco", "mocov3", "mae"])
def test_batches_are_the_same_for_any_number_of_workers(store, name):
    sites = sites_of(store.index)
    batches = TrainingBatches(sites, 6, 2, seed=9)
    views = views_of(store, name)
    runs = [list(loader(views, batches, workers, pin=False)) for workers in (0, 1, 2)]
    count = {"seco": 4, "moco": 2, "mocov3": 2, "mae": 1}[name]
    first = runs[0][0]
    assert first.views[0].shape == (count, 6, 2, 16, 16) and first.views[0].dtype == torch.uint16
    assert (first.masks is not None) == (name == "mae")
    for run in runs[1:]:
        assert len(run) == len(runs[0])
        for a, b in zip(run, runs[0], strict=True):
            assert torch.equal(a.views[0], b.views[0]) and torch.equal(a.rows, b.rows)
            assert a.masks is None or torch.equal(a.masks, b.masks)


def test_views_of_two_sizes_come_in_groups(store):
    views = views_of(store, "dino", local_px=8, local_views=3)
    batch = collate([views[Draw(0, row, 0)] for row in range(5)])
    assert [tuple(v.shape) for v in batch.views] == [(2, 5, 2, 16, 16), (3, 5, 2, 8, 8)]
    assert batch.rows.tolist() == [0, 1, 2, 3, 4]


def test_held_out_views_are_the_same_for_ever_and_not_those_of_training(store):
    np.testing.assert_array_equal(views_of(store)[5][0].groups[0], views_of(store)[5][0].groups[0])
    assert not np.array_equal(views_of(store)[5][0].groups[0], views_of(store)[Draw(0, 5, 0)][0].groups[0])


def test_sites_with_fewer_images_work():
    store = FakeStore(sites=3, seasons=("spring", "summer"))
    assert views_of(store)[Draw(0, 0, 0)][0].groups[0].shape == (4, 2, 16, 16)


@dataclass(frozen=True)
class Damaged(FakeStore):
    """A store some of whose files cannot be read."""

    broken: tuple[str, ...] = ("s0003",)

    def read(self, site_id, season, channels):
        if site_id in self.broken:
            raise UserError(f"patches/d/0000.h5: damaged: {site_id}", "run `snakemake repair`")
        return super().read(site_id, season, channels)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_patch_is_skipped_counted_and_replaced_alike(workers, caplog):
    store = Damaged()
    sites = sites_of(store.index)
    batches = TrainingBatches(sites, 6, 3, seed=9)
    drawn = sum(sites[d.row].site_id == "s0003" for batch in batches for d in batch)
    assert drawn > 0
    views = views_of(store)
    run = list(loader(views, batches, workers, pin=False))
    assert views.counters.skipped == drawn
    assert not any(sites[row].site_id == "s0003" for batch in run for row in batch.rows.tolist())
    again = list(loader(views_of(store), batches, 0, pin=False))
    assert all(torch.equal(a.views[0], b.views[0]) for a, b in zip(run, again, strict=True))
    if workers == 0:
        said = [r.getMessage() for r in caplog.records if "s0003" in r.getMessage()]
        assert said == ["site s0003 is left out: patches/d/0000.h5: damaged: s0003"] * 2, "each training names it once"


def test_many_damaged_patches_stop_the_training():
    store = Damaged(broken=tuple(f"s{i:04d}" for i in range(24)))
    with pytest.raises(UserError, match=r"10 sites in a row could not be read.*snakemake verify"):
        try:
            views_of(store)[Draw(0, 0, 0)]
        except UserError as error:
            raise UserError(f"{error.message} {error.mend}") from None


def test_bytes_read_are_counted_in_workers_too(store):
    views = views_of(store, "moco", channels=("B2", "B8", "NDVI"))
    list(loader(views, TrainingBatches(views.sites, 6, 1, seed=9), 2, pin=False))
    # One date a site, three channels of 32 x 32 uint16.
    assert views.counters.bytes == 24 * 3 * 32 * 32 * 2


@pytest.mark.parametrize(("count", "size"), [(0, 4), (1, 4), (4, 4), (9, 4), (33, 32)])
def test_runs_cover_all_rows_once(count, size):
    runs = runs_of(count, size)
    assert [i for r in runs for i in r] == list(range(count))
    assert all(len(r) <= size for r in runs)
    assert not runs or max(map(len, runs)) - min(map(len, runs)) <= 1
