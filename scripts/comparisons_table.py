"""Rule comparisons_table: which models differ, on every task, protocol and kind of folds."""

import pandas as pd
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.comparisons import readable_comparisons
from greenup.paper.plain import write_plain
from greenup.schemas import COMPARISONS

with job(snakemake.log):
    tables = [read_table(path, COMPARISONS) for path in snakemake.input]
    table = pd.concat([t.assign(simulated=t.attrs["simulated"]) for t in tables], ignore_index=True)
    write_plain(readable_comparisons(table, snakemake.params.reference), table, snakemake.output)
