from pathlib import Path

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest
from greenup.paper.figA1 import NUMBERS, choose_site, draw_figA1
from greenup.paper.style import save_figure
from greenup.phenology.doy import day_of_year, difference
from greenup.phenology.fill import DATES
from greenup.schemas import CURVES

from tests.unit.paper.looks import overlaps, smallest
from tests.unit.phenology.closed_forms import double_logistic, series, true_dates


def curve(site_id, days, values, clear=True, snow=False):
    time = pd.Timestamp(0, tz="UTC") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"site_id": site_id, "time": time, "evi": values, "clear": clear, "snow": snow})


@pytest.fixture
def tables():
    """Sites weak, strong, double (two peaks), filled (no dates of its own), south, flat; five years every 8 days."""
    days, strong = series(8, years=5, noise=0.01, seed=1)
    snow = (days % 365.25 > 310) | (days % 365.25 < 70)
    cloudy = ~snow & (np.arange(len(days)) % 7 == 3)
    double = double_logistic(days % 365.25, end=180.0) + double_logistic(days % 365.25, onset=220.0) - 0.1
    curves = pd.concat(
        [
            curve("weak", *series(8, years=5, amplitude=0.2, noise=0.01)),
            curve("strong", days, np.where(cloudy, -0.05, np.where(snow, 0.0, strong)), ~snow & ~cloudy, snow),
            curve("double", days, double),
            curve("filled", *series(8, years=5, amplitude=0.7)),
            curve("south", *series(8, years=5, amplitude=0.3, shift=183)),
            curve("flat", days, np.full(len(days), 0.4)),
        ],
        ignore_index=True,
    )
    names = list(dict.fromkeys(curves["site_id"]))
    sites = pd.DataFrame({"site_id": names, "lon": 10.0, "lat": [50.0, 48.0, 30.0, 40.0, -30.0, 0.0]})
    sites["land_cover"] = ["grassland", "mixed_forest", "cropland", "savanna", None, "barren"]
    truth = day_of_year(true_dates() + 365.0)
    phenology = pd.DataFrame({"site_id": names, "origin": ["filled" if n == "filled" else "observed" for n in names]})
    for name, day in zip(DATES, truth, strict=True):
        phenology[name] = day
        phenology.loc[phenology["site_id"] == "south", name] = (day + 183) % 365
    curves = CURVES.check(curves, "made")
    curves.attrs.update(simulated=False, attribution="Made from a formula")
    return sites, phenology, curves


def test_the_clearest_observed_cycle_is_drawn_with_all_its_parts(tables, outputs):
    figure, data = draw_figA1(*tables)
    assert tuple(data.columns) == NUMBERS
    assert set(data["site_id"]) == {"strong"}
    assert set(data["what"]) == {"observation", "curve", "date", "crossing", "level"}
    texts = [t.get_text() for t in figure.axes[0].texts]
    for name in DATES:
        assert any(t.startswith(f"{name.capitalize()}, ") for t in texts)
    assert texts.count("15 %") == texts.count("90 %") == 2
    assert "Site strong: 48.0° N, 10.0° E, mixed forest" in [t.get_text() for t in figure.texts]
    assert "Made from a formula" in [t.get_text() for t in figure.texts]
    save_figure(figure, data, outputs("figA1"), simulated=False)
    assert all(Path(getattr(outputs("figA1"), kind)).stat().st_size > 1000 for kind in ("png", "pdf", "csv"))


def test_crossings_are_those_of_the_formula_and_dates_those_of_the_table(tables):
    phenology = tables[1]
    _, data = draw_figA1(*tables)
    crossing, date = (data[data["what"] == what].set_index("name").loc[list(DATES)] for what in ("crossing", "date"))
    days = (crossing["time"] - pd.Timestamp(0)) / pd.Timedelta(days=1)
    assert np.abs(difference(days, true_dates())).max() < 6
    table = phenology.set_index("site_id").loc["strong", list(DATES)].to_numpy(float)
    assert (date["time"].dt.day_of_year.to_numpy() == table).all()
    assert (np.abs(date["time"] - crossing["time"]) < pd.Timedelta(days=8)).all()
    low, high = data[data["what"] == "level"].set_index("name")["value"][["minimum before", "maximum"]]
    assert crossing["value"]["greenup"] == pytest.approx(low + 0.15 * (high - low))
    assert crossing["value"]["maturity"] == pytest.approx(low + 0.90 * (high - low))


