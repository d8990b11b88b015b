"""Fine-tuning from tables to scores: what it learns, what it is judged by, how it goes on after an interruption."""

import logging
import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from finetuned import (
    CHANNELS,
    KINDS,
    PatternStore,
    folds_of,
    labels_of,
    preprocess_of,
    protocol_of,
    run,
    save_resnet,
    save_vit,
    task_of,
)
from greenup.errors import UserError
from greenup.evaluate.finetune_network import Finetuner
from greenup.evaluate.finetune_progress import FinetuneProgress
from greenup.evaluate.probe import run_probe
from greenup.evaluate.vectors import Vectors
from greenup.pretrain.product import load_model
from greenup.schemas import FINETUNE_CURVE_COLUMNS, PROBES
from sklearn.metrics import accuracy_score, f1_score, log_loss


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    return save_resnet(tmp_path_factory.mktemp("resnet"))


PROTOCOL = {"epochs": 4, "dropout": 0.2}


@pytest.fixture(scope="module")
def whole(resnet, tmp_path_factory):
    """An uninterrupted run."""
    return run(resnet, tmp_path_factory.mktemp("whole"), protocol_of(**PROTOCOL))


def same(one, other):
    return all(a.drop(columns="images_per_second", errors="ignore").equals(
        b.drop(columns="images_per_second", errors="ignore")) for a, b in zip(one, other, strict=True))  # fmt: skip


def embeddings_of(model, labels):
    backbone, preprocess, _ = load_model(model)
    images = torch.stack([preprocess(PatternStore().read(s, "", CHANNELS)[0]) for s in labels["site_id"]])
    with torch.inference_mode():
        vectors = backbone(images).numpy()
    names = labels["site_id"].to_numpy(dtype=object)
    return Vectors(names, np.full(len(names), "summer", dtype=object), vectors)


def test_learns_what_a_frozen_random_network_does_not_know(resnet, tmp_path):
    labels = labels_of(180)
    folds = folds_of(labels)
    scores, predictions, curve = run(resnet, tmp_path, protocol_of(epochs=12), labels, folds)
    probe, probed = run_probe(embeddings_of(resnet, labels), labels, folds, task_of(), "linear", {"lr": 0.01}, seed=1)
    tuned, frozen = (t.set_index("metric")["value"]["accuracy"] for t in (scores, probe))
    assert tuned >= 0.85 and tuned > frozen + 0.1
    assert list(predictions.columns) == list(probed.columns)
    assert set(scores["metric"]) == set(probe["metric"])
    pd.testing.assert_frame_equal(predictions[["site_id", "observed"]], probed[["site_id", "observed"]])
    assert curve["loss"].iloc[-1] < 0.5 * curve["loss"].iloc[0]


def test_tables(whole):
    scores, predictions, curve = whole
    full = scores.assign(model="m", task="t", protocol="finetune", folds="random")
    PROBES.check(full, "scores")
    value = scores.set_index("metric")["value"]
    assert value["accuracy"] == accuracy_score(predictions["observed"], predictions["predicted"])
    assert value["macro_f1"] == f1_score(predictions["observed"], predictions["predicted"], average="macro")
    assert (scores["n_test"] == 30).all() and (scores["n_train"] == 66).all()
    folds = folds_of(labels_of())
    assert set(predictions["site_id"]) == set(folds.loc[folds["part"] == "test", "site_id"])
    assert tuple(curve.columns) == FINETUNE_CURVE_COLUMNS
    assert curve["epoch"].tolist() == [1, 2, 3, 4] and curve["step"].tolist() == [8, 16, 24, 32]
    assert curve["best"].iloc[0] and np.isfinite(curve.drop(columns="best")).all(axis=None)


@pytest.mark.parametrize(("kind", "least"), [("multilabel", 0.8), ("regression", 0.4), ("distribution", 0.4)])
def test_every_kind_of_task_is_learnt(kind, least, resnet, tmp_path):
    labels = labels_of(180, kind)
    protocol = protocol_of(epochs=15, optimizer={"lr": 3e-3})
    scores, predictions, _ = run(resnet, tmp_path, protocol, labels, task=task_of(kind))
    assert scores.set_index("metric")["value"][KINDS[kind]] > least
    if kind == "regression":
        # Back in the unit of the labels.
        assert predictions["depth_predicted"].between(450, 600).all()
    if kind == "distribution":
        np.testing.assert_allclose(predictions["low_predicted"] + predictions["high_predicted"], 1)


def test_crops_may_be_smaller_than_what_is_judged(resnet, tmp_path, monkeypatch):
    seen = set()
    logits = Finetuner.logits
    monkeypatch.setattr(Finetuner, "logits", lambda self, x: seen.add((self.training, *x.shape[2:])) or logits(self, x))
    run(resnet, tmp_path, protocol_of(epochs=1, crop_px=8, crop_scale=(0.2, 0.3)))
    assert seen == {(True, 8, 8), (False, 16, 16)}


