"""From tables to scores: alignment by site, metrics as recomputed from the predictions, errors with their mend."""

import numpy as np
import pandas as pd
import pytest
from greenup.config import Task, parse
from greenup.config.learning import Folds
from greenup.errors import UserError
from greenup.evaluate.probe import run_probe
from greenup.schemas import EMBEDDINGS, FOLDS, LABELS, PROBES
from greenup.tasks.folds import split_folds
from sklearn.metrics import f1_score, r2_score

N = 150
KINDS = {"classification": "macro_f1", "multilabel": "micro_map", "regression": "r2_mean"}
SETTINGS = {"linear": {"max_epochs": 25, "lr": 0.02}, "knn": {}}


def _task(kind):
    source = {"source": "file", "file": "x.csv", "columns": ["y"]}
    return parse(Task, {"dataset": "d", "labels": source, "kind": kind, "metric": KINDS[kind], "k": 5})


def _tables(kind, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, 8)).astype("float32")
    hidden = x[:, :3] + 0.3 * rng.normal(size=(N, 3))
    labels = pd.DataFrame(
        {
            "site_id": [f"s{i:03d}" for i in rng.permutation(N)],
            "season": "summer",
            "lon": rng.uniform(-30, 60, N),
            "lat": rng.uniform(-40, 70, N),
        }
    )
    if kind == "classification":
        labels["label"] = np.array(["fen", "heath", "moor"])[hidden.argmax(1)]
    elif kind == "multilabel":
        names = np.array(["Abies", "Fagus", "Quercus"])
        labels["label"] = [", ".join(names[h > 0]) for h in hidden]
    else:
        labels["t"], labels["p"] = hidden[:, 0] * 10, hidden[:, 1] * 500 + 900
    embeddings = pd.DataFrame({"site_id": labels["site_id"], "season": "summer", "embedding": list(x)})
    folds = split_folds(labels, kind, Folds(kinds=("random",), count=5), seed=1)
    return embeddings, labels, folds


@pytest.mark.parametrize("protocol", ["linear", "knn"])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_predictions(kind, protocol):
    embeddings, labels, folds = _tables(kind)
    scores, predictions = run_probe(embeddings, labels, folds, _task(kind), protocol, SETTINGS[protocol], seed=2)
    main = scores[scores["metric"] == KINDS[kind]].set_index("fold")
    assert main.index.tolist() == [0, 1, 2, 3, 4]
    assert main["n_test"].sum() == N and (main["n_train"] == (folds["part"] == "train").sum() / 5).all()
    assert main["value"].mean() > {"classification": 0.6, "multilabel": 0.75, "regression": 0.4}[kind]
    # Every image is tested once, and the predictions carry its own label: the rows have not been mixed up.
    joined = predictions.merge(labels, on="site_id", validate="one_to_one")
    tested = folds[folds["part"] == "test"].set_index("site_id")["fold"]
    assert (tested[predictions["site_id"]].to_numpy() == predictions["fold"]).all()
    if kind == "regression":
        np.testing.assert_allclose(joined["t_observed"], joined["t"])
        np.testing.assert_allclose(joined["p_observed"], joined["p"])
    else:
        assert (joined["observed"] == joined["label"]).all()
    for fold, group in predictions.groupby("fold"):
        if kind == "classification":
            again = f1_score(group["observed"], group["predicted"], average="macro")
        elif kind == "regression":
            pairs = [(group[f"{t}_observed"], group[f"{t}_predicted"]) for t in "tp"]
            again = np.mean([r2_score(*p) for p in pairs])
        else:
            assert group["score_Fagus"].between(0, 1).all()
            continue
        assert main["value"][fold] == pytest.approx(again)
    full = scores.assign(model="m", task="t", protocol=protocol, folds="random")
    assert "n_train" in PROBES.check(full, "scores").columns


@pytest.mark.parametrize("protocol", ["linear", "knn"])
def test_the_order_of_rows_changes_nothing(protocol):
    embeddings, labels, folds = _tables("classification")
    task, settings = _task("classification"), SETTINGS[protocol]
    first = run_probe(embeddings, labels, folds, task, protocol, settings, seed=2)
    mixed = [t.sample(frac=1, random_state=i) for i, t in enumerate((embeddings, labels, folds))]
    second = run_probe(*mixed, task, protocol, settings, seed=2)
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])


def test_through_the_types_that_tables_have_on_disk():
    embeddings, labels, folds = _tables("multilabel")
    typed = [s.check(t, "x") for s, t in ((EMBEDDINGS, embeddings), (LABELS, labels), (FOLDS, folds))]
    a, _ = run_probe(*typed, _task("multilabel"), "knn", {}, seed=0)
    b, _ = run_probe(embeddings, labels, folds, _task("multilabel"), "knn", {}, seed=0)
    pd.testing.assert_frame_equal(a, b)


def test_spare_embeddings_do_no_harm():
    embeddings, labels, folds = _tables("classification")
    more = pd.concat([pd.DataFrame({"site_id": ["zz"], "season": ["summer"], "embedding": [np.zeros(8)]}), embeddings])
    a, _ = run_probe(more, labels, folds, _task("classification"), "knn", {}, seed=0)
    b, _ = run_probe(embeddings, labels, folds, _task("classification"), "knn", {}, seed=0)
    pd.testing.assert_frame_equal(a, b)


def _drop_embedding(e, lab, f):
    return e[e["site_id"] != "s007"], lab, f


def _not_finite(e, lab, f):
    bad = e.copy()
    bad["embedding"] = [np.full(8, np.nan) if s == "s011" else v for s, v in zip(e["site_id"], e["embedding"])]  # noqa: B905
    return bad, lab, f


def _ragged(e, lab, f):
    return e.assign(embedding=[v[: 8 - (i == 3)] for i, v in enumerate(e["embedding"])]), lab, f


def _other_labels(e, lab, f):
    return e, lab[lab["site_id"] != "s020"], f


def _lost_fold(e, lab, f):
    return e, lab, f[~((f["site_id"] == "s005") & (f["fold"] == 2))]


def _lost_site(e, lab, f):
    return e, lab, f[f["site_id"] != "s005"]


def _no_folds(e, lab, f):
    return e, lab, f[:0]


def _two_kinds(e, lab, f):
    return e, lab, pd.concat([f, f.assign(folds="blocks")])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop_embedding, r"1 of 150 labelled images have none, e\.g\. s007"),
        (_not_finite, "vector of s011 is not finite"),
        (_ragged, r"different lengths \[7, 8\]"),
        (_other_labels, r"1 in folds are not labelled, e\.g\. s020"),
        (_lost_fold, "no part in some fold"),
        (_lost_site, r"1 labelled images are not in folds.*s005"),
        (_no_folds, "no row where one kind"),
        (_two_kinds, "several kinds: random, blocks"),
    ],
)
def test_tables_that_do_not_fit_are_refused(spoil, message):
    with pytest.raises(UserError, match=message) as error:
        run_probe(*spoil(*_tables("classification")), _task("classification"), "knn", {}, seed=0)
    assert error.value.mend
