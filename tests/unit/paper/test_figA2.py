from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.dots import MANY
from greenup.paper.figA2 import CLASSES, TARGETS, draw_figA2
from greenup.paper.maps import frame_of
from greenup.paper.style import BIOME_COLOURS, OTHER, save_figure
from matplotlib.colors import to_hex

from tests.unit.paper.looks import overlaps, smallest


def labels(n, seed=0, **columns):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"site_id": [f"s{i:04d}" for i in range(n)], "season": "summer", "lon": rng.uniform(-170, 170, n)}
    )
    return table.assign(lat=rng.uniform(-50, 70, n), **columns)


def titles(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts if len(t.get_text()) > 3]


def points(figure):
    return [c for axes in figure.axes for c in axes.collections if type(c).__name__ == "PathCollection"]


def test_classes_have_their_colours_and_are_counted(outputs):
    table = labels(60, label=["tundra"] * 40 + ["boreal_forest"] * 20)
    figure, data = draw_figA2({"biomes": table}, {"biomes": "classification"})
    assert data[["item", "images"]].to_numpy().tolist() == [["tundra", 40], ["boreal_forest", 20]]
    assert "biomes (n = 60)" in titles(figure)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["tundra (40)", "boreal forest (20)"]
    (drawn,) = points(figure)
    colours = pd.Series([to_hex(c) for c in drawn.get_facecolors()]).value_counts().to_dict()
    assert colours == {BIOME_COLOURS["tundra"].lower(): 40, BIOME_COLOURS["boreal_forest"].lower(): 20}
    save_figure(figure, data, outputs("figA2"), simulated=False)
    assert all(Path(getattr(outputs("figA2"), kind)).stat().st_size > 100 for kind in ("png", "pdf", "csv"))


def test_rare_classes_share_one_colour():
    names = [f"class{i:02d}" for i in range(CLASSES + 3) for _ in range(20 - i)]
    figure, data = draw_figA2({"many": labels(len(names), label=names)}, {"many": "classification"})
    assert len(data) == CLASSES + 3
    entries = [t.get_text() for t in figure.legends[0].get_texts()]
    rest = int(data["images"].iloc[CLASSES:].sum())
    assert len(entries) == CLASSES + 1 and entries[-1] == f"3 others ({rest})"
    colours = pd.Series([to_hex(c) for c in points(figure)[0].get_facecolors()])
    assert (colours == OTHER.lower()).sum() == rest and colours.nunique() == CLASSES + 1


def test_regression_has_a_map_a_target_with_its_unit():
    values = np.arange(100.0)
    columns = {"temperature_c": values, **{f"x{i}": values * i for i in range(1, TARGETS + 1)}}
    figure, data = draw_figA2({"climate": labels(100, **columns)}, {"climate": "regression"}, ["climate"])
    assert data["target"].nunique() == TARGETS == len(points(figure))
    first = data[data["target"] == "temperature_c"].set_index("item")["value"]
    assert first.to_dict() == pytest.approx({"min": 0, "p02": 1.98, "median": 49.5, "p98": 97.02, "max": 99})
    assert f"climate: temperature (°C), n = 100, simulated, {TARGETS} of 5 targets" in titles(figure)
    assert points(figure)[0].get_clim() == pytest.approx((1.98, 97.02))


def test_several_classes_an_image_are_counted():
    table = labels(4, label=["Pinus, Quercus", "", "Pinus", "Abies, Fagus"])
    figure, data = draw_figA2({"genera": table}, {"genera": "multilabel"})
    assert data[["item", "images"]].to_numpy().tolist() == [["0", 1], ["1", 1], ["2", 2]]
    assert sorted(points(figure)[0].get_array()) == [0, 1, 2, 2]
    many = labels(3, label=[", ".join(f"g{i}" for i in range(n)) for n in (1, 3, 12)])
    figure, data = draw_figA2({"genera": many}, {"genera": "multilabel"})
    assert sorted(points(figure)[0].get_array()) == [1, 3, 8] and list(data["item"]) == ["1", "3", "12"]
    assert "≥ 8" in [t.get_text() for axes in figure.axes for t in axes.get_xticklabels()]


