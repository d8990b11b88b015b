"""Labels that cannot be judged are refused by name; predictions hold what the metrics were made of."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.evaluate.truth import Truth
from sklearn.metrics import roc_auc_score


def _labels(**columns):
    count = len(next(iter(columns.values())))
    place = {"site_id": [f"s{i}" for i in range(count)], "season": "summer", "lon": 0.0, "lat": 0.0}
    return pd.DataFrame(place | columns)


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (_labels(label=["fen", None, "moor"]), "classification", "s1 has no value of 'label'"),
        (_labels(label=pd.Series(["a", pd.NA], dtype="string")), "multilabel", "s1 has no value of 'label'"),
        (_labels(t=[1.0, 2.0, np.nan]), "regression", r"s2 has no value of 't' \(1 such"),
        (_labels(t=[1.0, np.inf]), "regression", "s1 has no value"),
        (_labels(label=["fen", "fen"]), "classification", r"one class only \(fen\)"),
        (_labels(label=["", ""]), "multilabel", r"one class only \(none\)"),
        (_labels(a=[0.5, 0.5], b=[0.5, 0.7]), "distribution", "s1 are negative or add up to 1.2"),
        (_labels(a=[1.5, 0.5], b=[-0.5, 0.5]), "distribution", "shares of s0 are negative"),
        (_labels(label=["a", "b"]).assign(site_id="s0"), "classification", "s0 stands twice"),
        (_labels(split=["", ""]), "regression", "no target column"),
        (_labels(t=[1.0, 2.0]), "classification", "'label' is missing"),
    ],
)
def test_labels_that_cannot_be_judged(labels, kind, message):
    with pytest.raises(UserError, match=message) as error:
        Truth.of(labels, kind)
    assert error.value.mend


def test_a_published_split_is_no_target():
    truth = Truth.of(_labels(split=["train", "test"], t=[1.0, 2.0]), "regression")
    assert truth.names == ["t"]


def test_shares_are_made_to_add_up():
    truth = Truth.of(_labels(a=[0.5, 0.2], b=[0.4999, 0.8001]), "distribution")
    np.testing.assert_allclose(truth.y.sum(axis=1), 1, rtol=1e-15)


def test_class_scores_are_kept_up_to_64_classes():
    rng = np.random.default_rng(0)
    for classes in (64, 65):
        truth = Truth("classification", [f"c{i:02d}" for i in range(classes)], np.arange(200) % classes)
        found, table = truth.judge(np.ones(200, dtype=bool), rng.dirichlet(np.ones(classes), 200))
        kept = [c for c in table if c.startswith("score_")]
        assert len(kept) == (64 if classes == 64 else 0)
        assert table["score"].dtype == np.float32
    truth = Truth("classification", ["a", "b", "c"], np.arange(60) % 3)
    found, table = truth.judge(np.ones(60, dtype=bool), rng.dirichlet(np.ones(3), 60))
    again = np.mean([roc_auc_score(table["observed"] == c, table[f"score_{c}"]) for c in "abc"])
    assert found["macro_auroc"] == pytest.approx(again, rel=1e-12)
