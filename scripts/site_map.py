"""Rule site_map: what the report's map shows of a dataset."""

from greenup.errors import job
from greenup.paper.site_map import write_site_map

with job(snakemake.log):
    write_site_map(
        snakemake.wildcards.dataset,
        sites=snakemake.input.sites,
        seasons=snakemake.input.get("seasons") or None,
        ledgers=list(snakemake.input.get("ledgers", [])),
        index=snakemake.input.get("index") or None,
        bands=snakemake.params.bands,
        seed=snakemake.params.seed,
        most=snakemake.params.most,
        out=snakemake.output[0],
    )