def test_every_task_has_its_frame_and_its_letter():
    tables = {
        "arctic": labels(50, label=["a", "b"] * 25).assign(lat=np.linspace(65, 80, 50)),
        "europe": labels(50, label=["a", "b"] * 25).assign(
            lon=lambda t: t["lon"] / 10, lat=lambda t: 50 + t["lat"] / 10
        ),
        "world": labels(50, label=["a", "b"] * 25),
    }
    figure, _ = draw_figA2(tables, dict.fromkeys(tables, "classification"))
    shown = [t.get_text() for axes in figure.axes for t in axes.texts]
    assert [t for t in shown if len(t) == 1] == ["a", "b", "c"]
    widths = [np.ptp(c.axes.get_xlim()) for c in points(figure)]
    assert widths[1] < widths[0] < widths[2]


def test_the_order_of_rows_does_not_matter(outputs):
    table = labels(80, label=["a", "b", "c", "d"] * 20)
    for name, t in (("one", table), ("two", table.sample(frac=1, random_state=1))):
        figure, data = draw_figA2({"t": t}, {"t": "classification"})
        save_figure(figure, data, outputs(name), simulated=False)
    assert Path(outputs("one").png).read_bytes() == Path(outputs("two").png).read_bytes()


def test_no_task_is_refused():
    with pytest.raises(UserError, match="no task"):
        draw_figA2({}, {})


def test_very_many_points_are_one_picture_with_the_same_colours():
    table = labels(MANY, label=["tundra"] * (MANY // 2) + ["boreal_forest"] * (MANY - MANY // 2))
    figure, _ = draw_figA2({"biomes": table}, {"biomes": "classification"})
    (picture,) = [image for axes in figure.axes for image in axes.images]
    assert points(figure) == []
    shown = {to_hex(np.array(c) / 255) for c in np.unique(picture.get_array().reshape(-1, 4), axis=0) if c[3]}
    assert shown == {BIOME_COLOURS["tundra"].lower(), BIOME_COLOURS["boreal_forest"].lower()}


def test_points_lie_where_their_images_do():
    table = labels(60, label=["tundra"] * 60)
    figure, _ = draw_figA2({"biomes": table}, {"biomes": "classification"})
    expected = np.column_stack(frame_of(table["lon"], table["lat"]).project(table["lon"], table["lat"]))
    found = np.asarray(points(figure)[0].get_offsets())
    assert found[np.lexsort(found.T)] == pytest.approx(expected[np.lexsort(expected.T)])


def test_only_the_labels_that_are_invented_are_marked_so():
    tables = {"real": labels(9, label=["tundra"] * 9), "invented": labels(9, label=["tundra"] * 9)}
    figure, data = draw_figA2(tables, dict.fromkeys(tables, "classification"), ["invented"])
    assert data.set_index("task")["simulated"].to_dict() == {"real": False, "invented": True}
    assert [t for t in titles(figure) if "simulated" in t] == ["invented (n = 9, simulated)"]


def test_its_texts_can_be_read_in_print():
    tables = {
        "biomes": labels(60, label=[*BIOME_COLOURS] * 4),
        "climate": labels(60, **{f"long_name_of_target_{i}_mm": np.arange(60.0) * 1000 for i in range(4)}),
        "arctic": labels(60, label=["tundra", "barren"] * 30).assign(lat=np.linspace(61, 80, 60)),
    }
    kinds = {"biomes": "classification", "climate": "regression", "arctic": "classification"}
    figure, _ = draw_figA2(tables, kinds, ["climate"])
    assert smallest(figure) >= 5.5
    assert overlaps(figure) == []
