"""Rule fetch_source: one file of config/sources.csv, downloaded, checked and unpacked."""

from greenup.config import parse
from greenup.errors import job
from greenup.sites.fetch import fetch_source
from greenup.sites.sources import SourceFile

with job(snakemake.log):
    fetch_source(parse(SourceFile, snakemake.params.file), snakemake.output[0])
