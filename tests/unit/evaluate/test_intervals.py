"""Corrected intervals against a hand derivation and against their coverage in a simulation."""

import math

import numpy as np
import pytest
from greenup.evaluate.intervals import (
    compare,
    compare_samples,
    compare_trainings,
    corrected_error,
    holm,
    summarise,
)
from scipy import stats

SCORES = [0.61, 0.58, 0.66, 0.63, 0.60, 0.64, 0.59, 0.62, 0.65, 0.57]


def test_the_interval_follows_nadeau_and_bengio():
    n, ratio = len(SCORES), 64 / 518
    mean = math.fsum(SCORES) / n
    variance = math.fsum((s - mean) ** 2 for s in SCORES) / (n - 1)
    half = 2.262157162798205 * math.sqrt(variance * (1 / n + ratio))  # t quantile 0.975 with 9 degrees of freedom
    got = summarise(SCORES, 64, 518)
    assert got.mean == pytest.approx(mean, rel=1e-12)
    assert got.sd == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert (got.low, got.high) == pytest.approx((mean - half, mean + half), rel=1e-12)
    assert got.n == 10


def test_with_no_test_images_to_speak_of_it_is_the_usual_t_interval():
    usual = stats.t.interval(0.9, len(SCORES) - 1, loc=np.mean(SCORES), scale=stats.sem(SCORES))
    got = summarise(SCORES, 1e-12, 1.0, confidence=0.9)
    assert (got.low, got.high) == pytest.approx(usual, rel=1e-9)


def test_sizes_may_differ_between_folds():
    assert corrected_error(SCORES, [50, 70] * 5, [500, 350] * 5) == pytest.approx(
        np.std(SCORES, ddof=1) * math.sqrt(0.1 + 0.15), rel=1e-12
    )


def test_one_fold_has_no_interval():
    got = summarise([0.5], 10, 90)
    assert got.mean == 0.5 and math.isnan(got.sd) and math.isnan(got.low) and math.isnan(got.high)
    assert math.isnan(compare([0.5], [0.4], 10, 90).p)


def test_the_paired_comparison_without_correction_is_the_paired_t_test():
    other = [s - d for s, d in zip(SCORES, [0.02, 0.01, 0.03, -0.01, 0.02, 0.0, 0.01, 0.02, 0.04, 0.01], strict=True)]
    usual = stats.ttest_rel(SCORES, other)
    got = compare(SCORES, other, 1e-15, 1.0)
    assert got.t == pytest.approx(usual.statistic, rel=1e-9)
    assert got.p == pytest.approx(usual.pvalue, rel=1e-9)
    corrected = compare(SCORES, other, 1, 9)
    assert corrected.t == pytest.approx(usual.statistic * math.sqrt(0.1 / (0.1 + 1 / 9)), rel=1e-9)
    assert corrected.p > got.p
    assert compare(other, SCORES, 1, 9).t == pytest.approx(-corrected.t)


def test_p_and_interval_agree():
    other = [s - 0.012 - 0.02 * math.sin(7 * i) for i, s in enumerate(SCORES)]
    got = compare(SCORES, other, 64, 518)
    edge = compare(SCORES, other, 64, 518, confidence=1 - got.p)
    assert min(abs(edge.difference.low), abs(edge.difference.high)) == pytest.approx(0.0, abs=1e-12)


def test_equal_differences():
    assert compare([0.5, 0.75], [0.5, 0.75], 1, 9).p == 1.0
    shifted = compare([0.5, 0.75], [0.25, 0.5], 1, 9)
    assert shifted.p == 0.0 and shifted.t == math.inf


def test_repeated_splits_of_one_sample_are_covered_better_than_by_the_usual_interval():
    """The mean of a held-out part, estimated over random splits of one sample of a known distribution."""
    rng = np.random.default_rng(5)
    hits = {"corrected": 0, "usual": 0}
    for _ in range(300):
        sample = rng.normal(size=100)
        values = []
        for _ in range(10):
            order = rng.permutation(100)
            # A "model" that learns the mean of 90, scored on the bias it has on the other 10: its expectation is 0.
            values.append(sample[order[:10]].mean() - 0.5 * sample[order[10:]].mean())
        corrected = summarise(values, 10, 90)
        usual = summarise(values, 1e-12, 1)
        hits["corrected"] += corrected.low <= 0 <= corrected.high
        hits["usual"] += usual.low <= 0 <= usual.high
    assert hits["corrected"] > hits["usual"]


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [[0.1], [0.2]]])
def test_nonsense_is_refused(values):
    with pytest.raises(ValueError, match="finite"):
        summarise(values, 1, 9)


