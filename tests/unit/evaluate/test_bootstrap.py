"""The bootstrap: its coverage of a known truth, its spread against a closed form, and what it must not depend on."""

import math

import numpy as np
import pandas as pd
import pytest
from greenup.evaluate.bootstrap import LEAST_DRAWS, bootstrap, paired_p, percentiles
from scipy import stats


def hits(right, fold=0, prefix="p"):
    """Predictions of two classes, right or wrong image by image."""
    return pd.DataFrame(
        {
            "site_id": [f"{prefix}{i:05d}" for i in range(len(right))],
            "fold": fold,
            "observed": "a",
            "predicted": np.where(right, "a", "b"),
        }
    )


def test_the_interval_covers_a_known_accuracy_as_often_as_it_says():
    rng = np.random.default_rng(4)
    truth, covered = 0.7, 0
    for i in range(300):
        result = bootstrap(hits(rng.random(150) < truth), "accuracy", seed=i, draws=400)
        low, high = result.interval(0.9)
        covered += low <= truth <= high
    # 300 trials of a coverage of 0.9 lie in 0.85..0.95 with 99.6 %.
    assert 0.85 <= covered / 300 <= 0.95


def test_its_spread_is_the_binomial_one():
    right = np.arange(400) % 4 != 0
    samples = bootstrap(hits(right), "accuracy", seed=1, draws=4000).samples
    assert samples.mean() == pytest.approx(0.75, abs=0.002)
    # Standard error of a proportion; its own error over 4000 draws is 1.1 %.
    assert samples.std() == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.05)


def test_folds_are_drawn_apart_and_averaged():
    """Two folds of different size: the variance of the mean is a quarter of the sum of the folds' variances."""
    table = pd.concat([hits(np.arange(100) % 2 == 0, 0, "p"), hits(np.arange(400) % 4 != 0, 1, "q")])
    result = bootstrap(table, "accuracy", seed=3, draws=4000)
    assert result.value == pytest.approx((0.5 + 0.75) / 2)
    assert result.samples.std() == pytest.approx(math.sqrt(0.25 / 100 + 0.1875 / 400) / 2, rel=0.05)


def test_subsets_tested_on_the_same_images_draw_them_together_and_are_drawn_themselves():
    right = np.arange(200) % 4 != 0
    same = pd.concat([hits(right, fold) for fold in range(3)])
    one = bootstrap(hits(right), "accuracy", seed=1)
    # Three folds that agree in all are as sure as one, not surer.
    np.testing.assert_allclose(bootstrap(same, "accuracy", seed=1).samples, one.samples, rtol=1e-12)
    differing = pd.concat([hits(right, 0), hits(np.zeros(200, bool), 1)])
    samples = bootstrap(differing, "accuracy", seed=1, draws=2000).samples
    assert (samples == 0).mean() == pytest.approx(0.25, abs=0.04)  # the second subset drawn twice
    assert samples.mean() == pytest.approx(0.375, abs=0.02)


def test_models_on_the_same_images_share_their_samples():
    rng = np.random.default_rng(0)
    first = rng.random(300) < 0.6
    second = first.copy()
    second[:3] = ~second[:3]
    a, b = (bootstrap(hits(r), "accuracy", seed=9) for r in (first, second))
    # Three of 300 differ, by one: the variance of a paired mean difference is (3/300 - d^2) / 300.
    d = a.value - b.value
    assert (a.samples - b.samples).std() == pytest.approx(math.sqrt((3 / 300 - d**2) / 300), rel=0.1)
    other = bootstrap(hits(first, prefix="other"), "accuracy", seed=9)
    assert abs(np.corrcoef(a.samples, other.samples)[0, 1]) < 0.2


def test_the_order_of_rows_changes_nothing_and_the_seed_does():
    table = pd.concat([hits(np.arange(50) % 3 == 0, 0, "p"), hits(np.arange(50) % 2 == 0, 1, "q")])
    one = bootstrap(table, "accuracy", seed=1)
    np.testing.assert_array_equal(
        one.samples, bootstrap(table.sample(frac=1, random_state=1), "accuracy", seed=1).samples
    )
    assert (one.samples != bootstrap(table, "accuracy", seed=2).samples).any()


def test_more_images_than_are_weighted_at_once_give_the_same_stream(monkeypatch):
    table = hits(np.arange(500) % 3 == 0)
    whole = bootstrap(table, "accuracy", seed=1)
    monkeypatch.setattr("greenup.evaluate.bootstrap._CELLS", 1300)
    np.testing.assert_array_equal(bootstrap(table, "accuracy", seed=1).samples, whole.samples)


def test_average_precision_of_many_pairs_takes_fewer_samples(monkeypatch):
    rng = np.random.default_rng(0)
    table = hits(rng.random(40) < 0.5).assign(
        observed="x", predicted="x", score_x=rng.random(40), score_y=rng.random(40)
    )
    assert len(bootstrap(table, "micro_map", seed=1).samples) == 1000
    monkeypatch.setattr("greenup.evaluate.bootstrap._PAIRS", 80 * 300)
    fewer = bootstrap(table, "micro_map", seed=1).samples
    assert len(fewer) == 300
    monkeypatch.setattr("greenup.evaluate.bootstrap._PAIRS", 80)
    assert len(bootstrap(table, "micro_map", seed=1).samples) == LEAST_DRAWS
    np.testing.assert_array_equal(bootstrap(table, "micro_map", seed=1).samples, fewer[:LEAST_DRAWS])


def test_percentiles_of_a_known_sample():
    samples = np.arange(1001) / 1000
    assert percentiles(samples) == pytest.approx((0.025, 0.975))
    assert percentiles(samples, 0.5) == pytest.approx((0.25, 0.75))
    some = samples.copy()
    some[:50] = np.nan
    assert np.isfinite(percentiles(some)).all()
    some[:200] = np.nan
    assert np.isnan(percentiles(some)).all() and math.isnan(paired_p(some))


def test_p_counts_the_samples_on_the_other_side():
    samples = np.linspace(-1, 9, 1000)  # a tenth below 0
    assert paired_p(samples) == pytest.approx(2 * 101 / 1001)
    assert paired_p(-samples) == pytest.approx(2 * 101 / 1001)
    assert paired_p(np.ones(999)) == pytest.approx(0.002)
    assert paired_p(np.zeros(10)) == 1.0


def test_p_is_about_that_of_a_z_test_on_normal_differences():
    rng = np.random.default_rng(2)
    samples = rng.normal(0.02, 0.01, 20_000)
    assert paired_p(samples) == pytest.approx(2 * stats.norm.sf(2), rel=0.15)
