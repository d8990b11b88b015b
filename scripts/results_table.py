"""Rule results_table: mean, standard deviation and interval of every model, task, protocol and kind of folds."""

import pandas as pd
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.results import results_table
from greenup.paper.tables import write_results
from greenup.schemas import DOUBT, PROBES

with job(snakemake.log):
    params = snakemake.params
    probes = [read_table(path, PROBES) for path in snakemake.input.probes]
    doubt = pd.concat([read_table(path, DOUBT) for path in snakemake.input.doubt], ignore_index=True)
    table = results_table(probes, metrics=params.metrics, models=list(params.models), doubt=doubt)
    write_results(table, snakemake.output)
