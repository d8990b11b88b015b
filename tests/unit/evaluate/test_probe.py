"""From tables to scores: alignment by site, metrics as recomputed from the predictions, errors with their mend."""

import numpy as np
import pandas as pd
import pytest
from greenup.config import Task, parse
from greenup.config.evaluation import Folds
from greenup.errors import UserError
from greenup.evaluate import probe
from greenup.evaluate.vectors import Vectors
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, FOLDS, LABELS, PREDICTIONS, PROBES
from greenup.tasks.folds import split_folds
from sklearn.metrics import f1_score, r2_score

N = 150
KINDS = {"classification": "macro_f1", "multilabel": "micro_map", "regression": "r2_mean"}
SETTINGS = {"linear": {"max_epochs": 25, "lr": 0.02}, "knn": {}}


def run_probe(embeddings, *tables, **how):
    return probe.run_probe(Vectors.of_table(embeddings), *tables, **how)


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
        (_ragged, "different lengths"),
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


@pytest.mark.parametrize("protocol", ["linear", "knn"])
def test_shares(protocol):
    embeddings, labels, _ = _tables("regression")
    part = np.exp(labels[["t", "p"]].to_numpy() / [10, 500])
    part /= part.sum(axis=1, keepdims=True)
    labels[["t", "p"]] = part
    folds = split_folds(labels, "distribution", Folds(kinds=("random",), count=5), seed=1)
    source = {"source": "file", "file": "x.csv", "columns": ["t", "p"]}
    task = parse(Task, {"dataset": "d", "labels": source, "kind": "distribution", "metric": "r2_mean", "k": 5})
    settings = {"linear": {"lr": 0.2, "max_epochs": 60}, "knn": {}}[protocol]
    scores, predictions = run_probe(embeddings, labels, folds, task, protocol, settings, seed=2)
    assert {"r2_mean", "mae_mean", "rmse_mean"} <= set(scores["metric"])
    assert scores.loc[scores["metric"] == "r2_mean", "value"].mean() > 0.4
    np.testing.assert_allclose(predictions[["t_predicted", "p_predicted"]].sum(axis=1), 1)


def test_k_is_chosen_on_the_validation_part_alone():
    embeddings, labels, folds = _tables("classification")
    task = _task("classification").model_copy(update={"k": (1, 15, 90)})
    scores, _ = run_probe(embeddings, labels, folds, task, "knn", {}, seed=2)
    chosen = scores.groupby("fold")["choice"].first().str.removeprefix("k=").astype(int)
    for fold, k in chosen.items():
        parts = folds[folds["fold"] == fold].set_index("site_id")["part"]
        reached = {}
        for candidate in (1, 15, 90):
            # The validation part as the test part, in the way of the published probe with this k.
            held = parts.replace({"test": "unused", "val": "test"}).reset_index().assign(folds="random", fold=fold)
            alone, _ = run_probe(embeddings, labels, held, task.model_copy(update={"k": candidate}), "knn", {}, seed=2)
            reached[candidate] = alone.set_index("metric")["value"]["macro_f1"]
        assert k == max(reached, key=reached.get)
        single, _ = run_probe(embeddings, labels, folds, task.model_copy(update={"k": k}), "knn", {}, seed=2)
        one = [s[(s["fold"] == fold) & (s["metric"] == "macro_f1")]["value"].item() for s in (single, scores)]
        assert one[0] == one[1]
    # What is tested has no say: other labels in the test part change no choice.
    spoilt = labels.copy()
    tested = folds[(folds["fold"] == 0) & (folds["part"] == "test")]["site_id"]
    spoilt.loc[spoilt["site_id"].isin(tested), "label"] = "fen"
    again, _ = run_probe(embeddings, spoilt, folds[folds["fold"] == 0], task, "knn", {}, seed=2)
    assert again["choice"].unique().tolist() == [f"k={chosen[0]}"]


def test_weight_decay_is_chosen_by_the_validation_loss():
    embeddings, labels, folds = _tables("classification")
    settings = SETTINGS["linear"] | {"weight_decay": [0.0, 20.0]}
    scores, _ = run_probe(embeddings, labels, folds, _task("classification"), "linear", settings, seed=2)
    assert scores["choice"].unique().tolist() == ["weight_decay=0"]


def test_the_class_of_few_images_that_no_test_part_defines_is_told(caplog):
    embeddings, labels, folds = _tables("classification")
    one = folds[(folds["fold"] == 0) & (folds["part"] == "test")]["site_id"]
    labels.loc[labels["site_id"].isin(one), "label"] = "fen"
    scores, _ = run_probe(embeddings, labels, folds, _task("classification"), "knn", {}, seed=2)
    assert scores.loc[scores["metric"] == "macro_auroc", "fold"].tolist() == [1, 2, 3, 4]
    assert "macro_auroc: 1 of 5 test parts do not define it" in caplog.text


