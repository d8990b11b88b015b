"""Rule run_probe: one protocol of one model on one task, over all folds of one kind."""

from greenup.config import Task, parse
from greenup.errors import job
from greenup.evaluate.probe import run_probe
from greenup.evaluate.vectors import check_weights, read_vectors
from greenup.files import read_table, write_table
from greenup.schemas import FOLDS, LABELS, PREDICTIONS, PROBES

with job(snakemake.log):
    wildcards = snakemake.wildcards
    labels = read_table(snakemake.input.labels, LABELS)
    folds = read_table(snakemake.input.folds, FOLDS).query("folds == @kind", local_dict={"kind": wildcards.folds})
    embeddings = read_vectors(snakemake.input.embeddings)
    for config in snakemake.input.model_config:
        check_weights(embeddings.about, config, embeddings.where)
    scores, predictions = run_probe(
        embeddings,
        labels,
        folds,
        parse(Task, snakemake.params.task),
        wildcards.protocol,
        snakemake.params.settings,
        seed=snakemake.params.seed,
    )
    scores = scores.assign(
        model=wildcards.model, task=wildcards.task, protocol=wildcards.protocol, folds=wildcards.folds
    )
    about = {"simulated": labels.attrs["simulated"], "attribution": labels.attrs["attribution"]}
    write_table(snakemake.output.scores, scores, PROBES, **about)
    write_table(snakemake.output.predictions, predictions, PREDICTIONS, **about)
