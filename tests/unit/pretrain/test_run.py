import logging
import os

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import METHODS, FakeStore, tiny_model
from greenup.config import Model, Runtime
from greenup.errors import UserError
from greenup.files import read_json
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.product import load_model
from greenup.pretrain.progress import CURVE_COLUMNS
from greenup.pretrain.run import pretrain_model
from safetensors.torch import load_file


def train(model, files, folder, store=None, seed=5, **runtime):
    pretrain_model(
        "tiny_seco",
        model,
        **files,
        seed=seed,
        threads=1,
        runtime=Runtime(workers=0, **runtime),
        work=folder / "work",
        out=folder / "out",
        open_store=store or FakeStore(),
    )
    return load_file(folder / "out" / "weights.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training and its folder."""
    from fakes import write_statistics

    folder = tmp_path_factory.mktemp("whole")
    FakeStore().index.to_parquet(folder / "index.parquet")
    files = {"index": folder / "index.parquet", "statistics": write_statistics(folder / "statistics.json", FakeStore())}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    weights = train(tiny_model(), files, folder)
    torch.set_num_threads(before)
    return folder, files, weights


def test_the_folder_holds_what_others_ask_for(whole):
    folder, _, _ = whole
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "README.md",
        "config.json",
        "curves.csv",
        "weights.safetensors",
    ]
    curves = pd.read_csv(folder / "out" / "curves.csv")
    assert tuple(curves.columns) == CURVE_COLUMNS
    assert curves["epoch"].tolist() == [1, 2, 3] and curves["step"].tolist() == [4, 8, 12]
    assert curves["simulated"].all() and curves["knn_accuracy"].isna().all()
    assert np.isfinite(curves.drop(columns=["simulated", "knn_accuracy"])).all(axis=None)
    assert (curves["skipped"] == 0).all() and (curves["mb_per_second"] > 0).all()
    assert (curves["weight_decay"] == 0.05).all()
    assert curves["lr"].iloc[0] > curves["lr"].iloc[-1] > 0
    backbone, preprocess, about = load_model(folder / "out")
    assert about["training_sites"] == 18 and about["sites"] == 24 and about["smoke_test"] and about["simulated"]
    image = preprocess(FakeStore().read("s0001", "spring", preprocess.channels)[0])
    assert backbone(image[None]).shape == (1, 512)
    card = (folder / "out" / "README.md").read_text()
    assert "Smoke test" in card and "Simulated" in card and "Invented." in card and "timm.create_model" in card


def test_one_checkpoint_stays_and_no_logs_of_lightning(whole):
    folder, _, _ = whole
    assert [p.name for p in (folder / "work").iterdir()] == ["step-000000012.ckpt"]
    assert not list(folder.rglob("lightning_logs"))


def test_a_finished_training_only_writes_its_folder_again(whole, tmp_path, caplog):
    folder, files, weights = whole
    (tmp_path / "work").symlink_to(folder / "work")
    with caplog.at_level(logging.INFO):
        assert same(train(tiny_model(), files, tmp_path), weights)
    assert "continuing at step 12 of 12" in caplog.text


def test_other_settings_start_anew(whole, tmp_path, caplog):
    folder, files, weights = whole
    work = tmp_path / "work"
    work.mkdir()
    for source in (folder / "work").iterdir():
        os.link(source, work / source.name)
    with caplog.at_level(logging.INFO):
        other = train(tiny_model(epochs=1), files, tmp_path)
    assert "other settings or data (model.method.epochs: 3, now 1)" in caplog.text
    assert "continuing" not in caplog.text
    assert [p.name for p in work.glob("other-*/*")] == ["step-000000012.ckpt"]
    assert not same(other, weights)


def test_random_init_is_the_network_training_began_with(files, tmp_path):
    model = Model.model_validate({**tiny_model().model_dump(), "method": {"name": "random_init"}})
    weights = train(model, files, tmp_path)
    from greenup.pretrain.backbones import build_backbone

    start = build_backbone("resnet18", 3, seed=5)
    assert all(torch.equal(weights[n], p) for n, p in start.named_parameters())
    assert not torch.equal(weights["bn1.running_var"], start.bn1.running_var)
    assert len(pd.read_csv(tmp_path / "out" / "curves.csv")) == 0
    assert not read_json(tmp_path / "out" / "config.json")["smoke_test"]
    assert "random weights" in (tmp_path / "out" / "README.md").read_text()


def test_loss_falls_on_the_tiny_dataset(files, tmp_path):
    train(tiny_model(epochs=8, held_out=0.2), files, tmp_path)
    curves = pd.read_csv(tmp_path / "out" / "curves.csv")
    assert curves["held_out_loss"].iloc[-1] < curves["held_out_loss"].iloc[0]
    assert curves["embedding_std"].min() > 0.1