def test_a_vision_transformer_with_all_its_options(tmp_path):
    protocol = protocol_of(
        epochs=2, layer_decay=0.65, drop_path=0.2, head_norm=True, flips="all", precision="bfloat16", accumulate=2
    )
    scores, _, curve = run(save_vit(tmp_path / "vit"), tmp_path / "work", protocol)
    assert np.isfinite(scores["value"]).all() and curve["loss"].iloc[1] < curve["loss"].iloc[0]


# ---------------------------------------------------------------------------------------------- validation decides
def test_the_best_weights_are_restored(resnet, tmp_path):
    """A training whose best epoch is b gives the scores of one that ends there."""
    rate = {"lr": 3e-3, "schedule": "constant"}
    long = protocol_of(epochs=12, watch="metric", optimizer=rate)
    scores, predictions, curve = run(resnet, tmp_path / "long", long)
    best = int(curve.loc[curve["val_metric"].idxmax(), "epoch"])
    assert best < 12 and curve.loc[curve["best"], "epoch"].max() == best
    short = protocol_of(epochs=best, optimizer=rate, compat=("last_weights",))
    again = run(resnet, tmp_path / "short", short)
    assert same((scores, predictions), again[:2])
    last = run(resnet, tmp_path / "last", protocol_of(epochs=12, optimizer=rate, compat=("last_weights",)))
    assert not last[1]["score"].equals(predictions["score"])


def test_patience(resnet, tmp_path):
    rate = {"lr": 3e-3, "schedule": "constant"}
    curve = run(resnet, tmp_path, protocol_of(epochs=30, patience=2, optimizer=rate))[2]
    best = int(curve.loc[curve["val_loss"].idxmin(), "epoch"])
    assert len(curve) == best + 2 < 30
    assert same((curve,), (run(resnet, tmp_path, protocol_of(epochs=30, patience=2, optimizer=rate))[2],))


def test_the_metric_may_be_watched_instead(resnet, tmp_path):
    curve = run(resnet, tmp_path, protocol_of(epochs=5, watch="metric"))[2]
    assert curve.loc[curve["best"], "val_metric"].is_monotonic_increasing
    assert curve.loc[curve["best"], "epoch"].max() == curve.loc[curve["val_metric"].idxmax(), "epoch"]


# ------------------------------------------------------------------------------------------------------ resumption
class Interrupted(Exception):
    pass


@pytest.mark.parametrize("at", [3, 16, 21])
def test_an_interrupted_run_ends_bit_equal(at, whole, resnet, tmp_path, monkeypatch, caplog):
    """Killed in the first epoch, at the end of the second, in the midst of the third."""
    save = FinetuneProgress._save

    def interrupt(self, module):
        save(self, module)
        if module.step == at:
            raise Interrupted

    often = {"checkpoint_minutes": 1e-9}
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(FinetuneProgress, "_save", interrupt)
        run(resnet, tmp_path, protocol_of(**PROTOCOL), runtime=often)
    with caplog.at_level(logging.INFO):
        again = run(resnet, tmp_path, protocol_of(**PROTOCOL), runtime=often)
    assert f"continuing at step {at} of 32" in caplog.text
    assert same(whole, again)


def test_a_signal_saves_and_ends(whole, resnet, tmp_path, monkeypatch):
    collect = FinetuneProgress._collect

    def warned(self, module):
        if module.step == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        collect(self, module)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(FinetuneProgress, "_collect", warned)
        run(resnet, tmp_path, protocol_of(**PROTOCOL))
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert same(whole, run(resnet, tmp_path, protocol_of(**PROTOCOL)))


def test_folds_that_have_ended_are_not_trained_again(whole, resnet, tmp_path, caplog):
    folds = folds_of(labels_of(), count=2)
    first = run(resnet, tmp_path, protocol_of(**PROTOCOL), folds=folds)
    assert same(whole, first)
    assert [p.name for p in sorted(tmp_path.rglob("*.ckpt"))] == ["step-000000033.ckpt"]
    with caplog.at_level(logging.INFO):
        both = run(resnet, tmp_path, protocol_of(**PROTOCOL), folds=folds, count=5)
    assert "5 folds asked for, there are 2" in caplog.text and caplog.text.count("done before") == 1
    assert both[0]["fold"].unique().tolist() == both[2]["fold"].unique().tolist() == [0, 1]
    assert same(first, tuple(t[t["fold"] == 0] for t in both))


