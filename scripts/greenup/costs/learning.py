"""What training, embedding and probing take: multiply-accumulates and values, times rates."""

from __future__ import annotations

from greenup.config import Model, Study
from greenup.config.methods import SeCoMethod, TrainedMethod
from greenup.costs.amount import Amount
from greenup.costs.counts import ImageCount
from greenup.costs.finished import Finished
from greenup.costs.lines import Line
from greenup.costs.methods import site_cost
from greenup.costs.networks import FEATURES, gmacs, parameters
from greenup.costs.rates import Rates
from greenup.plan import Plan

Counts = dict[str, tuple[int, ImageCount]]
"""Of each dataset with images: sites, images."""

GOAL_WORK = 6 * gmacs("resnet50", 9, 224)
"""Multiply-accumulates (1e9) of a site in the training that the paces of GPUs are of: seasonal contrast, one query,
three keys, and the query's way back (two)."""

BYTES_A_NUMBER = 4


def models(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """Pretraining, for models whose method is trained; the baselines take next to nothing."""
    lines = []
    for name, model in study.models.items():
        if not model.has_weights or model.is_given:
            continue
        done = finished.share(f"{plan.root}/models/{name}/weights.safetensors")
        size = Amount(BYTES_A_NUMBER * parameters(model.backbone, len(model.channels), model.patch_px))
        if isinstance(model.method, TrainedMethod):
            lines += _training(name, model, model.method, counts[model.dataset][1], study, rates, done)
        lines.append(Line(name, "pretrain", "weights", "bytes", size, done))
    return lines


def _training(
    name: str, model: Model, method: TrainedMethod, images: ImageCount, study: Study, rates: Rates, done: float
) -> list[Line]:
    trained = images.sites_kept * (1 - method.held_out) * method.epochs
    checked = images.sites_kept * method.held_out * method.epochs
    channels, cost = len(model.channels), site_cost(model)
    work = trained * cost.trained + checked * cost.checked
    steps = work * rates[f"train_{model.backbone}"].amount
    side = study.datasets[model.dataset].patches.size_px
    read = cost.images * channels * side**2 * rates["patch_read"].amount / 1e6
    views = channels * cost.view_px * rates["views"].amount / 1e6
    loading = (trained + checked) * (read + views)
    # Samples of training that all of it is worth.
    on_gpu = (trained + checked * (cost.checked / cost.trained)) / 3600
    lines = [
        Line(name, "pretrain", "samples", "", trained, done, f"{method.epochs} epochs"),
        Line(name, "pretrain", "loading", "core-h", loading / 3600, done),
        Line(name, "pretrain", "training on processors", "core-h", steps / 3600, done, "instead of a GPU"),
    ]
    if isinstance(method, SeCoMethod):
        published = on_gpu / rates["gpu_published"].amount
        note = "SSL4Eco's own run; does not fall with a smaller network"
        lines.append(Line(name, "pretrain", "training on a GPU, published pace", "GPU-h", published, done, note))
    goal = on_gpu * (cost.trained / GOAL_WORK) / rates["gpu_goal"].amount
    note = "a goal, not measured; scaled by the network's work"
    return [*lines, Line(name, "pretrain", "training on a GPU, goal", "GPU-h", goal, done, note)]


def embeddings(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """One vector an image, for each model and dataset that the evaluation asks for.

    Image sets are left out, here and among the probes: how many images they have is known once they are there.
    """
    lines = []
    for name in study.evaluated_models:
        model = study.models[name]
        names = {study.tasks[t].images: None for t in study.tasks_of(name)} | dict.fromkeys(study.evaluation.embed)
        for dataset in [n for n in names if n in counts] if model.needs_images else ():
            done = finished.share(f"{plan.root}/embeddings/{name}/{dataset}.parquet")
            images = counts[dataset][1].kept
            side = study.datasets[dataset].patches.size_px
            time = len(model.channels) * side**2 * rates["patch_read"].amount / 1e6
            if model.has_weights:
                work = gmacs(model.backbone, len(model.channels), model.size_px or side, model.patch_px)
                time = time + work * rates[f"encode_{model.backbone}"].amount
            scope = f"{name} on {dataset}"
            lines += [
                Line(scope, "evaluate", "embedding", "core-h", images * time / 3600, done),
                Line(scope, "evaluate", "embeddings", "bytes", images * (dimension(model) * BYTES_A_NUMBER), done),
            ]
    return lines


def probes(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """Linear and k-NN probes of every evaluated model on every evaluated task: one image a site, all folds of the kinds
    that the task's images can be split in."""
    folds = study.evaluation.folds
    lines = []
    for name in study.evaluated_models:
        for task in study.tasks_of(name):
            if study.tasks[task].images not in counts:
                continue
            images, kinds = counts[study.tasks[task].images][1].sites_kept, plan.fold_kinds(task)
            values = images * dimension(study.models[name])
            epochs = rates["linear_epochs"].amount
            linear = folds.count * values * epochs * rates["probe_linear"].amount / 1e9
            # Every image is tested once, against those of the other folds.
            knn = values * images * (1 - 1 / folds.count) * rates["probe_knn"].amount / 1e9
            for protocol, time in (("linear", linear), ("knn", knn)):
                stem = f"{plan.root}/probes/{name}/{task}/{protocol}"
                done = finished.share(*(f"{stem}.{kind}.parquet" for kind in kinds))
                what = "linear probes" if protocol == "linear" else "k-NN probes"
                amount = len(kinds) * time / 3600
                lines.append(Line(f"{name} on {task}", "evaluate", what, "core-h", amount, done))
    return lines


def finetunings(study: Study, plan: Plan, counts: Counts, rates: Rates, finished: Finished) -> list[Line]:
    """Whole networks trained on labels: what a step of pretraining takes, forwards and backwards, for each image.

    At most: training may stop before its last epoch. Image sets are left out.
    """
    asked, lines = study.evaluation.finetune, []
    for name in asked.models:
        model = study.models[name]
        recipe = asked.recipes.get(name, study.evaluation.protocols.finetune)
        for task in (t for t in asked.tasks if study.tasks[t].dataset in counts):
            dataset = study.tasks[task].dataset
            side = recipe.crop_px or model.size_px or study.datasets[dataset].patches.size_px
            images = counts[dataset][1].sites_kept * (1 - 1 / study.evaluation.folds.count)
            folds = min(asked.count, study.evaluation.folds.count)
            # Backwards is twice the work of forwards.
            work = 3 * gmacs(model.backbone, len(model.channels), side, model.patch_px)
            hours = images * recipe.epochs * folds * work * rates[f"train_{model.backbone}"].amount / 3600
            done = finished.share(f"{plan.root}/probes/{name}/{task}/finetune.{plan.finetune_folds(task)}.parquet")
            lines.append(Line(f"{name} on {task}", "evaluate", "fine-tuning", "core-h", hours, done, "at most"))
    return lines


def dimension(model: Model) -> int:
    """Length of a model's vectors."""
    if not model.needs_images:
        return len(model.method.columns)
    return FEATURES[model.backbone] if model.has_weights else 2 * len(model.channels)
