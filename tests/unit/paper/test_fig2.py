from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.fig2 import NUMBERS, choose_sites, draw_fig2, stretch_together
from greenup.paper.maps import WORLD_FRAME
from greenup.paper.style import save_figure

from tests.unit.paper.looks import overlaps, smallest


def draw(world, store, count=3, **changed):
    parts = {**vars(world), **changed}
    return draw_fig2(
        parts["sites"],
        parts["seasons"],
        parts["phenology"],
        parts["curves"],
        parts["index"],
        index_path="datasets/x/index.parquet",
        count=count,
        curve_index=parts.get("curve_index", "evi"),
        store=store,
    )


def test_it_draws_every_image_of_the_chosen_sites(world, store, outputs):
    figure, data = draw(world, store)
    assert tuple(data.columns) == NUMBERS
    images = data[data["what"] == "image"]
    assert images["site_id"].nunique() == 3 and len(images) == 12
    assert {(s, q) for s, q, _ in store.asked} == set(images[["site_id", "season"]].itertuples(index=False, name=None))
    assert {b for *_, b in store.asked} == {("B4", "B3", "B2")}
    pictures = [a for a in figure.axes if a.images]
    assert len(pictures) == 12
    save_figure(figure, data, outputs("fig2"), simulated=True)
    assert all(Path(getattr(outputs("fig2"), kind)).stat().st_size > 1000 for kind in ("png", "pdf", "csv"))


def test_same_tables_same_bytes(world, store, outputs):
    for name in ("a", "b"):
        figure, data = draw(world, store, count=2)
        save_figure(figure, data, outputs(name), simulated=True)
    for kind in ("png", "pdf", "csv"):
        assert Path(getattr(outputs("a"), kind)).read_bytes() == Path(getattr(outputs("b"), kind)).read_bytes()


def test_observations_are_drawn_as_they_are(world, store):
    _, data = draw(world, store)
    site = data["site_id"].iloc[0]
    mine = world.curves[world.curves["site_id"] == site]
    seen = data[(data["site_id"] == site) & (data["what"] == "observation")]
    assert sorted(seen["evi"]) == pytest.approx(sorted(mine["evi"]))
    assert int(seen["clear"].sum()) == int(mine["clear"].sum())


def test_without_curves_and_dates_it_still_shows_seasons_and_images(world, store):
    figure, data = draw(world, store, phenology=None, curves=None)
    assert set(data["what"]) == {"season", "image"}
    assert sum(t.get_text() == "no vegetation curve" for a in figure.axes for t in a.texts) == 3
    empty = world.curves.iloc[:0]
    assert set(draw(world, store, curves=empty)[1]["what"]) == {"season", "image"}


def test_snow_has_a_mark_of_its_own(world, store):
    figure, data = draw(world, store)
    seen = data[data["what"] == "observation"]
    expected = world.curves[world.curves["site_id"].isin(seen["site_id"])]
    assert int(seen["snow"].sum()) == int(expected["snow"].sum()) > 0
    diamonds = [line for a in figure.axes for line in a.lines if line.get_marker() == "D"]
    assert sum(len(line.get_xdata()) for line in diamonds) == int((expected["snow"] & ~expected["clear"]).sum())
    assert "snow" in [t.get_text() for t in figure.legends[0].get_texts()]
    bare, _ = draw(world, store, curves=world.curves.assign(snow=False))
    assert "snow" not in [t.get_text() for t in bare.legends[0].get_texts()]


def test_dates_of_a_neighbour_and_their_cause_are_said(world, store):
    only = world.index[world.index["site_id"] == "7U_7R"].copy()
    only.attrs.update(world.index.attrs)
    figure, _ = draw(world, store, count=1, index=only)
    said = " ".join(" ".join(t.get_text() for a in figure.axes for t in a.texts).split())
    assert "dates of a site 23 km away (no cycle here)" in said
    none = world.phenology.assign(origin="none", cause="no_data")
    figure, _ = draw(world, store, count=1, index=only, phenology=none)
    assert "no dates (no data here)" in " ".join(" ".join(t.get_text() for a in figure.axes for t in a.texts).split())


