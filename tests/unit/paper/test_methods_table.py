import math

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.methods_table import Trained, losses_of, readable_losses, readable_scores, scores_of
from greenup.paper.plain import to_markdown
from scipy import stats

MODELS = {
    "a1": Trained("moco", "resnet18", 1),
    "a2": Trained("moco", "resnet18", 2),
    "v1": Trained("mae", "vit_tiny", 1),
    "r1": Trained("random_init", "resnet18", 1),
    "r2": Trained("random_init", "resnet18", 2),
    "band_statistics": Trained("band_statistics", None, 7),
}
LEVELS = {"a1": 0.7, "a2": 0.66, "v1": 0.6, "r1": 0.5, "r2": 0.52, "band_statistics": 0.55}
N_TEST, N_TRAIN = [20, 21, 20, 19], [60, 59, 60, 61]


def probe(model: str, folds=range(4), metric="macro_f1") -> pd.DataFrame:
    values = np.random.default_rng(sum(map(ord, model))).normal(LEVELS[model], 0.03, len(folds))
    table = pd.DataFrame(
        {
            **{"model": model, "task": "biomes", "protocol": "linear", "folds": "random"},
            **{"fold": list(folds), "metric": metric, "value": values},
            **{"n_test": [N_TEST[f] for f in folds], "n_train": [N_TRAIN[f] for f in folds]},
        }
    )
    table.attrs["simulated"] = True
    return table


def scores(names=tuple(MODELS), **kwargs) -> pd.DataFrame:
    # Another metric beside the main one, which must not be mixed in.
    probes = [pd.concat([probe(m), probe(m, metric="accuracy").assign(value=0.0)]) for m in names]
    for p in probes:
        p.attrs["simulated"] = True
    return scores_of(probes, {"biomes": "macro_f1"}, MODELS)


def corrected(values: np.ndarray) -> tuple[float, float]:
    """Mean and half the width of the corrected resampled t interval, written down again."""
    share = float(np.mean(np.array(N_TEST) / np.array(N_TRAIN)))
    error = math.sqrt(np.var(values, ddof=1) * (1 / len(values) + share))
    return float(np.mean(values)), float(stats.t(len(values) - 1).ppf(0.975)) * error


def row_of(table: pd.DataFrame, method: str, model: str | None = None) -> pd.Series:
    mine = table[(table["method"] == method) & (table["model"].isna() if model is None else table["model"] == model)]
    assert len(mine) == 1
    return mine.iloc[0]


def test_a_method_is_all_its_folds_and_seeds():
    row = row_of(scores(), "moco")
    mean, half = corrected(np.r_[probe("a1")["value"], probe("a2")["value"]])
    assert (row["mean"], row["low"], row["high"], row["n"]) == pytest.approx((mean, mean - half, mean + half, 8))
    means = [probe(m)["value"].mean() for m in ("a1", "a2")]
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((min(means), max(means)))


def test_a_seed_is_its_folds():
    row = row_of(scores(), "moco", "a2")
    mean, half = corrected(probe("a2")["value"].to_numpy())
    assert (row["mean"], row["low"], row["high"], row["n"]) == pytest.approx((mean, mean - half, mean + half, 4))
    assert row["seed"] == 2 and pd.isna(row["difference"])


def test_the_difference_is_paired_over_folds():
    row = row_of(scores(), "moco")
    each = (probe("a1")["value"] + probe("a2")["value"] - probe("r1")["value"] - probe("r2")["value"]).to_numpy() / 2
    mean, half = corrected(each)
    got = (row["difference"], row["difference_low"], row["difference_high"])
    assert got == pytest.approx((mean, mean - half, mean + half))
    # The same interval leaves out 0 exactly when p is below 5 %.
    assert (row["p"] < 0.05) == (mean - half > 0 or mean + half < 0)


def test_only_the_same_network_is_compared():
    table = scores()
    for method in ("mae", "random_init", "band_statistics"):
        assert pd.isna(row_of(table, method)["difference"])
    assert not set(table["metric"]) - {"macro_f1"} and table["simulated"].all()


def test_order_of_folds_does_not_matter():
    probes = [probe(m) for m in MODELS]
    mixed = [p.sample(frac=1, random_state=1) for p in probes]
    for p in mixed:
        p.attrs["simulated"] = True
    pd.testing.assert_frame_equal(*(scores_of(ps, {"biomes": "macro_f1"}, MODELS) for ps in (probes, mixed)))


def test_other_folds_are_refused():
    with pytest.raises(UserError, match="same folds"):
        scores_of([probe("a1"), probe("a2", folds=range(3))], {"biomes": "macro_f1"}, MODELS)
    with pytest.raises(UserError, match="same folds"):
        scores_of([probe("a1"), probe("r1", folds=range(3))], {"biomes": "macro_f1"}, MODELS)


def test_nothing_to_tabulate_is_refused():
    with pytest.raises(UserError, match="no probe"):
        scores_of([], {"biomes": "macro_f1"}, MODELS)
    with pytest.raises(UserError, match="main metrics"):
        scores_of([probe("a1")], {"biomes": "accuracy"}, MODELS)


def test_readable_scores():
    text = to_markdown(readable_scores(scores()))
    assert "**biomes, linear probe, random folds (macro F1)**" in text
    assert text.count("| random_init |") == 1
    moco = next(line for line in text.splitlines() if line.startswith("| moco"))
    cells = [c.strip() for c in moco.strip("|").split("|")]
    row = row_of(scores(), "moco")
    assert cells[:4] == ["moco", "resnet18", "2", f"{100 * row['mean']:.1f}"]
    assert cells[6] == f"+{100 * row['difference']:.1f}" + "*" * int(row["difference_low"] > 0)
    assert "Simulated" in text


def curve(model: str, held_out: list[float], spread: list[float]) -> pd.DataFrame:
    n = len(held_out)
    columns = {"model": model, "epoch": range(1, n + 1), "step": np.arange(1, n + 1) * 10, "loss": np.linspace(3, 2, n)}
    return pd.DataFrame({**columns, "held_out_loss": held_out, "embedding_std": spread, "simulated": True})


def test_losses():
    curves = pd.concat([curve("a1", [2.0, 3.0, 1.0], [0.5, 0.2, 0.4]), curve("a2", [2.0, 2.5], [0.6, 0.7])])
    table = losses_of(curves.sample(frac=1, random_state=2), MODELS).set_index("model")
    columns = ["held_out_first", "held_out_highest", "held_out_last", "spread_least", "spread_last", "steps", "epochs"]
    assert table.loc["a1", columns].tolist() == [2.0, 3.0, 1.0, 0.2, 0.4, 30, 3]
    assert table.loc["a2", columns].tolist() == [2.0, 2.5, 2.5, 0.6, 0.7, 20, 2]
    text = to_markdown(readable_losses(table.reset_index()))
    row = [c.strip() for c in text.splitlines()[2].strip("|").split("|")]
    assert row == ["moco", "resnet18", "2", "30", "2.000", "2.000", "2.750", "1.750", "1 of 2", "0.20", "0.55"]
