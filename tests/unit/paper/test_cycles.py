"""The figure of many sites' curves: dates of single years equal the closed form, seasons those of the study."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.cycles import MOST, draw_cycles
from greenup.phenology.fill import DATES

PEAK = {"north": 200.0, "south": 17.0}


def tables(names=("north", "south")) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cosine years of six years: 15 % and 90 % of the amplitude are crossed at known distances from the peak."""
    times = pd.Timestamp("2015-01-01", tz="UTC") + pd.to_timedelta(np.arange(0, 6 * 365, 8), unit="D")
    sites, dates, curves = [], [], []
    # 0.5 + 0.5 cos(x) = level at x = arccos(2 level - 1).
    low, high = (np.arccos(2 * level - 1) / (2 * np.pi) * 365.25 for level in (0.15, 0.90))
    for i, name in enumerate(names):
        peak = PEAK[name.split("_")[0]]
        evi = 0.2 + 0.4 * (0.5 + 0.5 * np.cos(2 * np.pi * (times.day_of_year + 0.5 - peak) / 365.25))
        sites.append({"site_id": name, "lat": 40.0 - 80 * (i % 2)})
        doy = (np.array([peak - low, peak - high, peak + high, peak + low]) - 0.5) % 365.25 + 0.5
        dates.append({"site_id": name, **dict(zip(DATES, doy, strict=True)), "origin": "observed"})
        curves.append(pd.DataFrame({"site_id": name, "time": times, "evi": evi, "clear": True, "snow": False}))
    return pd.DataFrame(sites), pd.DataFrame(dates), pd.concat(curves, ignore_index=True)


def test_dates_of_single_years_are_those_of_the_closed_form():
    sites, phenology, curves = tables()
    _, data = draw_cycles(sites, phenology, curves)
    own, years = data[data["year"].isna()].set_index("site_id"), data[data["year"].notna()]
    assert years.groupby("site_id").size().min() >= 4
    # In the first and last years the series ends before the curve has come to rest.
    for row in years[years["year"].between(2016, 2019)].itertuples():
        for name in DATES:
            away = (getattr(row, name) - own.loc[row.site_id, name] + 182.6) % 365.25 - 182.6
            assert abs(away) <= 3, (row.site_id, name)


def test_a_panel_a_site_from_north_to_south_at_most_a_dozen():
    names = [f"{'south' if i % 2 else 'north'}_{i}" for i in range(30)]
    figure, data = draw_cycles(*tables(names))
    assert len(figure.axes) == MOST
    assert data["site_id"].nunique() == MOST
    titles = [axes.get_title(loc="left") + axes.get_title() for axes in figure.axes]
    assert "N" in titles[0] and "S" in titles[-1]


def test_filled_sites_say_so_and_undated_ones_have_no_season():
    sites, phenology, curves = tables()
    phenology["origin"] = ["filled", "none"]
    phenology.loc[1, list(DATES)] = np.nan
    figure, _ = draw_cycles(sites, phenology, curves)
    assert "filled" in figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
    assert len(figure.axes[0].patches) >= 4
    assert not figure.axes[1].patches


def test_no_curve():
    sites, phenology, curves = tables()
    with pytest.raises(UserError, match="no site has a curve"):
        draw_cycles(sites, phenology, curves.iloc[:0])
