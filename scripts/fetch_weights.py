"""Rule fetch_weights: one file of config/weights.csv, downloaded and checked."""

from greenup.config.weights import weights_named
from greenup.errors import job
from greenup.sites.fetch import fetch_source

with job(snakemake.log):
    fetch_source(weights_named(snakemake.params.name), snakemake.output[0])
