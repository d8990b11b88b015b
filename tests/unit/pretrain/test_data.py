import numpy as np
import pytest
import torch
from fakes import FakeStore
from greenup.errors import UserError
from greenup.pretrain.data import (
    Draw,
    Site,
    SiteViews,
    TrainingBatches,
    epoch_order,
    loader,
    runs_of,
    sites_of,
    split_held_out,
)
from scipy.stats import chisquare


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


def test_equal_weights_give_a_permutation_another_each_epoch():
    orders = [epoch_order(np.ones(50), 1, e) for e in range(2)]
    assert all(sorted(o.tolist()) == list(range(50)) for o in orders)
    assert not np.array_equal(*orders)
    np.testing.assert_array_equal(epoch_order(np.ones(50), 1, 1), orders[1])


def test_unequal_weights_draw_in_proportion_as_torch_does():
    weights = np.array([0.25, 1.0, 2.0, 0.5])
    drawn = np.concatenate([epoch_order(weights, 1, e) for e in range(2000)])
    counts = np.bincount(drawn, minlength=4)
    assert chisquare(counts, weights / weights.sum() * len(drawn)).pvalue > 1e-4
    torch.manual_seed(0)
    theirs = np.bincount(list(torch.utils.data.WeightedRandomSampler(weights, len(drawn))), minlength=4)
    np.testing.assert_allclose(counts / len(drawn), theirs / len(drawn), atol=0.03)


def test_batches_drop_the_rest_and_continue_anywhere():
    whole = list(TrainingBatches(np.ones(10), 4, 3, seed=5))
    assert len(whole) == 6 and all(len(b) == 4 for b in whole)
    assert [b[0].epoch for b in whole] == [0, 0, 1, 1, 2, 2]
    for first in range(7):
        rest = TrainingBatches(np.ones(10), 4, 3, seed=5, first=first)
        assert len(rest) == len(whole) - first
        assert list(rest) == whole[first:]


def test_a_site_drawn_twice_in_an_epoch_gets_other_views(store):
    views = SiteViews(sites_of(store.index), store, ("B2",), 16, (0.2, 1.0), seed=1)
    once, twice = views[Draw(0, 3, 0)], views[Draw(0, 3, 1)]
    assert not np.array_equal(once, twice)
    weighted = list(TrainingBatches(np.array([1.0, 9.0, 9.0]), 3, 40, seed=5))
    assert all(len({(d.row, d.nth) for d in batch}) == 3 for batch in weighted)
    assert any(d.nth > 0 for batch in weighted for d in batch)


def test_batches_are_the_same_for_any_number_of_workers(store):
    sites = sites_of(store.index)
    batches = TrainingBatches(np.ones(len(sites)), 6, 2, seed=9)
    views = SiteViews(sites, store, ("B2", "NDVI"), 16, (0.2, 1.0), seed=9)
    runs = [list(loader(views, batches, workers, pin=False)) for workers in (0, 1, 2)]
    assert runs[0][0].shape == (4, 6, 2, 16, 16) and runs[0][0].dtype == torch.uint16
    for run in runs[1:]:
        assert len(run) == len(runs[0])
        assert all(torch.equal(a, b) for a, b in zip(run, runs[0], strict=True))


def test_held_out_views_are_the_same_for_ever_and_not_those_of_training(store):
    make = lambda: SiteViews(sites_of(store.index), store, ("B2",), 16, (0.2, 1.0), seed=1)  # noqa: E731
    np.testing.assert_array_equal(make()[5], make()[5])
    assert not np.array_equal(make()[5], make()[Draw(0, 5, 0)])


def test_sites_with_fewer_images_work():
    store = FakeStore(sites=3, seasons=("spring", "summer"))
    views = SiteViews(sites_of(store.index), store, ("B2",), 16, (0.2, 1.0), seed=1)
    assert views[Draw(0, 0, 0)].shape == (4, 1, 16, 16)


@pytest.mark.parametrize(("count", "size"), [(0, 4), (1, 4), (4, 4), (9, 4), (33, 32)])
def test_runs_cover_all_rows_once(count, size):
    runs = runs_of(count, size)
    assert [i for r in runs for i in r] == list(range(count))
    assert all(len(r) <= size for r in runs)
    assert not runs or max(map(len, runs)) - min(map(len, runs)) <= 1
