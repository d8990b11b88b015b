"""Rule list_published: the sites and images of a published folder."""

from greenup.config import parse
from greenup.config.data import PublishedImagery
from greenup.errors import job
from greenup.files import write_table
from greenup.imagery.published.listing import list_published
from greenup.schemas import PUBLISHED

with job(snakemake.log):
    table, attribution = list_published(parse(PublishedImagery, snakemake.params.imagery))
    write_table(snakemake.output[0], table, PUBLISHED, simulated=False, attribution=attribution)
