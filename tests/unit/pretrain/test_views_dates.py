import itertools
import logging

import numpy as np
import pytest
from greenup.config.methods import (
    DinoMethod,
    MaeMethod,
    MoCoMethod,
    MoCoSeasonalMethod,
    MoCoTemporalMethod,
    MoCoV3Method,
    SeCoMethod,
)
from greenup.errors import UserError
from greenup.pretrain.views.dates import check_dates, draw_dates
from greenup.randomness import generator
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare


@pytest.mark.parametrize(("images", "count"), [(3, 3), (4, 3), (5, 3), (2, 2), (4, 2), (4, 1)])
def test_dates_are_distinct_and_all_orders_equally_likely(images, count):
    draws = [draw_dates(images, count, generator(1, "t", i)) for i in range(6000)]
    orders = list(itertools.permutations(range(images), count))
    counts = [draws.count(o) for o in orders]
    assert sum(counts) == len(draws)
    assert chisquare(counts).pvalue > 1e-4


def test_of_too_few_images_the_last_one_drawn_stands_in():
    assert {draw_dates(2, 3, generator(1, i)) for i in range(100)} == {(0, 1, 1), (1, 0, 0)}
    assert draw_dates(1, 3, generator(1)) == (0, 0, 0)
    assert draw_dates(1, 2, generator(1)) == (0, 0)


def test_a_site_without_images_is_refused():
    with pytest.raises(ValueError, match="without images"):
        draw_dates(0, 2, generator(1))
    with pytest.raises(ValueError, match="without images"):
        draw_dates(0, 2, generator(1), replacement=True)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 10**6), st.booleans())
def test_dates_exist_and_differ_as_far_as_they_can(images, count, seed, replacement):
    dates = draw_dates(images, count, generator(seed), replacement=replacement)
    assert len(dates) == count and all(0 <= d < images for d in dates)
    assert replacement or len(set(dates)) == min(images, count)


@pytest.mark.parametrize(("images", "count", "share"), [(4, 2, 1 / 4), (5, 3, 1 - 60 / 125)])
def test_with_replacement_dates_repeat_as_often_as_in_the_released_code(images, count, share):
    draws = [draw_dates(images, count, generator(2, i), replacement=True) for i in range(3000)]
    repeats = sum(len(set(d)) < count for d in draws)
    assert binomtest(repeats, len(draws), share).pvalue > 1e-4


@pytest.mark.parametrize(
    "method",
    [SeCoMethod(name="seco"), MoCoTemporalMethod(name="moco_tp"), MoCoSeasonalMethod(name="moco_seasonal")],
    ids=lambda m: m.name,
)
def test_one_season_is_refused_where_seasons_are_compared(method):
    with pytest.raises(UserError, match=f"{method.name} compares dates") as refusal:
        check_dates(method, [1, 1, 1])
    assert "moco" in refusal.value.mend
    assert check_dates(method, [1, 2, 4]) == (2 if method.name == "seco" else 1)


@pytest.mark.parametrize(
    ("method", "short"),
    [
        (MoCoMethod(name="moco"), 0),
        (MaeMethod(name="mae"), 0),
        (MoCoV3Method(name="mocov3"), 2),
        (DinoMethod(name="dino"), 2),
    ],
    ids=lambda m: getattr(m, "name", m),
)
def test_sites_with_too_few_images_are_counted_and_told(method, short, caplog):
    with caplog.at_level(logging.INFO, logger="greenup.pretrain.views.dates"):
        assert check_dates(method, [1, 1]) == short
    assert ("2 of 2 sites" in caplog.text) == bool(short)
    assert check_dates(method, np.array([3, 4])) == 0
