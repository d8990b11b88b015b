"""Rule fetch_label_table: one file of config/label_tables.csv, downloaded, checked and unpacked."""

from greenup.config.label_tables import table_named
from greenup.errors import job
from greenup.sites.fetch import fetch_source

with job(snakemake.log):
    fetch_source(table_named(snakemake.params.name), snakemake.output[0])