def test_other_nonsense_is_refused():
    with pytest.raises(ValueError, match="positive"):
        summarise(SCORES, 10, 0)
    with pytest.raises(ValueError, match="same folds"):
        compare(SCORES, SCORES[:-1], 1, 9)


def test_holm_by_hand():
    """Four p values: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.04 x 1, and none below the one before."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    got = holm([0.02, math.nan, 0.01])  # one that is not known is not counted
    assert got[[0, 2]] == pytest.approx([0.02, 0.02]) and math.isnan(got[1])
    assert holm([]).size == 0


def test_holm_keeps_false_differences_as_rare_as_it_says():
    rng = np.random.default_rng(8)
    some_below = np.mean([(holm(rng.random(20)) < 0.05).any() for _ in range(2000)])
    assert some_below == pytest.approx(0.05, abs=0.02)
    assert np.mean([(rng.random(20) < 0.05).any() for _ in range(200)]) > 0.5


def test_one_training_each_is_the_comparison_over_folds():
    other = [s - 0.012 - 0.02 * math.sin(7 * i) for i, s in enumerate(SCORES)]
    assert compare_trainings(np.array([SCORES]), np.array([other]), 64, 518) == compare(SCORES, other, 64, 518)


def test_the_spread_of_seeds_is_added_with_welch_and_satterthwaites_freedom():
    rng = np.random.default_rng(0)
    a, b = 0.6 + rng.normal(0, 0.02, (3, 10)) + rng.normal(0, 0.03, (3, 1)), 0.5 + rng.normal(0, 0.02, (4, 10))
    got = compare_trainings(a, b, 10, 90)
    d = a.mean(0) - b.mean(0)
    parts = [
        (d.var(ddof=1) * (0.1 + 1 / 9), 9),
        (a.mean(1).var(ddof=1) / 3, 2),
        (b.mean(1).var(ddof=1) / 4, 3),
    ]
    error = math.sqrt(sum(v for v, _ in parts))
    freedom = error**4 / sum(v**2 / f for v, f in parts)
    assert got.t == pytest.approx(d.mean() / error)
    assert got.p == pytest.approx(2 * stats.t.sf(abs(got.t), freedom))
    assert got.difference.high - got.difference.low == pytest.approx(2 * stats.t.ppf(0.975, freedom) * error)
    assert got.p > compare(a.mean(0), b.mean(0), 10, 90).p


def test_with_nothing_but_seeds_it_is_welchs_test():
    """Folds that all agree leave the two-sample t test of unequal variances between the seeds' means."""
    a, b = np.array([[0.5], [0.56], [0.61]]), np.array([[0.40], [0.47], [0.44], [0.45]])
    got = compare_trainings(np.repeat(a, 5, axis=1), np.repeat(b, 5, axis=1), 10, 90)
    usual = stats.ttest_ind(a[:, 0], b[:, 0], equal_var=False)
    assert (got.t, got.p) == (pytest.approx(usual.statistic), pytest.approx(usual.pvalue))


def test_samples_of_one_test_set():
    samples = np.linspace(-0.01, 0.09, 1001)
    one = compare_samples(0.04, samples, [np.array([0.5]), np.array([0.46])])
    assert (one.difference.low, one.difference.high) == pytest.approx((-0.0075, 0.0875))
    assert one.p == pytest.approx(2 * (101 + 1) / 1002, rel=0.02)
    several = compare_samples(0.04, samples, [np.array([0.45, 0.5, 0.55]), np.array([0.46])])
    assert several.p > one.p
    assert several.t == pytest.approx(0.04 / math.sqrt(samples.var(ddof=1) + 0.05**2 / 3))


def test_trainings_that_are_all_alike():
    same = np.full((2, 4), 0.5)
    assert compare_trainings(same, same, 1, 9).p == 1.0
    assert compare_trainings(same + 0.25, same, 1, 9).p == 0.0
