"""Rule table2: the models that are compared, as published and in this study (SSL4Eco, Table 2)."""

from greenup.config.published import read_names
from greenup.errors import job
from greenup.paper.plain import write_plain
from greenup.paper.published import read_models
from greenup.paper.table2 import compared_models, readable_models

with job(snakemake.log):
    models = compared_models(read_models(), snakemake.params.models, read_names(snakemake.params.names))
    write_plain(readable_models(models), models, snakemake.output)