def test_other_labels_or_settings_start_anew(whole, resnet, tmp_path, caplog):
    run(resnet, tmp_path, protocol_of(**PROTOCOL))
    labels = labels_of()
    labels["label"] = labels["label"].replace({"flat": "plain"})
    with caplog.at_level(logging.INFO):
        run(resnet, tmp_path, protocol_of(**PROTOCOL), labels)
    assert "done before" not in caplog.text and "other settings or data (labels:" in caplog.text


def test_neither_order_of_rows_nor_workers_matter(whole, resnet, tmp_path):
    labels, folds = (t.sample(frac=1, random_state=1) for t in (labels_of(), folds_of(labels_of())))
    again = run(resnet, tmp_path, protocol_of(**PROTOCOL), labels, folds, threads=2, runtime={"workers": 1})
    assert same(whole, again)


# ------------------------------------------------------------------------------------------------------- bad input
def test_divergence_stops_with_the_setting_to_mend(resnet, tmp_path):
    wild = protocol_of(optimizer={"name": "sgd", "lr": 1e20, "schedule": "constant"})
    with pytest.raises(
        UserError, match=r"evaluation.protocols.finetune: the loss is (nan|inf) in epoch 1, step"
    ) as told:
        run(resnet, tmp_path, wild)
    assert "optimizer.lr (now 1e+20)" in told.value.mend
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_an_empty_part_is_told(part, resnet, tmp_path):
    folds = folds_of(labels_of())
    folds["part"] = folds["part"].replace({part: "unused"})
    with pytest.raises(UserError, match=f"fold 0 has no image in its {part} part"):
        run(resnet, tmp_path, protocol_of(), folds=folds)


def test_a_batch_too_large_is_told(resnet, tmp_path):
    with pytest.raises(UserError, match="a batch of 128 needs more than the 66 training images") as told:
        run(resnet, tmp_path, protocol_of(batch_size=128))
    assert told.value.mend == "write batch_size: 16"


def test_a_single_class_is_told(resnet, tmp_path):
    labels, folds = labels_of(), folds_of(labels_of())
    trained = labels["site_id"].isin(folds.loc[folds["part"] == "train", "site_id"])
    labels.loc[trained, "label"] = "flat"
    with pytest.raises(UserError, match="fold 0 has images of class 'flat' alone in its train part"):
        run(resnet, tmp_path, protocol_of(), labels, folds)


def test_a_class_missing_in_training_is_told(resnet, tmp_path, caplog):
    labels, folds = labels_of(), folds_of(labels_of())
    trained = labels["site_id"].isin(folds.loc[folds["part"] == "train", "site_id"])
    rest = (labels["label"] == "along") & ~trained
    labels.loc[(labels["label"] == "along") & trained, "label"] = "flat"
    tested = labels["site_id"].isin(folds.loc[folds["part"] == "test", "site_id"]) & rest
    run(resnet, tmp_path, protocol_of(epochs=1), labels, folds)
    assert f"class 'along' has no image in the train part, so that its {tested.sum()} tested images" in caplog.text


def test_a_judged_image_that_cannot_be_seen_is_told(resnet, tmp_path):
    folds = folds_of(labels_of())
    lost = folds.loc[folds["part"] == "val", "site_id"].iloc[0]
    with pytest.raises(UserError, match=f"the image of site {lost}, summer has no valid pixel"):
        run(resnet, tmp_path, protocol_of(), folds=folds, store=PatternStore(broken=(lost,)))


def test_tables_of_other_images_are_told(resnet, tmp_path):
    with pytest.raises(UserError, match="folds and labels disagree"):
        run(resnet, tmp_path, protocol_of(), folds=folds_of(labels_of(60)))


def test_stochastic_depth_of_a_resnet_is_told(resnet, tmp_path):
    with pytest.raises(UserError, match=r"finetune.drop_path: 0.2, but the network is no vision transformer"):
        run(resnet, tmp_path, protocol_of(drop_path=0.2))


def test_val_loss_of_the_curve_is_the_log_loss(resnet, tmp_path):
    """One epoch; then validation and test parts change places, so that the predictions are of the same images."""
    folds = folds_of(labels_of(), val=0.25)
    swapped = folds.assign(part=folds["part"].replace({"val": "test", "test": "val"}))
    curve = run(resnet, tmp_path / "a", protocol_of(epochs=1), folds=folds)[2]
    _, predictions, _ = run(resnet, tmp_path / "b", protocol_of(epochs=1), folds=swapped)
    right = predictions["observed"] == predictions["predicted"]
    assert curve["val_metric"][0] == pytest.approx(right.mean())
    least = log_loss(right.astype(int), predictions["score"], labels=[0, 1])
    assert curve["val_loss"][0] >= least - 1e-9


def test_preprocess_of_the_fake_is_the_models(resnet):
    assert load_model(resnet)[1] == preprocess_of()
