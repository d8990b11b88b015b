"""Rule sample_sites: draw the sites of one dataset."""

from greenup.config import parse
from greenup.config.sites import Sites
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.schemas import PUBLISHED, SITES
from greenup.sites.attributes import attribution
from greenup.sites.sample import sample_sites
from greenup.sites.sources import SiteData

with job(snakemake.log):
    data = parse(SiteData, snakemake.params.data)
    taken = [read_table(path, SITES) for path in snakemake.input.taken]
    published = [read_table(path, PUBLISHED) for path in snakemake.input.published]
    sites = sample_sites(
        snakemake.wildcards.dataset,
        parse(Sites, snakemake.params.sites),
        data,
        shards=snakemake.params.shards,
        seed=snakemake.params.seed,
        taken=taken[0] if taken else None,
        published=published[0] if published else None,
    )
    credit = taken[0].attrs["attribution"] if taken else attribution(data)
    write_table(snakemake.output[0], sites, SITES, simulated=False, attribution=credit)
