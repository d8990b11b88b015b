"""Rule tableA1: the four dates, their definitions, and when they fall (SSL4Eco, Table A-1)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.plain import write_plain
from greenup.paper.published import read_dates
from greenup.paper.tableA1 import count_dates, readable_table
from greenup.schemas import PHENOLOGY, SITES

with job(snakemake.log):
    names = snakemake.params.names
    phenology = {name: read_table(path, PHENOLOGY) for name, path in zip(names, snakemake.input.phenology, strict=True)}
    sites = {name: read_table(path, SITES) for name, path in zip(names, snakemake.input.sites, strict=True)}
    table = count_dates(phenology, sites)
    write_plain(readable_table(table, read_dates()), table, snakemake.output)
