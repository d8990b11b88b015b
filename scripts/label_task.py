"""Rule label_task: labels and folds of one task."""

from greenup.config import Task, parse
from greenup.config.data import Imagery
from greenup.config.evaluation import Folds
from greenup.errors import job
from greenup.files import read_table, write_json, write_table
from greenup.schemas import FOLDS, INDEX, LABELS, SITES
from greenup.tasks.bare_points import without_images
from greenup.tasks.folds import split_folds
from greenup.tasks.label_report import label_report
from greenup.tasks.labels import labelled_images

with job(snakemake.log):
    task = parse(Task, snakemake.params.task)
    sites = read_table(snakemake.input.sites, SITES)
    index = read_table(snakemake.input.index[0], INDEX) if snakemake.input.index else without_images(sites)
    labelled = labelled_images(task, sites, index, parse(Imagery | None, snakemake.params.imagery or None))
    labels = labelled.table
    credit = f" Labels: {labelled.attribution}." if labelled.attribution else ""
    about = {"simulated": index.attrs["simulated"], "attribution": index.attrs["attribution"] + credit}
    write_table(snakemake.output.labels, labels, LABELS, kind=task.kind, **about)
    folds = split_folds(
        labels, task.kind, parse(Folds, snakemake.params.folds), seed=snakemake.params.seed, subsets=task.subsets
    )
    write_table(snakemake.output.folds, folds, FOLDS, **about)
    write_json(snakemake.output.report, label_report(snakemake.wildcards.task, task.kind, labelled))
