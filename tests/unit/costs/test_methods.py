"""Passes, views and dates of a site in a step, against the methods themselves."""

import numpy as np
import pytest
import torch
from greenup.config import Model
from greenup.config.load import resolve
from greenup.costs.methods import site_cost
from greenup.costs.networks import gmacs
from greenup.pretrain.methods import build_learner
from greenup.pretrain.methods.base import Batch, Moment
from greenup.pretrain.views.makers import build_views
from test_networks import counted

SMALL = {
    "seco": {"queue": 4},
    "moco": {"queue": 4},
    "moco_tp": {"queue": 4},
    "moco_seasonal": {"queue": 4},
    "mocov3": {"hidden": 8, "dim": 8},
    "dino": {"out_dim": 8, "hidden": 8, "bottleneck": 8, "local_px": 16, "local_views": 3},
    "mae": {"decoder_dim": 192, "decoder_depth": 2, "decoder_heads": 3},
    "data2vec": {"block_min": 2, "block_max": 6},
}


def model_of(name: str, backbone: str) -> Model:
    method = {"name": name, "batch_size": 2, "crop_px": 32, **SMALL[name]}
    block = {"dataset": "x", "backbone": backbone, "patch_px": 8, "channels": ["B2", "B8"], "method": method}
    return Model.model_validate(block)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_passes_views_and_dates(name):
    model = model_of(name, "vit_tiny")
    cost, read = site_cost(model), set()

    def image(date):
        read.add(date)
        return np.full((2, 40, 40), 1000, np.uint16)

    sample = build_views(model)(image, 4, np.random.default_rng(0))
    assert sum(g.shape[0] * g.shape[2] * g.shape[3] for g in sample.groups) == cost.view_px
    assert len(read) == cost.images
    learner = build_learner(model, seed=0)
    views = [torch.from_numpy(np.stack([g, g], axis=1)).float() for g in sample.groups]
    masks = None if sample.mask is None else torch.from_numpy(np.stack([sample.mask, sample.mask]))
    batch = Batch(views, masks, torch.arange(2))
    if name in ("mae", "data2vec"):
        passed = []

        def count(module, given, _):
            passed.append(given[0].shape[1])

        for vit in [m for m in learner.modules() if hasattr(m, "patch_embed")]:
            vit.blocks[0].register_forward_hook(count)
        learner(batch, Moment(0, 1, 1))
        side = 32 // 8
        expected = {"mae": [1 + side**2 - round(0.7 * side**2)], "data2vec": [1 + side**2] * 2}
        assert sorted(passed) == sorted(expected[name])
        if name == "mae":
            decoder = counted(learner.decoder, torch.zeros(1, passed[0], 192), torch.arange(passed[0] - 1)[None])
            kept = gmacs("vit_tiny", 2, 32, 8, kept=passed[0] - 1)
            assert cost.learnt == pytest.approx(kept + decoder / 1e9, rel=1e-6) and cost.followed == 0
        else:
            assert cost.learnt == cost.followed == gmacs("vit_tiny", 2, 32, 8)
        return
    done = {True: 0.0, False: 0.0}

    def count_network(module, given, _):
        images, side = given[0].shape[0], given[0].shape[-1]
        done[torch.is_grad_enabled()] += images / 2 * gmacs("vit_tiny", 2, side, 8)

    for vit in [m for m in learner.modules() if hasattr(m, "patch_embed")]:
        vit.register_forward_hook(count_network)
    learner(batch, Moment(0, 1, 1))
    assert cost.learnt == pytest.approx(done[True]) and cost.followed == pytest.approx(done[False])


def test_seasonal_contrast_is_worth_six_passes():
    cost = site_cost(model_of("seco", "resnet18"))
    assert cost.trained == pytest.approx(6 * gmacs("resnet18", 2, 32))
    assert cost.checked == pytest.approx(4 * gmacs("resnet18", 2, 32))


def test_methods_without_training_have_no_step():
    model = Model.model_validate({"dataset": "x", "method": {"name": "random_init"}})
    with pytest.raises(TypeError):
        site_cost(model)


def test_every_model_of_the_library_is_estimated():
    from greenup.config.load import LIBRARY, _read_yaml
    from greenup.costs.estimate import estimate
    from greenup.costs.rates import read_rates

    names = [n for n in _read_yaml(LIBRARY / "models.yaml") if n != "seco_ecoregion"]
    datasets = dict.fromkeys(("seco", "ssl4eo_s12", "ssl4eo_s12_l1c"))
    datasets |= {n: {"sites": {"sampler": "uniform", "count": 1000}} for n in ("ssl4eco", "ssl4eco_calendar")}
    study = resolve({"study": "x", "datasets": datasets, "models": dict.fromkeys(names)})
    lines = [x for x in estimate(study, read_rates()).lines if x.stage == "pretrain"]
    for name in names:
        model, mine = study.models[name], {x.what: x.amount.value for x in lines if x.scope == name}
        assert ("weights" in mine) is model.has_weights
        assert ("training on processors" in mine) is hasattr(model.method, "epochs")
        assert all(v > 0 for v in mine.values())
