"""Rule run_probe: one protocol of one model on one task, over all folds of one kind."""

from greenup.config import Task, parse
from greenup.errors import job
from greenup.evaluate.probe import run_probe
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, FOLDS, LABELS, PROBES

with job(snakemake.log):
    wildcards = snakemake.wildcards
    labels = read_table(snakemake.input.labels, LABELS)
    folds = read_table(snakemake.input.folds, FOLDS).query("folds == @kind", local_dict={"kind": wildcards.folds})
    scores, predictions = run_probe(
        read_table(snakemake.input.embeddings, EMBEDDINGS),
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
    predictions.to_parquet(snakemake.output.predictions, index=False)