@pytest.mark.parametrize("protocol", ["linear", "knn"])
def test_a_class_of_fewer_images_than_folds(protocol):
    """A class of one image is in no train part of the fold that tests it: a miss, as scikit-learn counts it."""
    embeddings, labels, _ = _tables("classification")
    labels.loc[labels["site_id"] == "s044", "label"] = "bog"
    folds = split_folds(labels, "classification", Folds(kinds=("random",), count=5), seed=1)
    task = _task("classification")
    scores, predictions = run_probe(embeddings, labels, folds, task, protocol, SETTINGS[protocol], seed=2)
    value = scores[scores["metric"] == "macro_f1"].set_index("fold")["value"]
    for fold, part in predictions.groupby("fold"):
        expected = f1_score(part["observed"], part["predicted"], average="macro", zero_division=0)
        assert value[fold] == pytest.approx(expected)
    rare = predictions[predictions["observed"] == "bog"]
    assert rare["site_id"].tolist() == ["s044"] and rare["predicted"].item() != "bog"
    assert np.isfinite(scores["value"]).all() and (rare["score_bog"] < 0.5).all()


def test_images_of_no_part_are_left_alone():
    embeddings, labels, folds = _tables("classification")
    fold = folds[folds["fold"] == 0].copy()
    spare = fold[fold["part"] == "train"]["site_id"].iloc[:30]
    fold.loc[fold["site_id"].isin(spare), "part"] = "unused"
    moved = embeddings.copy()
    moved["embedding"] = [
        v + 100 if s in set(spare) else v for s, v in zip(moved["site_id"], moved["embedding"], strict=True)
    ]
    for protocol in ("linear", "knn"):
        a, b = (
            run_probe(e, labels, fold, _task("classification"), protocol, SETTINGS[protocol], seed=2)[1]
            for e in (embeddings, moved)
        )
        assert (a["predicted"] == b["predicted"]).mean() > 0.95
        np.testing.assert_allclose(a["score"], b["score"], atol=0.02)


def test_embeddings_that_stand_twice_are_refused():
    embeddings, labels, folds = _tables("classification")
    twice = pd.concat([embeddings, embeddings[embeddings["site_id"] == "s009"]])
    with pytest.raises(UserError, match="site s009, season 'summer' stands twice"):
        run_probe(twice, labels, folds, _task("classification"), "knn", {}, seed=0)


def test_predictions_are_kept_as_their_schema_says(tmp_path):
    embeddings, labels, folds = _tables("classification")
    _, predictions = run_probe(embeddings, labels, folds, _task("classification"), "knn", {}, seed=2)
    write_table(tmp_path / "p.parquet", predictions, PREDICTIONS, simulated=True, attribution="none")
    back = read_table(tmp_path / "p.parquet", PREDICTIONS)
    assert back.columns.tolist() == ["site_id", "fold", "observed", "predicted", "score"] + [
        f"score_{c}" for c in ("fen", "heath", "moor")
    ]
    again = back[[c for c in back if c.startswith("score_")]].idxmax(axis=1).str.removeprefix("score_")
    assert (again == back["predicted"]).all() and back["score_fen"].dtype == np.float32


def test_unstandardised_vectors_are_compared_as_they_come():
    """One dimension a thousand times the others decides alone: here it is noise."""
    embeddings, labels, folds = _tables("classification")
    noise = np.random.default_rng(0).normal(size=N) * 1000
    wide = embeddings.assign(
        embedding=[np.append(v, n).astype("float32") for v, n in zip(embeddings["embedding"], noise, strict=True)]
    )
    f1 = []
    for compat in ([], ["unstandardised"]):
        scores, _ = run_probe(wide, labels, folds, _task("classification"), "knn", {"compat": compat}, seed=2)
        f1.append(scores.loc[scores["metric"] == "macro_f1", "value"].mean())
    assert f1[0] > f1[1] + 0.05


def test_scores_above_one_come_out_of_the_probe():
    """All labels of all neighbours: votes in float32 add up to just above 1, and every label with any vote is said."""
    embeddings, labels, folds = _tables("multilabel")
    labels["label"] = [", ".join(sorted({*t.split(", "), "Fagus"} - {""})) for t in labels["label"]]
    f1 = []
    for compat in ([], ["scores_above_one"]):
        task = _task("multilabel").model_copy(update={"k": 20})
        scores, predictions = run_probe(embeddings, labels, folds, task, "knn", {"compat": compat}, seed=2)
        f1.append(scores.loc[scores["metric"] == "micro_f1", "value"].mean())
        share = np.mean([p.count(",") + 1 for p in predictions["predicted"]])
    assert f1[0] > f1[1] + 0.05 and share > 2.9
