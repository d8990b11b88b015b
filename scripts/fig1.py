"""Rule fig1: where two samplings lie, and on what land cover (SSL4Eco, Figure 1)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.fig1 import draw_fig1
from greenup.paper.style import save_figure
from greenup.schemas import SITES

with job(snakemake.log):
    tables = {name: read_table(path, SITES) for name, path in zip(snakemake.params.names, snakemake.input, strict=True)}
    figure, data = draw_fig1(tables)
    save_figure(figure, data, snakemake.output, simulated=False)
