"""Rule fit_seasons: how each sampling in time fits the seasons of the sites of a dataset, and its means."""

from greenup.config import parse
from greenup.config.seasons import Seasons
from greenup.errors import job
from greenup.files import read_table, write_table
from greenup.paper.season_fit import measure_fit, summarise_fit
from greenup.schemas import CURVES, INDEX, PHENOLOGY, SEASON_FIT, SEASON_FIT_SUMMARY, SITES

with job(snakemake.log):
    params, given = snakemake.params, snakemake.input
    phenology = read_table(given.phenology, PHENOLOGY)
    images = {n: read_table(p, INDEX) for n, p in zip(params.images, given.images, strict=True)}
    about = {"simulated": phenology.attrs["simulated"], "attribution": phenology.attrs["attribution"]}
    fit = measure_fit(
        read_table(given.sites, SITES),
        phenology,
        {name: parse(Seasons, rule) for name, rule in params.rules.items()},
        images,
        read_table(given.curves, CURVES),
        years=tuple(params.years),
        seed=params.seed,
        is_halfway=params.halfway,
    )
    write_table(snakemake.output.fit, fit, SEASON_FIT, halfway=params.halfway, **about)
    summary = summarise_fit(fit, snakemake.wildcards.dataset, seed=params.seed)
    write_table(snakemake.output.summary, summary, SEASON_FIT_SUMMARY, halfway=params.halfway, **about)