def test_observations_are_drawn_as_they_are(tables):
    _, data = draw_figA1(*tables)
    seen = data[data["what"] == "observation"]
    mine = tables[2][tables[2]["site_id"] == "strong"].copy()
    mine["time"] = mine["time"].dt.tz_localize(None).dt.round("s")
    both = seen.merge(mine, on="time", suffixes=("", "_given"))
    assert len(both) == len(seen) > 30
    assert (both["value"] == both["evi"]).all()
    assert (both["clear"].astype(bool) == both["clear_given"].astype(bool)).all()
    assert (both["snow"].astype(bool) == both["snow_given"].astype(bool)).all()
    assert {True, False} == set(seen["snow"]) == set(seen["clear"])


def test_a_southern_cycle_is_drawn_whole(tables):
    _, data = draw_figA1(*tables, site_id="south")
    times = data[data["what"] == "date"]["time"]
    assert times.is_monotonic_increasing
    assert times.dt.year.nunique() == 2, "across New Year"


def test_the_order_of_rows_does_not_matter(tables, outputs):
    shuffled = [t.sample(frac=1, random_state=2) for t in tables]
    shuffled[2].attrs.update(tables[2].attrs)
    for name, given in (("a", tables), ("b", shuffled)):
        save_figure(*draw_figA1(*given), outputs(name), simulated=True)
    assert Path(outputs("a").png).read_bytes() == Path(outputs("b").png).read_bytes()


def test_choice(tables):
    _, phenology, curves = tables
    assert choose_site(phenology, curves).site_id == "strong"
    rest = curves[~curves["site_id"].isin(["strong", "double"])]
    assert choose_site(phenology, rest).site_id == "south", "stronger than weak; filled has no dates of its own"
    both = curves[curves["site_id"].isin(["double", "strong"])]
    assert choose_site(phenology, both).site_id == "strong", "as high, and but one peak"
    assert choose_site(phenology, curves[curves["site_id"] == "flat"]) is None


@pytest.mark.parametrize("kept", ["flat", "filled", "none"])
def test_without_a_cycle_it_says_so(tables, outputs, kept):
    sites, phenology, curves = tables
    figure, data = draw_figA1(sites, phenology, curves[curves["site_id"] == kept])
    assert data.empty and tuple(data.columns) == NUMBERS
    assert "no vegetation curve with a cycle" in [t.get_text() for t in figure.axes[0].texts]
    save_figure(figure, data, outputs("none"), simulated=False)


def test_the_index_is_named(tables):
    figure, _ = draw_figA1(*tables, index="ndvi")
    assert figure.axes[0].get_ylabel() == "NDVI"


def test_what_is_drawn_are_the_numbers(tables):
    figure, data = draw_figA1(*tables)
    axes = figure.axes[0]
    shades = {p.get_gid(): p for p in axes.patches if p.get_gid()}
    date = data[data["what"] == "date"].set_index("name")["time"]
    between = {"spring": DATES[:2], "summer": DATES[1:3], "autumn": DATES[2:]}
    edges = {name: mdates.date2num(date[list(pair)]) for name, pair in between.items()}
    for name, (start, stop) in edges.items():
        assert [shades[name].get_x(), shades[name].get_x() + shades[name].get_width()] == pytest.approx([start, stop])
    lines = {line.get_marker(): line for line in axes.lines if line.get_linestyle() == "None"}
    seen = data[data["what"] == "observation"]
    for marker, rows in (
        ("x", seen[~seen["clear"].astype(bool) & ~seen["snow"].astype(bool)]),
        ("D", seen[seen["snow"].astype(bool)]),
    ):
        assert sorted(lines[marker].get_ydata()) == pytest.approx(sorted(rows["value"]))
    used = seen.loc[seen["clear"].astype(bool) | seen["snow"].astype(bool), "value"]
    low, high = axes.get_ylim()
    # Names of the seasons stand below the lowest observation.
    assert low + 0.055 * (high - low) <= used.min() and high > data.loc[data["what"] == "curve", "value"].max()
    assert {"spring", "summer", "autumn", "winter"} <= {t.get_text() for t in axes.texts}


def test_its_texts_can_be_read_in_print(tables):
    figure, _ = draw_figA1(*tables)
    assert smallest(figure) >= 5.5
    assert overlaps(figure) == []
