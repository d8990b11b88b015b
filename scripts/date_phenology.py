"""Rule date_phenology: four dates a site, and the vegetation curves of a few sites."""

from greenup.config import parse
from greenup.config.data import Imagery
from greenup.config.phenology import Phenology
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.phenology.dates import date_phenology
from greenup.schemas import CURVES, PHENOLOGY, SITES

with job(snakemake.log):
    result = date_phenology(
        read_table(snakemake.input.sites, SITES),
        parse(Phenology, snakemake.params.phenology),
        parse(Imagery | None, snakemake.params.imagery or None),
        years=tuple(snakemake.params.years),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
    about = {"simulated": result.simulated, "attribution": result.attribution}
    write_table(snakemake.output.phenology, result.dates, PHENOLOGY, **about)
    write_table(snakemake.output.curves, result.curves, CURVES, **about)