def test_divergence_stops_with_the_setting_to_mend(files, tmp_path):
    model = tiny_model(optimizer={"name": "sgd", "lr": 1e20})
    with pytest.raises(UserError, match=r"models.tiny_seco.method: the loss is (nan|inf)") as caught:
        train(model, files, tmp_path)
    assert "optimizer.lr" in caught.value.mend
    state = Checkpoints(tmp_path / "work", "").files()
    assert not (tmp_path / "out" / "weights.safetensors").exists()
    assert all(torch.load(p)["progress"]["sums"]["loss"] == 0 for p in state)


def test_collapse_stops(files, tmp_path, monkeypatch):
    from greenup.pretrain import progress

    monkeypatch.setattr(progress, "embedding_spread", lambda embedding: 0.001)
    with pytest.raises(UserError, match=r"models.tiny_seco.method: .* collapsed in epoch 1, step 4") as caught:
        train(tiny_model(), files, tmp_path)
    assert "key_momentum" in caught.value.mend


def test_queue_too_long_is_refused_before_training(files, tmp_path):
    with pytest.raises(
        UserError, match=r"models.tiny_seco.method.queue: queue 64 is longer than the 18 training sites"
    ):
        train(tiny_model(queue=64), files, tmp_path)
    assert not (tmp_path / "work").exists()


def test_bfloat16_and_workers_run(files, tmp_path):
    pretrain_model(
        "m",
        tiny_model(epochs=1, precision="bfloat16"),
        **files,
        seed=5,
        threads=2,
        runtime=Runtime(workers=2),
        work=tmp_path / "work",
        out=tmp_path / "out",
        open_store=FakeStore(),
    )
    assert np.isfinite(pd.read_csv(tmp_path / "out" / "curves.csv")["loss"]).all()


def test_band_statistics_has_nothing_to_train(files, tmp_path):
    model = Model.model_validate({"dataset": "tiny", "method": {"name": "band_statistics"}})
    with pytest.raises(UserError, match="no weights"):
        train(model, files, tmp_path)


class Broken(FakeStore):
    """One site cannot be read; or, of the lost kind, none can."""

    lost = False

    def read(self, site_id, season, channels):
        if self.lost or site_id == "s0007":
            raise UserError(f"patches/0001.h5: {site_id} is damaged", "run the target repair")
        return super().read(site_id, season, channels)


class Lost(Broken):
    lost = True


def test_one_damaged_patch_is_skipped_and_counted(files, tmp_path, caplog):
    train(tiny_model(epochs=2, held_out=0), files, tmp_path, store=Broken())
    assert "s0007" in caplog.text
    skipped = pd.read_csv(tmp_path / "out" / "curves.csv")["skipped"].tolist()
    assert skipped[-1] >= 1 and skipped == sorted(skipped)


def test_a_lost_disk_is_told_from_within_a_worker(files, tmp_path):
    with pytest.raises(UserError, match="sites in a row could not be read") as caught:
        pretrain_model(
            "m",
            tiny_model(held_out=0),
            **files,
            seed=5,
            threads=1,
            runtime=Runtime(workers=1),
            work=tmp_path / "work",
            out=tmp_path / "out",
            open_store=Lost(),
        )
    assert "Traceback" not in str(caught.value)


def test_an_empty_dataset_is_refused(files, tmp_path):
    with pytest.raises(UserError, match="index: the dataset has no image"):
        train(tiny_model(), files, tmp_path, store=FakeStore(sites=0))


def test_a_batch_larger_than_the_sites_is_refused(files, tmp_path):
    with pytest.raises(UserError, match=r"method.batch_size: a batch of 32 needs more than the 18 training sites"):
        train(tiny_model(batch_size=32, queue=32), files, tmp_path)


def test_sites_without_weight_are_refused(files, tmp_path):
    with pytest.raises(UserError, match="all training sites have weight 0"):
        train(tiny_model(), files, tmp_path, store=FakeStore(weights=(0.0,)))


def test_waiting_for_data_is_told_once(files, tmp_path, monkeypatch, caplog):
    from greenup.pretrain import progress

    monkeypatch.setattr(progress, "WAITING", 0.0)
    train(tiny_model(), files, tmp_path)
    assert caplog.text.count("of this epoch was spent waiting for data: raise runtime.workers") == 1


@pytest.mark.parametrize("name", [n for n in METHODS if n != "seco"])
def test_every_method_makes_a_model(files, tmp_path, name):
    weights = train(tiny_model(name=name, epochs=1), files, tmp_path)
    backbone, preprocess, about = load_model(tmp_path / "out")
    assert about["training"]["name"] == name and backbone.state_dict().keys() == weights.keys()
    image = preprocess(FakeStore().read("s0001", "spring", preprocess.channels)[0])
    assert torch.isfinite(backbone(image[None])).all()
