"""Rule results_table: mean, standard deviation and interval of every model, task, protocol and kind of folds."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.tables import results_table, write_results
from greenup.schemas import PROBES

with job(snakemake.log):
    probes = [read_table(path, PROBES) for path in snakemake.input]
    table = results_table(probes, metrics=snakemake.params.metrics, models=list(snakemake.params.models))
    write_results(table, snakemake.output)
