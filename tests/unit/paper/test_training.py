from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.style import SIMULATED_NOTE, save_figure
from greenup.paper.training import draw_training, read_curves
from greenup.schemas import CURVE_COLUMNS


@pytest.fixture
def curves(tmp_path):
    """Writes a curves.csv; held-out loss only every second epoch."""

    def write(name: str, epochs: int = 6, **changed) -> Path:
        epoch = np.arange(1, epochs + 1)
        columns = {
            "epoch": epoch,
            "step": 10 * epoch,
            "loss": 10.0 / epoch,
            "held_out_loss": np.where(epoch % 2 == 0, 11.0 / epoch, np.nan),
            "lr": 1e-3,
            "weight_decay": 0.05,
            "embedding_std": 0.08,
            "knn_accuracy": np.nan,
            "samples_per_second": 60.0,
            "wait_share": 0.01,
            "mb_per_second": 5.0,
            "skipped": 0,
            "simulated": True,
        }
        path = tmp_path / f"{name}.csv"
        pd.DataFrame({**columns, **changed}).to_csv(path, index=False)
        return path

    return write


def test_curves_of_several_models_in_the_order_given(curves):
    table = read_curves({"second": curves("second", 2), "first": curves("first", 3)})
    assert table["model"].tolist() == ["second"] * 2 + ["first"] * 3
    assert tuple(table.columns) == ("model", *CURVE_COLUMNS)
    assert table["simulated"].dtype == bool and table["simulated"].all()


@pytest.mark.parametrize(("written", "read"), [("False", False), (False, False), ("true", True), (1, True), (0, False)])
def test_simulated_is_read_as_a_truth_value(curves, written, read):
    assert bool(read_curves({"m": curves("m", simulated=written)})["simulated"].any()) is read


def test_the_figure_shows_the_numbers(curves, outputs):
    table = read_curves({"m": curves("m")})
    figure = draw_training(table)
    loss = figure.axes[0]
    by_label = {line.get_label(): line for line in loss.lines}
    assert by_label["m, training"].get_ydata() == pytest.approx(10.0 / np.arange(1, 7))
    assert by_label["m, held out"].get_xdata().tolist() == [2, 4, 6]
    save_figure(figure, table, outputs("t"), simulated=True)
    assert SIMULATED_NOTE in [t.get_text() for t in figure.texts]


def test_one_epoch_and_unmeasured_columns_are_drawn(curves, outputs):
    table = read_curves({"m": curves("m", 1, wait_share=np.nan, samples_per_second=np.nan)})
    figure = draw_training(table)
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert sum(t.get_text() == "not measured" for a in figure.axes for t in a.texts) == 2
    save_figure(figure, table, outputs("t"), simulated=False)


def test_the_accuracy_of_a_probe_is_drawn_beside_the_spread(curves):
    accuracy = [np.nan, 0.4, np.nan, 0.5, np.nan, 0.6]
    spread = draw_training(read_curves({"m": curves("m", knn_accuracy=accuracy)})).axes[1]
    assert spread.lines[1].get_ydata().tolist() == [0.4, 0.5, 0.6]
    assert "k-NN" in spread.get_title() or any("k-NN" in t.get_text() for t in spread.texts)
    assert len(draw_training(read_curves({"m": curves("m")})).axes[1].lines) == 1


def test_same_curves_same_bytes(curves, outputs):
    table = read_curves({"m": curves("m")})
    for name in ("a", "b"):
        save_figure(draw_training(table), table, outputs(name), simulated=True)
    for kind in ("png", "pdf", "csv"):
        assert Path(getattr(outputs("a"), kind)).read_bytes() == Path(getattr(outputs("b"), kind)).read_bytes()


def test_bad_files_are_named(tmp_path, curves):
    with pytest.raises(UserError, match=r"gone\.csv"):
        read_curves({"m": tmp_path / "gone.csv"})
    path = curves("m")
    pd.read_csv(path).drop(columns="lr").to_csv(path, index=False)
    with pytest.raises(UserError, match="'lr' is missing"):
        read_curves({"m": path})
    with pytest.raises(UserError, match="no training curve"):
        read_curves({})
