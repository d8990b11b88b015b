"""The contact sheet: which sites, which views, what each panel shows and says."""

import numpy as np
import pandas as pd
import pytest
from greenup.bands import S2_L2A
from greenup.paper.contact_sheet import (
    NUMBERS,
    View,
    choose_sites,
    draw_contact_sheet,
    limits_in_words,
    shorten_id,
    views_of,
)
from greenup.paper.stretch import Stretch, hatched, stretch_of
from greenup.schemas import SEASONS


class Store:
    """Patches that grow brighter by season, with a corner without data; radar as stored decibels."""

    def __init__(self):
        self.asked = []

    def read(self, site_id, season, channels):
        self.asked.append((site_id, season, tuple(channels)))
        level = 500 + 1000 * SEASONS.index(season)
        image = np.stack([np.full((20, 20), level + 50 * k, np.uint16) for k in range(len(channels))])
        image += np.arange(400, dtype=np.uint16).reshape(20, 20)
        valid = np.ones((20, 20), bool)
        valid[:4, :4] = False
        image[:, ~valid] = 0
        return image, valid


def rows_of(sites=("a", "b"), lost=()):
    rows = []
    for i, site in enumerate(sites):
        for k, season in enumerate(SEASONS):
            there = (site, season) not in lost
            rows.append(
                {
                    "site_id": site, "season": season, "lon": 7.126, "lat": 10.0 * i - 5,
                    "cloud": 4.4 if there else None,
                    "status": "ok" if there else "cloudy", "cause": None if there else "none below 20 % cloud",
                    "time": pd.Timestamp(2020, 3 * k + 1, 5, tz="UTC") if there else pd.NaT,
                    "cloud_of": "tile" if there else None, "scene_id": f"S2_{site}{k}" if there else None,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def draw(rows, bands=S2_L2A, simulated=False, attribution="Contains modified Copernicus Sentinel data 2020"):
    store = Store()
    return *draw_contact_sheet(rows, store, bands, simulated=simulated, attribution=attribution), store


def pictures(figure):
    return [np.asarray(a.images[0].get_array()) for a in figure.axes if a.images]


def texts(figure):
    return "\n".join(t.get_text() for o in (figure, *figure.axes) for t in o.texts)


class TestChoice:
    IDS = tuple(f"s{i}" for i in range(100))

    def test_no_more_images_than_fit(self):
        assert len(choose_sites(self.IDS, 4, 1, "d")) == 10
        assert len(choose_sites(self.IDS, 1, 1, "d")) == 40
        assert len(choose_sites(self.IDS, 50, 1, "d")) == 1
        assert sorted(choose_sites(("x", "y", "x"), 4, 1, "d")) == ["x", "y"]

    def test_seed_and_dataset_alone_decide(self):
        chosen = choose_sites(self.IDS, 4, 1, "d")
        assert chosen == choose_sites(self.IDS[::-1], 4, 1, "d")
        assert chosen != choose_sites(self.IDS, 4, 2, "d") != choose_sites(self.IDS, 4, 1, "e")


@pytest.mark.parametrize(
    ("bands", "expected", "said"),
    [
        (S2_L2A, [("true colour", "colour"), ("NDVI", "index")], ""),
        (("B2", "B3", "B4"), [("true colour", "colour")], ""),
        (("B3", "B4", "B8"), [("false colour", "colour"), ("NDVI", "index")], "no true colour: the dataset has no B2"),
        (("B5",), [("B5", "grey")], "no true colour: the dataset has no B4, B3, B2"),
        (("VV", "VH"), [("VV", "grey"), ("VH", "grey")], ""),
        (("VV",), [("VV", "grey")], ""),
        (("SCL",), [("SCL", "grey")], "no measured band is stored: a mask is shown"),
    ],
)
def test_views_are_what_the_bands_allow(bands, expected, said):
    views, lacking = views_of(bands)
    assert [(v.name, v.kind) for v in views] == expected and lacking == said
    assert {c for v in views for c in v.channels} - {"NDVI"} <= set(bands)


class TestSheet:
    def test_two_views_an_image_all_stretched_alike(self):
        figure, numbers, store = draw(rows_of())
        shown = pictures(figure)
        assert len(shown) == 2 * 8
        assert {s[2] for s in store.asked} == {("B4", "B3", "B2", "NDVI")} and len(store.asked) == 8
        low, high = numbers["true colour low"].iloc[0], numbers["true colour high"].iloc[0]
        values = [Store().read(s, k, "rgb") for s in "ab" for k in SEASONS]
        every = np.concatenate([image[:, valid].ravel() for image, valid in values])
        assert (low, high) == pytest.approx(tuple(np.percentile(every, [1, 95])))
        assert (numbers["NDVI low"] == 0).all() and (numbers["NDVI high"] == 10_000).all()
        # Spring, summer, autumn and winter of one site grow brighter: nothing is stretched for itself.
        means = [p[5:, 5:].mean() for p in shown[:8:2]]
        assert means == sorted(means)

    def test_pixels_without_data_are_striped_and_never_black(self):
        for picture in pictures(draw(rows_of())[0]):
            corner = picture[:4, :4]
            assert corner.min() > 0.7 and np.ptp(corner, axis=-1).max() == 0 and len(np.unique(corner)) == 2

    def test_every_image_says_what_it_is(self):
        figure, numbers, _ = draw(rows_of(lost=[("a", "winter")]))
        words = texts(figure)
        assert "a, spring\n2020-01-05, cloud 4 % (tile)\n5.00° S, 7.13° E" in words
        assert "b, winter\n2020-10-05, cloud 4 % (tile)\n5.00° N, 7.13° E" in words
        assert "a, winter\ncloudy\n5.00° S" in words and "no image\nnone below 20 % cloud" in words
        assert "Contains modified Copernicus Sentinel data 2020" in words and "simulated" not in words
        assert "true colour (B4, B3, B2), reflectance 0." in words and "one stretch for all images" in words
        # From north to south, seasons in the order of the year.
        assert numbers["site_id"].tolist() == ["b"] * 4 + ["a"] * 4
        assert numbers["season"].tolist() == [*SEASONS, *SEASONS]
        assert list(numbers)[: len(NUMBERS)] == list(NUMBERS) and numbers["scene_id"].isna().sum() == 1

    def test_simulated_images_say_so_on_the_sheet(self):
        assert "simulated (miniature Earth)" in texts(draw(rows_of(), simulated=True)[0])

    def test_unknown_cloud_and_no_cloud_kind(self):
        rows = rows_of(("a",)).assign(cloud=None)
        assert "2020-01-05, cloud unknown" in texts(draw(rows)[0])
        rows = rows_of(("a",)).assign(cloud_of=None)
        assert "2020-01-05, cloud 4 %\n" in texts(draw(rows)[0])

    def test_radar_in_decibels(self):
        figure, numbers, store = draw(rows_of(("a",)), bands=("VV", "VH"))
        assert len(pictures(figure)) == 8 and store.asked[0][2] == ("VV", "VH")
        low, high = (numbers[f"VH {end}"].iloc[0] / 500 - 80 for end in ("low", "high"))
        assert f"right: VH, {low:.1f} to {high:.1f} dB" in texts(figure)

    def test_captions_stand_apart(self):
        """No two pictures overlap, and all lie inside the figure."""
        for seasons in (SEASONS, SEASONS[:1], SEASONS[:3]):
            rows = rows_of(tuple("abcde"))
            figure, _, _ = draw(rows[rows["season"].isin(seasons)])
            boxes = [a.get_position() for a in figure.axes if a.images]
            assert len(boxes) == 2 * 5 * len(seasons)
            assert all(min(b.x0, b.y0) > -1e-9 and max(b.x1, b.y1) < 1 + 1e-9 for b in boxes)
            for i, a in enumerate(boxes):
                assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_stripes_cover_what_is_not_valid_alone():
    valid = np.ones((32, 32), bool)
    valid[10:, :] = False
    got = hatched(np.full((32, 32, 3), 0.25), valid)
    assert (got[valid] == 0.25).all() and len(np.unique(got[~valid])) == 2


def test_a_stretch_of_nothing_and_of_one_value():
    nothing = stretch_of([np.zeros((3, 2, 2), np.uint16)], [np.zeros((2, 2), bool)])
    assert nothing == Stretch(0.0, 1.0, 1.0)
    flat = stretch_of([np.full((1, 2, 2), 700, np.uint16)], [np.ones((2, 2), bool)], has_gamma=False)
    assert np.isfinite(flat(np.uint16([700]))).all()


def test_limits_in_physical_units():
    assert limits_in_words(View("NDVI", ("NDVI",), "index"), Stretch(0, 10_000, 1)) == "0 to 1"
    colour = View("true colour", ("B4", "B3", "B2"), "colour")
    assert limits_in_words(colour, Stretch(150, 3450, 0.5)) == "reflectance 0.015 to 0.345, gamma 0.50"


def test_long_names_lose_their_middle():
    assert shorten_id("12U_34R") == "12U_34R"
    assert len(shorten_id("x" * 60)) == 22 and "…" in shorten_id("x" * 60)
