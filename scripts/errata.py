"""Rule errata: every quirk of the released code, with its numbers measured now or as last measured."""

from pathlib import Path

from greenup.errors import job
from greenup.paper.errata.record import measure
from greenup.paper.errata.row import Samples
from greenup.paper.errata.table import numbers_table, readable_errata
from greenup.paper.plain import write_plain

with job(snakemake.log):
    given = snakemake.input
    sites = Path(given.ssl4eo_sites) if given.ssl4eo_sites else None
    findings = measure(Samples(sites, tuple(map(Path, given.label_tables))), given.recorded)
    write_plain(readable_errata(findings), numbers_table(findings), snakemake.output)
