"""Rule quality_report: the quality report of a dataset, with its figures."""

from pathlib import Path

from greenup.config import parse
from greenup.config.data import Patches
from greenup.errors import job
from greenup.paper.dataset_report import write_quality

with job(snakemake.log):
    write_quality(
        snakemake.wildcards.dataset,
        parse(Patches, snakemake.params.patches),
        seed=snakemake.params.seed,
        sites=snakemake.input.sites,
        coverage=snakemake.input.coverage,
        scenes=list(snakemake.input.scenes),
        ledgers=list(snakemake.input.ledgers),
        index=snakemake.input.index,
        statistics=snakemake.input.statistics,
        page=snakemake.output.page,
        folder=Path(snakemake.output.sheet).parent,
    )
