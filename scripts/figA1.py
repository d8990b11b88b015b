"""Rule figA1: one vegetation cycle of a site, and the four dates on it (SSL4Eco, Figure A-1)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.figA1 import draw_figA1
from greenup.paper.style import save_figure
from greenup.schemas import CURVES, PHENOLOGY, SITES

with job(snakemake.log):
    phenology = read_table(snakemake.input.phenology, PHENOLOGY)
    curves = read_table(snakemake.input.curves, CURVES)
    figure, data = draw_figA1(read_table(snakemake.input.sites, SITES), phenology, curves, index=snakemake.params.index)
    simulated = phenology.attrs["simulated"] or curves.attrs["simulated"]
    save_figure(figure, data, snakemake.output, simulated=simulated)
    write_caption(snakemake, data, simulated=simulated)
