import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.paper import style
from greenup.schemas import SEASONS
from greenup.sites.legends import LEGENDS


def draw():
    figure = style.new_figure(2.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], label="x")
    axes.hexbin(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2, gridsize=8)
    axes.imshow(np.linspace(0, 1, 12).reshape(3, 4, 1).repeat(3, 2), extent=(0, 0.2, 0, 0.2))
    style.panel_title(axes, "a", "title")
    return figure


@pytest.mark.parametrize("simulated", [True, False])
def test_two_renders_give_the_same_bytes(outputs, simulated):
    data = pd.DataFrame({"x": [1.0, 1 / 3]})
    first, second = outputs("first"), outputs("second")
    for out in (first, second):
        style.save_figure(draw(), data, out, simulated=simulated)
    for kind in ("png", "pdf", "csv"):
        a, b = (Path(getattr(o, kind)).read_bytes() for o in (first, second))
        assert a == b and len(a) > 20


def test_files_carry_neither_time_nor_version(outputs):
    out = outputs("f")
    style.save_figure(draw(), pd.DataFrame({"x": [1]}), out, simulated=False)
    for kind in ("png", "pdf"):
        content = Path(getattr(out, kind)).read_bytes()
        assert not re.search(rb"CreationDate|Matplotlib v|\d{4}-\d\d-\d\d|Software", content)


def test_a_simulated_figure_says_so_and_a_real_one_does_not(outputs):
    for simulated in (True, False):
        figure = draw()
        style.save_figure(figure, pd.DataFrame({"x": [1]}), outputs("f"), simulated=simulated)
        texts = [t.get_text() for t in figure.texts]
        assert (style.SIMULATED_NOTE in texts) is simulated
        assert pd.read_csv(outputs("f").csv)["simulated"].tolist() == [simulated]


def test_the_note_is_inside_the_saved_picture(outputs):
    import matplotlib.pyplot as plt

    style.save_figure(draw(), pd.DataFrame({"x": [1]}), outputs("with"), simulated=True)
    style.save_figure(draw(), pd.DataFrame({"x": [1]}), outputs("without"), simulated=False)
    with_note, without = (plt.imread(outputs(n).png) for n in ("with", "without"))
    assert with_note.shape[0] > without.shape[0]
    # The pale yellow of the note's box is found below the axes.
    box = np.abs(with_note[..., :3] - np.array([255, 243, 214]) / 255).max(axis=-1) < 0.01
    assert box.sum() > 500 and np.nonzero(box)[0].min() > 0.8 * with_note.shape[0]


def test_nothing_is_left_when_writing_fails(outputs, tmp_path):
    class Unwritable(pd.DataFrame):
        def to_csv(self, *args, **kwargs):
            raise OSError("disk full")

        @property
        def _constructor(self):
            return Unwritable

    with pytest.raises(OSError, match="disk full"):
        style.save_figure(draw(), Unwritable({"x": [1]}), outputs("f"), simulated=False)
    assert not list(tmp_path.glob("*.csv")) and not list(tmp_path.glob(".*"))


def test_every_season_and_every_land_cover_class_has_a_colour_of_its_own():
    assert {c for legend in LEGENDS.values() for c in legend.values()} == set(style.LAND_COVER_COLOURS)
    for legend in LEGENDS.values():
        assert len({style.land_cover_colour(c) for c in legend.values()}) == len(set(legend.values()))
    colours = style.season_colours([*SEASONS, "q1", "q2", "q3", "q4", "d5"])
    assert len(set(colours.values())) == 9


def test_order_of_seasons_and_classes():
    assert style.season_order(["winter", "q2", "spring", "q1"]) == ["spring", "winter", "q1", "q2"]
    assert style.land_cover_order(["water", "zoo", "cropland", "mixed_forest"]) == [
        "mixed_forest",
        "cropland",
        "water",
        "zoo",
    ]
