"""Rule measure_coverage: sites a stratum against its area, for one dataset."""

from greenup.errors import job
from greenup.files import read_table
from greenup.schemas import LAND, SITES
from greenup.sites.coverage import measure_coverage, write_coverage

with job(snakemake.log):
    table = measure_coverage(
        snakemake.wildcards.dataset,
        read_table(snakemake.input.sites, SITES),
        read_table(snakemake.input.land, LAND),
        snakemake.params.region,
    )
    write_coverage(snakemake.output[0], table)
