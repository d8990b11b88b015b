import math

import numpy as np
import pytest
import torch
from greenup.pretrain.views.masks import ASPECT, block_mask, draw_block, random_mask
from greenup.randomness import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

ROWS = COLUMNS = 14


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 1), st.integers(0, 10**6))
def test_exactly_so_many_are_hidden_anywhere(rows, columns, share, seed):
    hidden = round(share * rows * columns)
    mask = random_mask(rows, columns, hidden, generator(seed))
    assert mask.shape == (rows, columns) and mask.dtype == bool and mask.sum() == hidden


def test_random_masks_hide_every_patch_and_every_pair_equally_often():
    masks = np.array([random_mask(3, 4, 5, generator(1, i)).ravel() for i in range(4000)])
    counts = masks.sum(axis=0)
    # Patches of one mask exclude one another: their variance is that of draws without replacement.
    z = (counts - 4000 * 5 / 12) / math.sqrt(4000 * 5 / 12 * 7 / 12)
    assert np.abs(z).max() < 4
    pairs = (masks.T.astype(int) @ masks)[np.triu_indices(12, 1)]
    expected = 4000 * (5 * 4) / (12 * 11)
    assert np.abs(pairs - expected).max() < 4.5 * math.sqrt(expected)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 1), st.integers(1, 40), st.integers(1, 200), st.integers(0))
@settings(max_examples=150, deadline=None)
def test_exactly_so_many_are_hidden_in_blocks(rows, columns, share, least, most, seed):
    hidden = round(share * rows * columns)
    mask = block_mask(rows, columns, hidden, generator(seed), least, most)
    assert mask.shape == (rows, columns) and mask.dtype == bool and mask.sum() == hidden


def test_too_many_patches_are_refused():
    with pytest.raises(ValueError, match="10 of 3 x 3"):
        block_mask(3, 3, 10, generator(0), 2, 9)
    with pytest.raises(ValueError, match="blocks of 0"):
        block_mask(3, 3, 4, generator(0), 0, 9)


def test_blocks_have_the_sizes_shapes_and_places_of_beit():
    blocks = [draw_block(100, 100, 400, 900, generator(2, i)) for i in range(2000)]
    areas = [h * w for _, _, h, w in blocks]
    # Rounding to whole patches blurs areas and aspects by about a patch in twenty, less than what the test resolves.
    assert kstest(areas, "uniform", args=(400, 500)).pvalue > 1e-4
    aspects = [math.log(h / w) for _, _, h, w in blocks]
    assert kstest(aspects, "uniform", args=(math.log(ASPECT[0]), math.log(ASPECT[1] / ASPECT[0]))).pvalue > 1e-4
    for place in ([t / (100 - h) for t, _, h, _ in blocks], [left / (100 - w) for _, left, _, w in blocks]):
        assert chisquare(np.histogram(place, bins=8, range=(0, 1))[0]).pvalue > 1e-4


@given(st.integers(1, 30), st.integers(1, 30), st.floats(1, 400), st.floats(1, 4), st.integers(0, 10**6))
def test_blocks_lie_inside_whatever_the_grid(rows, columns, least, times, seed):
    top, left, height, width = draw_block(rows, columns, least, least * times, generator(seed))
    assert height >= 1 and width >= 1
    assert 0 <= top <= rows - height and 0 <= left <= columns - width


def neighbours(masks):
    """How often the neighbour of a hidden patch is hidden."""
    masks = masks.astype(float)
    pairs = (masks[:, 1:] * masks[:, :-1]).sum() + (masks[:, :, 1:] * masks[:, :, :-1]).sum()
    firsts = masks[:, :-1].sum() + masks[:, :, :-1].sum()
    return pairs / firsts


def test_block_masks_clump_as_those_of_another_library():
    from lightly.models.utils import random_block_mask

    ours = np.array([block_mask(ROWS, COLUMNS, 100, generator(3, i), 16, 196) for i in range(300)])
    torch.manual_seed(0)
    theirs = random_block_mask(
        (300, ROWS, COLUMNS), 1.0, 100 / 196, 100 / 196, min_num_masks_per_block=16, max_num_masks_per_block=None
    ).numpy()
    # lightly (as DINOv2) leaves away what no block fits: a few patches less are hidden.
    assert 80 < theirs.sum(axis=(1, 2)).mean() <= 100
    assert neighbours(ours) == pytest.approx(neighbours(theirs), abs=0.05)
    anywhere = np.array([random_mask(ROWS, COLUMNS, 100, generator(3, i)) for i in range(300)])
    assert neighbours(anywhere) == pytest.approx(99 / 195, abs=0.01)
    assert neighbours(ours) > 0.75
