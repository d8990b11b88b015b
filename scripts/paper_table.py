"""Rule paper_table: a table of published results, ours beside it, and the difference (targets table3, tableA2, ...)."""

import pandas as pd
from greenup.config.published import published_tables, read_names
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.paper_markup import write_views
from greenup.paper.paper_tables import compare_with_published, tidy
from greenup.paper.paper_views import views
from greenup.paper.published import read_published
from greenup.schemas import DOUBT, PROBES

with job(snakemake.log):
    params, name = snakemake.params, snakemake.wildcards.table
    names = read_names(params.names)
    published = read_published(names)
    doubt = [read_table(path, DOUBT) for path in snakemake.input.doubt]
    table = compare_with_published(
        published[published["name"] == name],
        names,
        [read_table(path, PROBES) for path in snakemake.input.probes],
        doubt=pd.concat(doubt, ignore_index=True) if doubt else None,
        backbones=params.backbones,
        approximated=params.approximated,
    )
    sources = tuple(t for t in published_tables() if t.name == name)
    write_views(views(table, names, sources), tidy(table), snakemake.output)
