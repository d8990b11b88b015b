from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.fig1 import MANY, draw_fig1, land_cover_shares
from greenup.paper.maps import frame_of
from greenup.paper.style import land_cover_colour, save_figure
from matplotlib.colors import to_hex

from tests.unit.paper.looks import overlaps, smallest


def sampling(covers, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"lon": rng.uniform(-170, 170, len(covers)), "lat": rng.uniform(-50, 70, len(covers)), "land_cover": covers}
    )


def land(**shares):
    return pd.DataFrame({"kind": "land_cover", "stratum": list(shares), "area_share": list(shares.values())})


def texts_of(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


def bars_of(figure):
    """Widths of the bars of each column, left to right."""
    found = sorted((a for a in figure.axes if a.containers), key=lambda a: a.get_position().x0)
    return [[round(p.get_width(), 6) for p in a.containers[0]] for a in found]


def test_shares_count_every_site_even_without_a_class():
    shares = land_cover_shares({"a": sampling(["cropland"] * 3 + [None]), "b": sampling(["water", "cropland"])}, {})
    found = shares.set_index(["dataset", "land_cover"])["share"].to_dict()
    assert found == {("a", "cropland"): 0.75, ("a", "unknown"): 0.25, ("b", "cropland"): 0.5, ("b", "water"): 0.5}
    assert shares.groupby("dataset")["sites"].sum().to_dict() == {"a": 4, "b": 2}
    assert shares["land_share"].isna().all()


def test_classes_of_the_land_that_a_sampling_misses_are_shown():
    coverage = {"a": land(cropland=0.4, barren=0.5, grassland=0.0005, urban=0.0995)}
    shares = land_cover_shares({"a": sampling(["cropland", "water"])}, coverage).set_index("land_cover")
    assert shares["sites"].to_dict() == {"cropland": 1, "urban": 0, "barren": 0, "water": 1}
    assert shares["land_share"].to_dict() == {"cropland": 0.4, "urban": 0.0995, "barren": 0.5, "water": 0.0}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_maps_and_bars_for_any_number_of_samplings(outputs, count):
    tables = {f"s{i}": sampling(["cropland", "barren", "cropland", "grassland"] * 5, i) for i in range(count)}
    figure, data = draw_fig1(tables)
    texts = texts_of(figure)
    assert all(f"s{i} (n = 20)" in texts for i in range(count))
    assert bars_of(figure) == [[-25.0, -50.0, -25.0]] * (count > 1) + [[25.0, 50.0, 25.0]] * max(1, count - 1)
    # The bars are panel c from two samplings on, and the letters go through without a gap.
    assert sorted(t for t in texts if len(t) == 1 and t.isalpha()) == [*"abcde"[: count + 1]]
    save_figure(figure, data, outputs("fig1"), simulated=False)
    assert all(Path(getattr(outputs("fig1"), kind)).stat().st_size > 100 for kind in ("png", "pdf", "csv"))


def test_bars_are_as_long_as_the_shares_and_on_one_scale():
    tables = {"left": sampling(["cropland"] * 3 + ["barren"]), "right": sampling(["cropland", "barren"])}
    figure, _ = draw_fig1(tables)
    assert bars_of(figure) == [[-75.0, -25.0], [50.0, 50.0]]
    left, right = (a for a in figure.axes if a.containers)
    per_inch = [np.ptp(a.get_xlim()) / a.get_position().width for a in (left, right)]
    assert per_inch[0] == pytest.approx(per_inch[1])


def test_shares_of_the_land_are_marked():
    tables = {n: sampling(["cropland"] * 3 + ["barren"]) for n in "ab"}
    figure, _ = draw_fig1(tables, {n: land(cropland=0.2, barren=0.8) for n in "ab"})
    marks = [a.collections[0].get_offsets()[:, 0].tolist() for a in figure.axes if a.containers]
    assert marks == [[-20.0, -80.0], [20.0, 80.0]]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["share of the land"]
    assert draw_fig1(tables)[0].legends == []


def test_another_legend_keeps_its_names():
    figure, data = draw_fig1({"a": sampling(["closed_evergreen_needleleaf_forest", "herbaceous_wetland", "sea"] * 3)})
    assert list(data["land_cover"]) == ["closed_evergreen_needleleaf_forest", "herbaceous_wetland", "sea"]
    assert "closed evergreen needleleaf forest" in [" ".join(t.split()) for t in texts_of(figure)]


def test_large_samplings_are_drawn_as_density_on_one_scale():
    tables = {"few": sampling(["cropland"] * 50), "many": sampling(["cropland"] * MANY, 1)}
    figure, _ = draw_fig1(tables)
    hexagons = [c for axes in figure.axes for c in axes.collections if type(c).__name__ == "PolyCollection"]
    assert len(hexagons) == 2
    assert hexagons[0].norm is hexagons[1].norm
    few, many = (c.get_array().sum() for c in hexagons)
    assert many / few == pytest.approx(MANY / 50)
    assert max(c.get_array().max() for c in hexagons) == pytest.approx(hexagons[0].norm.vmax)


def test_hexagons_are_fewer_where_sites_are_few():
    dense = sampling(["cropland"] * 60_000).assign(lon=lambda t: t["lon"] / 20, lat=lambda t: t["lat"] / 20)
    thin = sampling(["cropland"] * MANY, 1).assign(lon=lambda t: t["lon"] / 20, lat=lambda t: t["lat"] / 20)
    sizes = []
    for tables in ({"dense": dense}, {"dense": dense, "thin": thin}):
        figure, _ = draw_fig1(tables)
        drawn = next(c for axes in figure.axes for c in axes.collections if type(c).__name__ == "PolyCollection")
        sizes.append(np.ptp(drawn.get_paths()[0].vertices[:, 0]))
    assert sizes[1] > 1.5 * sizes[0]


def test_no_sampling_is_refused():
    with pytest.raises(UserError, match="fig1_datasets"):
        draw_fig1({})


def test_points_lie_where_their_sites_do_in_the_colour_of_their_land_cover():
    table = sampling(["cropland", "water"] * 10)
    figure, _ = draw_fig1({"a": table, "b": table})
    drawn = [c for axes in figure.axes for c in axes.collections if len(c.get_offsets()) == 20]
    assert len(drawn) == 2
    at = np.column_stack(frame_of(table["lon"], table["lat"]).project(table["lon"], table["lat"]))
    assert np.asarray(drawn[0].get_offsets()) == pytest.approx(at)
    expected = [land_cover_colour(c).lower() for c in table["land_cover"]]
    assert [to_hex(c) for c in drawn[0].get_facecolors()] == expected


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_its_texts_can_be_read_in_print(count):
    covers = ["cropland", "cropland_natural_mosaic", "evergreen_needleleaf_forest", "barren"] * (MANY // 4)
    tables = {f"sampling_{i}": sampling(covers, i) for i in range(count)}
    figure, _ = draw_fig1(tables, {n: land(cropland=0.2, barren=0.8) for n in tables})
    assert smallest(figure) >= 5.5
    assert overlaps(figure) == []