def test_the_axis_is_named_after_the_index(world, store):
    for named, name in (({}, "EVI"), ({"curve_index": "ndvi"}, "NDVI")):
        figure, _ = draw(world, store, **named)
        assert [a.get_ylabel() for a in figure.axes if a.get_ylabel()] == [name] * 3


@pytest.mark.parametrize("count", [1, 5])
def test_dates_of_other_season_rules(world, store, count):
    names = dict(zip(("spring", "summer", "autumn", "winter"), ("d1", "d2", "d3", "d4"), strict=True))
    if count == 1:
        names = {"summer": "summer"}
    seasons, index = (t[t["season"].isin(names)].copy() for t in (world.seasons, world.index))
    if count == 5:
        seasons = pd.concat([seasons, seasons[seasons["season"] == "winter"].assign(season="fifth")])
        names["fifth"] = "d5"
        seasons["season"] = seasons["season"].map(names)
        index["season"] = index["season"].map(names)
    index.attrs.update(world.index.attrs)
    store.read = lambda site, season, channels: (np.full((3, 8, 8), 900, np.uint16), np.ones((8, 8), bool))
    figure, data = draw(world, store, seasons=seasons, index=index, phenology=None)
    assert set(data.loc[data["what"] == "season", "season"]) == set(names.values())
    assert sum(t.get_text() == "no image" for a in figure.axes for t in a.texts) == (3 if count == 5 else 0)


def test_polar_night_is_given_as_a_reason(world, store):
    only = world.index[world.index["site_id"] == "3U_3R"].copy()
    only.attrs.update(world.index.attrs)
    seasons = world.seasons.assign(dark_days=np.where(world.seasons["season"] == "autumn", 17, 0))
    figure, _ = draw(world, store, count=1, index=only, seasons=seasons)
    assert any(t.get_text() == "no image\n17 days\nwithout sun" for a in figure.axes for t in a.texts)


def test_a_missing_season_is_said(world, store):
    only = world.index[world.index["site_id"] == "3U_3R"].copy()
    only.attrs.update(world.index.attrs)
    figure, data = draw(world, store, count=1, index=only)
    assert (data["what"] == "image").sum() == 3
    assert any(t.get_text() == "no image" for a in figure.axes for t in a.texts)


def test_real_images_are_attributed_and_simulated_ones_are_not(world, store):
    line = "Contains modified Copernicus Sentinel data 2019"
    for simulated in (False, True):
        world.index.attrs.update(simulated=simulated, attribution=line)
        figure, _ = draw(world, store, count=1)
        assert (line in [t.get_text() for t in figure.texts]) is not simulated


def test_an_empty_index_is_refused(world, store):
    with pytest.raises(UserError, match="no images"):
        draw(world, store, index=world.index.iloc[:0])


class TestChoice:
    def choose(self, world, count, **changed):
        parts = {**vars(world), **changed}
        return choose_sites(parts["sites"], parts["phenology"], parts["curves"], parts["index"], count)

    def test_complete_sites_with_curve_and_own_dates_come_first(self, world):
        # 0 and 7 have filled dates, 3 lacks a season, 8.. have no curve: five are left.
        assert set(self.choose(world, 5)) == {"1U_1R", "2U_2R", "4U_4R", "5U_5R", "6U_6R"}

    def test_north_to_south_and_far_apart(self, world):
        chosen = self.choose(world, 3)
        lat = world.sites.set_index("site_id")["lat"][chosen].to_numpy()
        assert (np.diff(lat) < 0).all() and np.ptp(lat) > 60

    def test_the_order_of_rows_does_not_matter(self, world):
        shuffled = {n: t.sample(frac=1, random_state=3) for n, t in vars(world).items()}
        assert self.choose(world, 4) == self.choose(world, 4, **shuffled)

    def test_no_more_than_there_are(self, world):
        assert len(self.choose(world, 6, index=world.index[world.index["site_id"].isin(["1U_1R", "2U_2R"])])) == 2


