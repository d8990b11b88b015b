"""What the figure of the season fit shows: the lines, bars and dots against the numbers behind them."""

import numpy as np
import pandas as pd
import pytest
from greenup.paper.fig_season_fit import BIOMES, LEAST_SITES, colours_of, draw_season_fit
from greenup.schemas import SEASONS
from matplotlib.colors import to_hex

SAMPLINGS = ("phenology", "calendar", "calendar_as_published", "quarters")


def row(dataset, sampling, dates, by, group, measure, value, sites=50):
    about = {"dataset": dataset, "sampling": sampling, "dates": dates, "by": by, "group": group, "measure": measure}
    return about | {"sites": sites, "value": value, "low": value - 0.05, "high": value + 0.05}


def summary_of(dataset, sites=50):
    rows = []
    for i, sampling in enumerate(SAMPLINGS):
        rows.append(row(dataset, sampling, "middle", "all", "all", "phases", 3.0, sites))
        rows.append(row(dataset, sampling, "middle", "all", "all", "inside", 0.5, sites))
        rows += [
            row(dataset, sampling, "middle", "all", "all", f"inside_{s}", 0.2 * i + 0.02 * k)
            for k, s in enumerate(SEASONS)
        ]
        rows += [row(dataset, sampling, "middle", "all", "all", f"phases_{k}", 0.1 * k) for k in range(1, 5)]
        for band in (-20, 30, 40):
            few = LEAST_SITES - 1 if band == 40 else 50
            rows.append(row(dataset, sampling, "middle", "latitude", str(band), "inside", 0.1 * i, few))
            rows.append(row(dataset, sampling, "middle", "latitude", str(band), "days_from_middle", 10.0 * i, few))
        for b in range(BIOMES + 2):
            rows.append(row(dataset, sampling, "middle", "biome", f"biome_{b}", "inside", 0.01 * b + 0.1 * i, 10 + b))
    rows.append(row(dataset, "eco", "image", "all", "all", "inside", 0.9))
    rows += [row(dataset, "eco", "image", "all", "all", f"phases_{k}", 0.25) for k in range(1, 5)]
    rows.append(row(dataset, "eco", "image", "latitude", "30", "inside", 0.9))
    return pd.DataFrame(rows)


TRUTH = {"simulated": False, "halfway": False}


@pytest.fixture(scope="module")
def figure():
    return draw_season_fit(summary_of("one"), {"one": TRUTH})


def test_lines_by_latitude_stand_in_the_middle_of_their_band(figure):
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    x, y = lines["quarters"].get_data()
    # Bands -20 .. 30, in between a gap; the band of few sites is left out.
    assert x.tolist() == [-15, -5, 5, 15, 25, 35] and np.isfinite(y).tolist() == [True, *[False] * 4, True]
    assert y[0] == pytest.approx(30) and lines["eco, images"].get_linestyle() == ":"
    assert figure.axes[1].get_ylim() == (0, 104)
    days = {line.get_label(): line for line in figure.axes[0].lines}
    assert days["calendar"].get_ydata()[-1] == 10 and figure.axes[0].get_ylabel() == "days"


def test_dots_by_season(figure):
    axes = figure.axes[2]
    assert [t.get_text() for t in axes.get_xticklabels()] == list(SEASONS)
    dots = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(dots["calendar"], [20, 22, 24, 26])


def test_bars_of_phases_add_up(figure):
    axes = figure.axes[3]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["phenology", "calendar", "calendar as published", "quarters", "eco, images"]
    widths = np.array([[p.get_width() for p in bars] for bars in axes.containers])
    np.testing.assert_allclose(widths[:, 0], [10, 20, 30, 40])
    np.testing.assert_allclose(widths[:, -1], 25)


def test_the_largest_biomes_are_shown_with_their_sites(figure):
    axes = figure.axes[4]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert len(names) == BIOMES and "biome 9 (19)" in names and "biome 0 (10)" not in names
    colours = {to_hex(line.get_color()).upper() for line in axes.lines}
    assert colours == {colours_of(dict.fromkeys(SAMPLINGS))[s].upper() for s in SAMPLINGS}


def test_a_row_of_panels_for_each_truth_of_enough_sites():
    both = pd.concat([summary_of("one"), summary_of("few", sites=10)])
    truths = {"one": TRUTH, "few": {"simulated": True, "halfway": True}}
    figure = draw_season_fit(both, truths)
    texts = [t.get_text() for t in figure.texts]
    assert texts == ["one: real vegetation"] and len(figure.axes) == 5
    alone = draw_season_fit(summary_of("few", sites=10), {"few": truths["few"]})
    (title,) = [t.get_text() for t in alone.texts]
    assert title == "few: simulated vegetation (miniature Earth); growing season by half of the amplitude"
