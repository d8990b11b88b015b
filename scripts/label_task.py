"""Rule label_task: labels and folds of one task."""

from greenup.config import Task, parse
from greenup.config.data import Imagery
from greenup.config.learning import Folds
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.schemas import FOLDS, INDEX, LABELS, SITES
from greenup.tasks.folds import split_folds
from greenup.tasks.labels import label_images

with job(snakemake.log):
    task = parse(Task, snakemake.params.task)
    index = read_table(snakemake.input.index, INDEX)
    labels = label_images(
        task, read_table(snakemake.input.sites, SITES), index, parse(Imagery, snakemake.params.imagery)
    )
    about = {"simulated": index.attrs["simulated"], "attribution": index.attrs["attribution"]}
    write_table(snakemake.output.labels, labels, LABELS, kind=task.kind, **about)
    folds = split_folds(labels, task.kind, parse(Folds, snakemake.params.folds), seed=snakemake.params.seed)
    write_table(snakemake.output.folds, folds, FOLDS, **about)
