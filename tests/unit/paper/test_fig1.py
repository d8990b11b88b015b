from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.fig1 import MANY, UNKNOWN, draw_fig1, land_cover_shares
from greenup.paper.style import save_figure


def sampling(covers, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"lon": rng.uniform(-170, 170, len(covers)), "lat": rng.uniform(-50, 70, len(covers)), "land_cover": covers}
    )


def test_shares_count_every_site_even_without_a_class():
    shares = land_cover_shares({"a": sampling(["cropland"] * 3 + [None]), "b": sampling(["water", "cropland"])})
    found = shares.set_index(["dataset", "land_cover"])["share"].to_dict()
    assert found == {("a", "cropland"): 0.75, ("a", UNKNOWN): 0.25, ("b", "cropland"): 0.5, ("b", "water"): 0.5}
    assert shares.groupby("dataset")["sites"].sum().to_dict() == {"a": 4, "b": 2}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_maps_and_bars_for_any_number_of_samplings(outputs, count):
    tables = {f"s{i}": sampling(["cropland", "barren", "cropland", "grassland"] * 5, i) for i in range(count)}
    figure, data = draw_fig1(tables)
    assert len(figure.axes) == count + 1
    texts = [t.get_text() for axes in figure.axes for t in axes.texts]
    assert all(f"s{i} (n = 20)" in texts for i in range(count))
    save_figure(figure, data, outputs("fig1"), simulated=False)
    assert all(Path(getattr(outputs("fig1"), kind)).stat().st_size > 100 for kind in ("png", "pdf", "csv"))


def test_mirrored_bars_are_as_long_as_the_shares():
    tables = {"left": sampling(["cropland"] * 3 + ["barren"]), "right": sampling(["cropland", "barren"])}
    figure, _ = draw_fig1(tables)
    bars = [p for p in figure.axes[-1].patches if p.get_height() > 0.5]
    widths = sorted(round(b.get_width(), 6) for b in bars)
    assert widths == [-75.0, -25.0, 50.0, 50.0]


def test_large_samplings_are_drawn_as_density_on_one_scale():
    tables = {"few": sampling(["cropland"] * 50), "many": sampling(["cropland"] * MANY, 1)}
    figure, _ = draw_fig1(tables)
    hexagons = [c for axes in figure.axes for c in axes.collections if type(c).__name__ == "PolyCollection"]
    assert len(hexagons) == 2
    assert hexagons[0].norm is hexagons[1].norm
    few, many = (c.get_array().sum() for c in hexagons)
    assert many / few == pytest.approx(MANY / 50)
    assert max(c.get_array().max() for c in hexagons) == pytest.approx(hexagons[0].norm.vmax)


def test_no_sampling_is_refused():
    with pytest.raises(UserError, match="fig1_datasets"):
        draw_fig1({})
