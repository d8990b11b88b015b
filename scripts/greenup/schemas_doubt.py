"""Schemas of the tables that say how sure results are. A part of `greenup.schemas`, which lists them."""

from __future__ import annotations

from greenup.schema import Column, Schema

DOUBT = Schema(
    "doubt",
    "The main metric of each model, protocol and kind of folds of a task, bootstrapped over the tested images.",
    (
        Column("model", "text", "model name"),
        Column("task", "text", "task name"),
        Column("protocol", "text", "linear, knn, ..."),
        Column("folds", "text", "random, blocks or official"),
        Column("metric", "text", "the task's main metric"),
        Column("value", "float", "mean over folds, of the predictions (fraction)"),
        Column("low", "float", "95 % percentile interval", null=True),
        Column("high", "float", "95 % percentile interval", null=True),
        Column("images", "int", "different images tested"),
        Column("draws", "int", "bootstrap samples"),
        Column("samples", "list", "the metric of each sample; two models' are paired where they test the same images"),
    ),
    ("model", "task", "protocol", "folds"),
)

COMPARISONS = Schema(
    "comparisons",
    "Paired differences of models on a task's main metric, first less second; trainings from several seeds are one.",
    (
        Column("task", "text", "task name"),
        Column("protocol", "text", "linear, knn, ..."),
        Column("folds", "text", "random, blocks or official"),
        Column("metric", "text", "the task's main metric"),
        Column("first", "text", "model, or what its trainings from several seeds are called"),
        Column("second", "text", "the other"),
        Column("mean_first", "float", "mean over folds and seeds (fraction)", null=True),
        Column("mean_second", "float", "mean over folds and seeds (fraction)", null=True),
        Column("seeds_first", "int", "trainings"),
        Column("seeds_second", "int", "trainings"),
        Column("seed_sd_first", "float", "standard deviation of the means of its trainings", null=True),
        Column("seed_sd_second", "float", "standard deviation of the means of its trainings", null=True),
        Column("difference", "float", "mean difference", null=True),
        Column("low", "float", "95 % interval of the difference, by `test`", null=True),
        Column("high", "float", "95 % interval of the difference, by `test`", null=True),
        Column("p", "float", "two-sided p, by `test`", null=True),
        Column("p_holm", "float", "p corrected for the pairs of this task, protocol and kind of folds", null=True),
        Column("test", "text", "corrected_t (over folds) or bootstrap (over test images)"),
        Column("n", "int", "folds"),
        Column("boot_low", "float", "95 % interval of the difference over test images alone", null=True),
        Column("boot_high", "float", "95 % interval of the difference over test images alone", null=True),
    ),
    ("task", "protocol", "folds", "first", "second"),
    may_be_empty=True,
)

LEAKAGE = Schema(
    "leakage",
    "How far each image of a task lies from the places that a dataset is trained on.",
    (
        Column("site_id", "text", "image of the task"),
        Column("nearest_site", "text", "nearest site of the dataset"),
        Column("nearest_km", "float", "great-circle distance of the centres (km)"),
        Column("overlaps", "bool", "whether it shares ground with a patch of the dataset"),
    ),
    ("site_id",),
)
