"""Rule fig1: where samplings lie, and on what land cover (SSL4Eco, Figure 1)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.fig1 import draw_fig1
from greenup.paper.style import save_figure
from greenup.schemas import SITES
from greenup.sites.coverage import read_coverage

with job(snakemake.log):
    names = snakemake.params.names
    tables = {name: read_table(path, SITES) for name, path in zip(names, snakemake.input.sites, strict=True)}
    coverage = {name: read_coverage(path) for name, path in zip(names, snakemake.input.coverage, strict=True)}
    figure, data = draw_fig1(tables, coverage)
    save_figure(figure, data, snakemake.output, simulated=False)
    write_caption(snakemake, data, simulated=False)
