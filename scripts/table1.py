"""Rule table1: the study's datasets as drawn, beside datasets as published (SSL4Eco, Table 1)."""

from greenup.config import parse
from greenup.config.seasons import Seasons
from greenup.config.sites import Sites
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.plain import write_plain
from greenup.paper.table1 import count_datasets, read_published, readable_table
from greenup.schemas import SITES

with job(snakemake.log):
    rules = {
        name: (parse(Sites, rule["sites"]), parse(Seasons, rule["seasons"]) if rule["seasons"] else None)
        for name, rule in snakemake.params.rules.items()
    }
    tables = {name: read_table(path, SITES) for name, path in zip(rules, snakemake.input.sites, strict=True)}
    table = count_datasets(tables, rules, read_published(snakemake.input.published))
    write_plain(readable_table(table), table, snakemake.output)
