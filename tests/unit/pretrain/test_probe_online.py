"""The k-NN probe that runs while a training goes on."""

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import FakeStore, tiny_model
from greenup.pretrain.data import sites_of, split_held_out
from greenup.pretrain.methods import build_learner
from greenup.pretrain.module import Training
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.probe import OnlineProbe
from sklearn.neighbors import KNeighborsClassifier
from test_run import same, train

PREPROCESS = Preprocess(("B2", "B8", "NDVI"), "reflectance", (0.0,) * 3, (1e4,) * 3, 32)


@pytest.fixture
def module():
    model = tiny_model()
    return Training(build_learner(model, 1), model.method, PREPROCESS, 4, seed=1).train()


def probe_of(store, **change):
    index = store.index.assign(**change)
    training, held_out = split_held_out(sites_of(index), 0.3)
    return OnlineProbe(index, training, held_out, store, PREPROCESS, seed=1)


def test_it_changes_no_bit_of_the_training(files, tmp_path):
    plain = train(tiny_model(), files, tmp_path / "plain")
    probed = train(tiny_model(probe_epochs=2), files, tmp_path / "probed")
    assert same(plain, probed)
    curves = [pd.read_csv(tmp_path / name / "out" / "curves.csv") for name in ("plain", "probed")]
    assert curves[1]["knn_accuracy"].notna().tolist() == [False, True, False]
    assert curves[1]["knn_accuracy"].dropna().between(0, 1).all()
    unmeasured = ["epoch", "loss", "held_out_loss", "embedding_std"]
    pd.testing.assert_frame_equal(curves[0][unmeasured], curves[1][unmeasured])


def test_it_leaves_modes_statistics_and_random_state(module):
    module.learner.encoder.layer1.eval()
    modes = [m.training for m in module.modules()]
    before = {n: v.clone() for n, v in module.state_dict().items()}
    random = torch.get_rng_state()
    probe_of(FakeStore())(module)
    assert [m.training for m in module.modules()] == modes
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_macro_accuracy_agrees_with_another_implementation(module):
    """Few neighbours, so that votes weighted by similarity and plain ones can be compared: one."""
    from greenup.pretrain import probe as under_test

    store = FakeStore(sites=40)
    probe = probe_of(store)
    neighbours, under_test.NEIGHBOURS = under_test.NEIGHBOURS, 1
    try:
        got = probe(module)
    finally:
        under_test.NEIGHBOURS = neighbours
    module.learner.encoder.eval()

    def embedded(images):
        with torch.no_grad():
            stack = torch.stack([PREPROCESS(fill(store.read(*i, PREPROCESS.channels))) for i in images])
            return module.learner.encoder(stack).double().numpy()

    from greenup.pretrain.preprocess import fill_invalid

    def fill(image):
        return fill_invalid(*image)

    bank, asked = embedded(probe.bank), embedded(probe.asked)
    mean, std = bank.mean(axis=0), bank.std(axis=0)
    std[std == 0] = 1
    labels = [[probe.labels[s] for s, _ in part] for part in (probe.bank, probe.asked)]
    guess = KNeighborsClassifier(1, metric="cosine").fit((bank - mean) / std, labels[0]).predict((asked - mean) / std)
    truth = np.array(labels[1])
    expected = np.mean([(guess[truth == c] == c).mean() for c in np.unique(truth)])
    assert got == pytest.approx(expected)


def test_the_stratum_is_asked_where_no_land_cover_is_known():
    store = FakeStore()
    strata = store.index["site_id"].str[-1].isin(list("02468")).map({True: "even", False: "odd"})
    probe = probe_of(store, land_cover=None, stratum=strata)
    assert probe and set(probe.labels.values()) == {"even", "odd"}


def test_sites_without_a_label_are_left_out():
    store = FakeStore()
    cover = store.index["land_cover"].where(store.index["site_id"] != "s0003")
    probe = probe_of(store, land_cover=cover)
    assert "s0003" not in {s for s, _ in [*probe.bank, *probe.asked]}
    assert {s for s, _ in probe.bank}.isdisjoint(s for s, _ in probe.asked)


def test_one_class_is_nothing_to_probe():
    assert not probe_of(FakeStore(), land_cover="forest")
