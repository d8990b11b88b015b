"""Rule place_seasons: the search intervals of each site and season."""

from greenup.config import parse
from greenup.config.seasons import Seasons
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.phenology.seasons import place_seasons
from greenup.schemas import INTERVALS, PHENOLOGY, PUBLISHED, SITES

with job(snakemake.log):
    sites = read_table(snakemake.input.sites, SITES)
    dates = [read_table(path, PHENOLOGY) for path in snakemake.input.phenology]
    published = [read_table(path, PUBLISHED) for path in snakemake.input.published]
    intervals = place_seasons(
        sites,
        dates[0] if dates else None,
        parse(Seasons, snakemake.params.seasons),
        years=tuple(snakemake.params.years),
        seed=snakemake.params.seed,
        published=published[0] if published else None,
    )
    about = (dates[0] if dates else sites).attrs
    write_table(
        snakemake.output[0],
        intervals,
        INTERVALS,
        simulated=about["simulated"],
        attribution=about["attribution"],
    )
