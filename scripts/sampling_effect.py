"""Rule sampling_effect: what the dates of the training images change downstream, with intervals."""

import pandas as pd
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.plain import write_plain
from greenup.paper.sampling_effect import readable_effect, sampling_effect
from greenup.schemas import DOUBT, PROBES

with job(snakemake.log):
    params = snakemake.params
    scores = pd.concat([read_table(path, PROBES) for path in snakemake.input.scores], ignore_index=True)
    doubt = pd.concat([read_table(path, DOUBT) for path in snakemake.input.doubt], ignore_index=True)
    table = sampling_effect(scores, doubt, dict(params.sides), dict(params.metrics))
    readable = readable_effect(table, simulated=params.simulated)
    write_plain(readable, table.assign(simulated=params.simulated), snakemake.output)
