"""Polar night against the almanacs of known places, and against the hour angle of sunrise."""

import numpy as np
import pytest
from greenup.phenology import daylight
from greenup.phenology.daylight import RISE, dark_days, declination
from hypothesis import given
from hypothesis import strategies as st


def meeus(day):
    """Apparent declination (degrees) at noon by J. Meeus, Astronomical Algorithms, chapter 25: good to 0.01 degrees."""
    t = (np.asarray(day, dtype="datetime64[D]") - np.datetime64("2000-01-01")).astype(float) / 36525
    m = np.radians(357.52911 + t * (35999.05029 - 0.0001537 * t))
    centre = (
        (1.914602 - t * (0.004817 + 0.000014 * t)) * np.sin(m)
        + (0.019993 - 0.000101 * t) * np.sin(2 * m)
        + 0.000289 * np.sin(3 * m)
    )
    node = np.radians(125.04 - 1934.136 * t)
    longitude = 280.46646 + t * (36000.76983 + 0.0003032 * t) + centre - 0.00569 - 0.00478 * np.sin(node)
    obliquity = 23.439291 - t * (0.0130042 + t * (1.64e-7 - 5.04e-7 * t)) + 0.00256 * np.cos(node)
    return np.degrees(np.arcsin(np.sin(np.radians(obliquity)) * np.sin(np.radians(longitude))))


def is_dark(lat, day):
    """The sun does not rise: the hour angle of sunrise has a cosine above 1 (and the sun stays below, not above)."""
    phi, delta, rise = np.radians(lat), np.radians(declination(day)), np.radians(RISE)
    return np.sin(rise) - np.sin(phi) * np.sin(delta) > np.cos(phi) * np.cos(delta)


def test_declination_follows_a_longer_formula():
    days = np.arange("1950-01-01", "2050-12-31", dtype="datetime64[D]")
    assert np.abs(declination(days) - meeus(days)).max() < 0.02


@pytest.mark.parametrize(
    ("day", "expected"),
    # Noon lies 8.2 h after the equinox of 2020-03-20 03:50 and 1.5 h before that of 2020-09-22 13:31: 0.0165 degrees/h.
    [("2020-03-20", 0.135), ("2020-09-22", 0.025), ("2020-06-20", 23.436), ("2020-12-21", -23.436)],
)
def test_declination_at_equinoxes_and_solstices(day, expected):
    assert declination(np.datetime64(day)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("lat", "first", "last"),
    [
        pytest.param(69.65, "2020-11-27", "2021-01-15", id="Tromso"),
        pytest.param(68.97, "2020-12-02", "2021-01-11", id="Murmansk"),
        pytest.param(71.29, "2020-11-18", "2021-01-22", id="Utqiagvik"),
        pytest.param(78.22, "2020-10-26", "2021-02-15", id="Longyearbyen"),
        pytest.param(-77.85, "2020-04-25", "2020-08-18", id="McMurdo"),
        pytest.param(90.0, "2020-09-25", "2021-03-17", id="North Pole"),
        pytest.param(-90.0, "2020-03-23", "2020-09-19", id="South Pole"),
    ],
)
def test_known_polar_nights(lat, first, last):
    """First and last day without sunrise as almanacs print them; refraction and mountains move them by a day or so."""
    year = np.datetime64("2020-07-01" if lat > 0 else "2020-01-01") + np.arange(366)
    dark = year[dark_days(np.full(len(year), lat), year, year).astype(bool)]
    assert (np.diff(dark).astype(int) == 1).all(), "one night"
    assert abs((dark[0] - np.datetime64(first)).astype(int)) <= 2
    assert abs((dark[-1] - np.datetime64(last)).astype(int)) <= 2


def test_below_the_polar_circles_the_sun_rises_every_day():
    lat = np.array([0.0, 47.0, -65.0, 67.0, -66.0])
    first, last = np.full(5, np.datetime64("2017-01-01")), np.full(5, np.datetime64("2024-12-31"))
    assert dark_days(lat, first, last).tolist() == [0] * 5


def test_the_hemispheres_mirror_each_other():
    """Whole years: as many dark days north as south, but for the ellipse of the orbit (a week at most)."""
    lat = np.arange(68.0, 90.1, 2.0)
    first, last = np.full(len(lat), np.datetime64("2019-01-01")), np.full(len(lat), np.datetime64("2022-12-31"))
    north, south = dark_days(lat, first, last), dark_days(-lat, first, last)
    assert (np.diff(north) > 0).all()
    assert (np.abs(north - south) <= 4 * 8).all()


@given(
    st.lists(st.tuples(st.floats(-90, 90), st.integers(0, 3000), st.integers(0, 400)), min_size=1, max_size=20),
    st.integers(1, 5),
)
def test_against_counting_day_by_day(rows, at_once):
    lat, begin, length = (np.array(v) for v in zip(*rows, strict=True))
    first = np.datetime64("2016-01-01") + begin
    before, daylight._LATITUDES_AT_ONCE = daylight._LATITUDES_AT_ONCE, at_once
    try:
        found = dark_days(lat, first, first + length)
    finally:
        daylight._LATITUDES_AT_ONCE = before
    for i in range(len(lat)):
        assert found[i] == is_dark(lat[i], np.arange(first[i], first[i] + length[i] + 1)).sum()
