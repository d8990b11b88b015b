"""Rule label_image_set: labels and folds of a task on a published image set."""

from greenup.config import Task, parse
from greenup.config.evaluation import Folds
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.schemas import FOLDS, IMAGE_SET, LABELS
from greenup.tasks.folds import split_folds
from greenup.tasks.image_set_labels import label_image_set

with job(snakemake.log):
    task = parse(Task, snakemake.params.task)
    index = read_table(snakemake.input.index, IMAGE_SET)
    about = {"simulated": index.attrs["simulated"], "attribution": index.attrs["attribution"]}
    labels = label_image_set(task, index)
    write_table(snakemake.output.labels, labels, LABELS, kind=task.kind, **about)
    folds = split_folds(
        labels, task.kind, parse(Folds, snakemake.params.folds), seed=snakemake.params.seed, subsets=task.subsets
    )
    write_table(snakemake.output.folds, folds, FOLDS, **about)
