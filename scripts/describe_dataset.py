"""Rule describe_dataset: index, statistics, card and STAC collection of a dataset."""

from greenup.config import Dataset, parse
from greenup.errors import job
from greenup.patches.describe import describe_dataset

with job(snakemake.log):
    describe_dataset(
        snakemake.wildcards.dataset,
        parse(Dataset, snakemake.params.dataset),
        sites=snakemake.input.sites,
        ledgers=list(snakemake.input.ledgers),
        pixels=list(snakemake.input.pixels),
        index=snakemake.output.index,
        statistics=snakemake.output.statistics,
        card=snakemake.output.card,
        collection=snakemake.output.collection,
    )
