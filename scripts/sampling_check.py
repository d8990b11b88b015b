"""Rule sampling_check: a rebuilt sampling beside real sites, as distributions."""

from greenup.config import parse
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.reference_sites import read_reference
from greenup.paper.sampling_check import compare, draw_sampling_check
from greenup.paper.style import save_figure
from greenup.schemas import INTERVALS, SITES
from greenup.sites.sources import SiteData

with job(snakemake.log):
    sites = read_table(snakemake.input.sites, SITES)
    reference = read_reference(snakemake.input.reference)
    table = compare(
        sites, read_table(snakemake.input.seasons, INTERVALS), reference, parse(SiteData, snakemake.params.data)
    )
    figure = draw_sampling_check(table, n_real=reference["site_id"].nunique(), n_rebuilt=len(sites))
    save_figure(figure, table, snakemake.output, simulated=False)
    write_caption(snakemake, table, simulated=False)
