"""Rule describe_dataset: index, statistics, card, STAC collection and items of a dataset."""

from greenup.config import Dataset, parse
from greenup.errors import job
from greenup.files import distinct
from greenup.patches.describe import describe_dataset
from greenup.patches.work import clear_moved

# Guarded: the processes that read start from this file.
if __name__ == "__main__":
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
            items=snakemake.output.stac_items,
            workers=snakemake.threads,
        )
        # All shards are finished: none will ask for images of sites that were moved to it.
        clear_moved(snakemake.params.work, distinct(snakemake.input.sites, "site_id"))