class TestStretch:
    def test_one_stretch_for_all_and_colours_stay_true(self):
        dark, bright = np.full((3, 8, 8), 500, np.uint16), np.full((3, 8, 8), 5000, np.uint16)
        bright[:, 0] = 9000
        seen = np.ones((8, 8), bool)
        a, b = stretch_together([dark, bright], [seen, seen])
        assert a.shape == (8, 8, 3) and a.dtype == np.float32
        assert a.max() < b.min()
        assert (a[..., 0] == a[..., 2]).all()

    def test_pixels_without_data_are_grey_and_do_not_count(self):
        image = np.linspace(1000, 2000, 3 * 64).reshape(3, 8, 8).astype(np.uint16)
        seen = np.ones((8, 8), bool)
        seen[:2] = False
        damaged = image.copy()
        damaged[:, ~seen] = 0
        (got,) = stretch_together([damaged], [seen])
        other = damaged.copy()
        other[:, ~seen] = 60000
        assert (got[~seen] == np.float32(0.92)).all()
        assert (stretch_together([other], [seen])[0] == got).all()

    def test_nothing_valid_is_grey(self):
        (got,) = stretch_together([np.zeros((3, 4, 4), np.uint16)], [np.zeros((4, 4), bool)])
        assert (got == np.float32(0.92)).all()
        assert stretch_together([], []) == []


def years(figure):
    """Axes of the curves, from the top."""
    return [a for a in figure.axes if any(line.get_gid() == "calendar" for line in a.lines)]


def test_curves_seasons_and_calendar_stand_where_the_numbers_say(world, store):
    figure, data = draw(world, store)
    panels = years(figure)
    assert len(panels) == 3 == data["site_id"].nunique()
    for axes, (_, part) in zip(panels, data.groupby("site_id", sort=False), strict=True):
        assert axes.get_xlim() == (0, 365) and axes.get_ylim() == panels[0].get_ylim()
        seen = part[(part["what"] == "observation") & part["clear"].fillna(False).astype(bool)]
        dots = max((a for a in axes.lines if a.get_marker() == "."), key=lambda a: a.get_color() == "#222222")
        assert sorted(dots.get_ydata()) == pytest.approx(sorted(seen["evi"]))
        assert sorted(dots.get_xdata()) == pytest.approx(sorted(seen["day"]))
        shades = [(p.get_gid(), p.get_x(), p.get_x() + p.get_width()) for p in axes.patches if p.get_gid()]
        arcs = part.loc[part["what"] == "season", ["season", "day", "stop"]]
        assert sorted(shades) == sorted(arcs.itertuples(index=False, name=None))
        # Solstices and equinoxes: 20 March, 21 June, 22 September, 21 December, as days of the year from 0.
        dashed = [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "calendar"]
        assert sorted(dashed) == pytest.approx([78, 171, 264, 354], abs=1)
        triangles = next(c for c in axes.collections if len(c.get_offsets()))
        taken = part.loc[part["what"] == "image", "day"]
        assert sorted(triangles.get_offsets()[:, 0]) == pytest.approx(sorted(taken))


def test_the_site_is_where_the_inset_says(world, store):
    figure, data = draw(world, store)
    insets = [a for a in figure.axes if any(line.get_marker() == "o" for line in a.lines)]
    for axes, (_, part) in zip(insets, data.groupby("site_id", sort=False), strict=True):
        dot = next(line for line in axes.lines if line.get_marker() == "o")
        at = WORLD_FRAME.project(part["lon"].iloc[0], part["lat"].iloc[0])
        assert np.ravel(dot.get_data()) == pytest.approx(at)


def test_curves_are_a_and_images_are_b(world, store):
    figure, _ = draw(world, store)
    lettered = {t.get_text(): a for a in figure.axes for t in a.texts if t.get_text() in [*"abcdef"]}
    assert set(lettered) == {"a", "b"}
    assert lettered["a"] is years(figure)[0] and lettered["b"].images
    assert lettered["a"].get_position().y0 == pytest.approx(lettered["b"].get_position().y0)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_its_texts_can_be_read_in_print(world, store, count):
    figure, _ = draw(world, store, count=count)
    assert smallest(figure) >= 5.5
    assert overlaps(figure) == []
