"""What training, embedding and probing take: multiply-accumulates and values, times rates."""

from __future__ import annotations

from greenup.config import Model, Study
from greenup.config.learning import SeCoMethod
from greenup.costs.amount import Amount
from greenup.costs.counts import ImageCount
from greenup.costs.finished import Finished
from greenup.costs.lines import Line
from greenup.costs.networks import FEATURES, gmacs, parameters
from greenup.costs.rates import Rates
from greenup.plan import Plan

Counts = dict[str, tuple[int, ImageCount]]
"""Of each dataset with images: sites, images."""

FORWARDS_A_STEP = 6
"""Forward passes that a sample of seasonal contrast is worth: one query, three keys, and the query's way back (two)."""

FORWARDS_A_CHECK = 4
"""Forward passes of a held-out site: one query, three keys."""

IMAGES_A_SAMPLE = 3
VIEWS_A_SAMPLE = 4
BYTES_A_NUMBER = 4


def models(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """Pretraining, for models whose method is trained; the baselines take next to nothing."""
    lines = []
    for name, model in study.models.items():
        if not model.has_weights:
            continue
        done = finished.share(f"{plan.root}/models/{name}/weights.safetensors")
        size = Amount(BYTES_A_NUMBER * parameters(model.backbone, len(model.channels)))
        if isinstance(model.method, SeCoMethod):
            lines += _seco(name, model, model.method, counts[model.dataset][1], study, rates, done)
        lines.append(Line(name, "pretrain", "weights", "bytes", size, done))
    return lines


def _seco(
    name: str, model: Model, method: SeCoMethod, images: ImageCount, study: Study, rates: Rates, done: float
) -> list[Line]:
    trained = images.sites_kept * (1 - method.held_out) * method.epochs
    checked = images.sites_kept * method.held_out * method.epochs
    channels, work = len(model.channels), gmacs(model.backbone, len(model.channels), method.crop_px)
    steps = (FORWARDS_A_STEP * trained + FORWARDS_A_CHECK * checked) * work * rates[f"train_{model.backbone}"].amount
    side = study.datasets[model.dataset].patches.size_px
    read = IMAGES_A_SAMPLE * channels * side**2 * rates["patch_read"].amount / 1e6
    views = VIEWS_A_SAMPLE * channels * method.crop_px**2 * rates["views"].amount / 1e6
    loading = (trained + checked) * (read + views)
    on_gpu = (trained + checked * (FORWARDS_A_CHECK / FORWARDS_A_STEP)) / 3600
    # The published run and the goal are both of this network at this size.
    relative = work / gmacs("resnet50", 9, 224)
    pace = rates["gpu_published"].amount
    return [
        Line(name, "pretrain", "samples", "", trained, done, f"{method.epochs} epochs"),
        Line(name, "pretrain", "loading", "core-h", loading / 3600, done),
        Line(name, "pretrain", "training on processors", "core-h", steps / 3600, done, "instead of a GPU"),
        Line(name, "pretrain", "training on a GPU, published pace", "GPU-h", on_gpu / pace, done,
             "SSL4Eco's own run; does not fall with a smaller network"),
        Line(name, "pretrain", "training on a GPU, goal", "GPU-h", on_gpu * relative / rates["gpu_goal"].amount, done,
             "a goal, not measured; scaled by the network's work"),
    ]  # fmt: skip


def embeddings(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """One vector an image, for each model and dataset that the evaluation asks for."""
    names = {study.tasks[t].dataset: None for t in study.evaluated_tasks}
    names |= dict.fromkeys(study.evaluation.embed)
    lines = []
    for name in study.evaluated_models:
        model = study.models[name]
        for dataset in names:
            done = finished.share(f"{plan.root}/embeddings/{name}/{dataset}.parquet")
            images = counts[dataset][1].kept
            side = study.datasets[dataset].patches.size_px
            time = len(model.channels) * side**2 * rates["patch_read"].amount / 1e6
            if model.has_weights:
                work = gmacs(model.backbone, len(model.channels), model.size_px or side)
                time = time + work * rates[f"encode_{model.backbone}"].amount
            scope = f"{name} on {dataset}"
            lines += [
                Line(scope, "evaluate", "embedding", "core-h", images * time / 3600, done),
                Line(scope, "evaluate", "embeddings", "bytes", images * (dimension(model) * BYTES_A_NUMBER), done),
            ]
    return lines


def probes(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """Linear and k-NN probes of every evaluated model on every evaluated task: one image a site, all folds."""
    folds = study.evaluation.folds
    lines = []
    for name in study.evaluated_models:
        for task in study.evaluated_tasks:
            images = counts[study.tasks[task].dataset][1].sites_kept
            values = images * dimension(study.models[name])
            epochs = rates["linear_epochs"].amount
            linear = folds.count * values * epochs * rates["probe_linear"].amount / 1e9
            # Every image is tested once, against those of the other folds.
            knn = values * images * (1 - 1 / folds.count) * rates["probe_knn"].amount / 1e9
            for protocol, time in (("linear", linear), ("knn", knn)):
                stem = f"{plan.root}/probes/{name}/{task}/{protocol}"
                done = finished.share(*(f"{stem}.{kind}.parquet" for kind in folds.kinds))
                what = "linear probes" if protocol == "linear" else "k-NN probes"
                amount = len(folds.kinds) * time / 3600
                lines.append(Line(f"{name} on {task}", "evaluate", what, "core-h", amount, done))
    return lines


def dimension(model: Model) -> int:
    """Length of a model's vectors."""
    return FEATURES[model.backbone] if model.has_weights else 2 * len(model.channels)
