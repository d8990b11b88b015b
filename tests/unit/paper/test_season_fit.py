"""The season fit of sites whose seasons are known, its bootstrap, and its table."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.beyond import PAPERS_RULES, SeasonFit
from greenup.config.seasons import CalendarSeasons, CustomSeasons, PublishedSeasons
from greenup.errors import UserError
from greenup.paper.plain import to_markdown
from greenup.paper.season_fit import ANY_DAY_DRAWS, measure_fit, summarise_fit
from greenup.paper.season_fit_table import readable_fit
from greenup.schemas import SEASON_FIT, SEASON_FIT_SUMMARY

YEARS = (2018, 2021)
NO_CURVES = pd.DataFrame({"site_id": [], "time": pd.to_datetime([], utc=True), "evi": [], "clear": [], "snow": []})


def places(dates, lat=45.0, origin="observed"):
    n = len(dates)
    names = [f"s{i}" for i in range(n)]
    sites = pd.DataFrame({"site_id": names, "lon": 10.0, "lat": lat, "biome": "tundra"})
    table = pd.DataFrame(dates, columns=["greenup", "maturity", "senescence", "dormancy"], dtype=float)
    return sites, table.assign(site_id=names, origin=origin)


def fit_of(sites, phenology, rules, images=None, curves=NO_CURVES, **kwargs):
    return measure_fit(sites, phenology, rules, images or {}, curves, years=YEARS, seed=1, **kwargs)


def test_phenology_lies_in_the_middle_by_construction():
    fit = fit_of(*places([[100, 150, 250, 300], [280, 330, 65, 115]]), {"phenology": PAPERS_RULES["phenology"]})
    SEASON_FIT.check(fit, "fit")
    middle = fit[fit["dates"] == "middle"]
    assert middle["inside"].tolist() == [1, 1] and middle["phases"].tolist() == [4, 4]
    assert (middle["days_from_middle"] < 1.1).all() and (middle["greenness_range"] > 0.98).all()


def test_calendar_windows_beside_a_known_year():
    # 20 March (79), 21 June (172), 22 September (265), 21 December (355); seasons 100-150, 150-250, 250-300, 300-100.
    fit = fit_of(*places([[100, 150, 250, 300]]), {"c": CalendarSeasons(rule="calendar", days=30)})
    row = fit[fit["dates"] == "middle"].iloc[0]
    assert row["inside_spring"] == 0 and row["inside_summer"] == row["inside_autumn"] == row["inside_winter"] == 1
    assert row["inside"] == 0.75 and row["phases"] == 3
    assert row["days_outside"] == pytest.approx(21 / 4, abs=0.3)
    assert row["offset_spring"] == pytest.approx(79 - 125, abs=1.01)
    assert row["offset_summer"] == pytest.approx(172 - 200, abs=1.01)
    # Winter 300 .. 100 has its middle 82.6 days after dormancy: day 382.6, 17.4 of January.
    assert row["offset_winter"] == pytest.approx(355 - 382.6, abs=1.01)


def test_any_day_of_a_window_is_the_share_of_its_days():
    # Window 18 February .. 19 April = 49 .. 109 by 61 days; spring from 100 on: ten days, and one more by tolerance.
    fit = fit_of(*places([[100, 150, 250, 300]]), {"c": CalendarSeasons(rule="calendar", days=30)})
    row = fit[fit["dates"] == "any_day"].iloc[0]
    assert row["inside_spring"] == pytest.approx(11 / 61, abs=1 / ANY_DAY_DRAWS)


def test_southern_windows_by_the_southern_season():
    sites, phenology = places([[280, 330, 65, 115]], lat=-35.0)
    fit = fit_of(sites, phenology, {n: PAPERS_RULES[n] for n in ("calendar", "calendar_as_published")})
    inside = fit[fit["dates"] == "middle"].set_index("sampling")
    assert inside.loc["calendar", "inside_summer"] == 1 and inside.loc["calendar_as_published", "inside_summer"] == 0
    assert inside.loc["calendar", "phases"] == inside.loc["calendar_as_published", "phases"]


def test_random_dates_stand_for_no_season():
    row = fit_of(*places([[100, 150, 250, 300]]), {"r": PAPERS_RULES["random"]}).iloc[0]
    assert np.isnan(row["inside"]) and np.isnan(row["days_from_middle"]) and row["phases"] >= 2 and row["seen"] == 5


def test_quarters_are_called_after_their_reference_days():
    sites, phenology = places([[100, 150, 250, 300]] * 3000)
    fit = fit_of(sites, phenology, {"q": PAPERS_RULES["quarters"]})
    middle = fit[fit["dates"] == "middle"]
    # A random phase is as often in a season as the season is long: 50, 100, 50 and 165.25 days of 365.25.
    for season, length in zip(("spring", "summer", "autumn", "winter"), (50, 100, 50, 165.25), strict=True):
        assert middle[f"inside_{season}"].mean() == pytest.approx((length + 3) / 365.25, abs=0.03)


def test_images_are_judged_by_the_day_they_were_taken():
    sites, phenology = places([[100, 150, 250, 300], [100, 150, 250, 300]])
    time = pd.to_datetime(["2020-05-01", "2019-07-01", "2020-05-01"], utc=True)
    index = pd.DataFrame({"site_id": ["s0", "s0", "s1"], "season": ["spring", "summer", "winter"], "time": time})
    fit = fit_of(sites, phenology, {}, {"eco": index})
    assert fit["dates"].tolist() == ["image", "image"] and fit["seen"].tolist() == [2, 1]
    assert fit["inside"].tolist() == [1, 0] and fit["phases"].tolist() == [2, 1]
    # Day 122 lies 22 days after the end of winter.
    assert fit["days_outside"].tolist() == [0, 22]


def test_sites_whose_dates_are_filled_are_no_truth():
    with pytest.raises(UserError, match="no site has dates of its own"):
        fit_of(*places([[100, 150, 250, 300]], origin="filled"), PAPERS_RULES)


def test_the_index_is_that_of_the_usual_year():
    sites, phenology = places([[100, 150, 250, 300]])
    day = pd.date_range("2018-01-01", "2020-12-31", freq="8D", tz="UTC")
    evi = 0.5 - 0.3 * np.cos(2 * np.pi * (day.dayofyear - 17) / 365.25)
    curves = pd.DataFrame({"site_id": "s0", "time": day, "evi": evi, "clear": True, "snow": False})
    row = fit_of(sites, phenology, {"p": PAPERS_RULES["phenology"]}, curves=curves).iloc[0]
    # Mean over 33 days of a sine: a range a little below 0.6.
    assert 0.55 < row["index_range"] < 0.6


def table_of(values, lat=45.0, sampling="a"):
    n = len(values)
    fit = pd.DataFrame({"site_id": [f"s{i}" for i in range(n)], "lat": lat, "biome": "tundra"})
    fit = fit.assign(sampling=sampling, dates="middle", seen=4.0, phases=2.0, inside=values)
    return fit.reindex(columns=[c.name for c in SEASON_FIT.columns])


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(3).random(400)
    summary = summarise_fit(table_of(values), "d", seed=5)
    SEASON_FIT_SUMMARY.check(summary, "summary")
    row = summary[(summary["by"] == "all") & (summary["measure"] == "inside")].iloc[0]
    assert row["value"] == pytest.approx(values.mean()) and row["sites"] == 400
    half = 1.96 * values.std() / np.sqrt(400)
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=0.12)


def test_groups_are_bands_of_latitude_and_biomes_and_one_site_has_no_interval():
    fit = pd.concat([table_of([0.5, 1.0], lat=[-0.1, 9.9])], ignore_index=True)
    summary = summarise_fit(fit, "d", seed=5, draws=50)
    inside = summary[summary["measure"] == "inside"].set_index(["by", "group"])
    assert set(inside.loc["latitude"].index) == {"-10", "0"}
    assert inside.loc[("latitude", "-10"), "value"] == 0.5 and np.isnan(inside.loc[("latitude", "-10"), "low"])
    assert inside.loc[("biome", "tundra"), "value"] == 0.75
    shares = summary[(summary["by"] == "all") & summary["measure"].str.startswith("phases_")].set_index("measure")
    assert shares["value"].to_dict() == {"phases_1": 0, "phases_2": 1, "phases_3": 0, "phases_4": 0}


def test_the_table_says_what_is_simulated_and_what_stands_in():
    summary = summarise_fit(table_of([0.25, 0.75]), "real", seed=1, draws=20)
    table = readable_fit(summary, {"real": {"simulated": False, "halfway": True}})
    text = to_markdown(table)
    assert "real vegetation; growing season by half of the amplitude" in text and "MidGreenup" in table.legend
    assert "Simulated" not in table.legend
    (row,) = table.groups[0][1]
    assert row[:3] == ("a", "middle of the window", "2") and row[3].startswith("50.0 [") and row[4] == "–"
    simulated = readable_fit(summary, {"real": {"simulated": True, "halfway": False}})
    assert simulated.legend.startswith("Simulated") and "simulated vegetation" in to_markdown(simulated)


@pytest.mark.parametrize("rule", [PublishedSeasons(rule="published"), CustomSeasons(rule="custom", file="w.csv")])
def test_rules_whose_days_stand_in_a_file_are_refused(rule):
    with pytest.raises(ValueError, match=r"rules\.mine: its days stand in a file"):
        SeasonFit(rules={"mine": rule})
