"""Rule sample_sites: draw the sites of one dataset."""

from greenup.config import parse
from greenup.config.sites import Sites
from greenup.errors import job
from greenup.files import write_table
from greenup.schemas import SITES
from greenup.sites.sample import ATTRIBUTION, sample_sites

with job(snakemake.log):
    sites = sample_sites(
        snakemake.wildcards.dataset,
        parse(Sites, snakemake.params.sites),
        shards=snakemake.params.shards,
        seed=snakemake.params.seed,
    )
    write_table(snakemake.output[0], sites, SITES, simulated=False, attribution=ATTRIBUTION)
