"""Rule cycles_figure: curves of a dozen sites with the dates of each year and the medians."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.cycles import draw_cycles
from greenup.paper.style import save_figure
from greenup.schemas import CURVES, PHENOLOGY, SITES

with job(snakemake.log):
    sites = read_table(snakemake.input.sites, SITES)
    phenology = read_table(snakemake.input.phenology, PHENOLOGY)
    curves = read_table(snakemake.input.curves, CURVES)
    figure, data = draw_cycles(sites, phenology, curves, index=snakemake.params.index)
    simulated = phenology.attrs["simulated"] or curves.attrs["simulated"]
    save_figure(figure, data, snakemake.output, simulated=simulated)
    write_caption(snakemake, data, simulated=simulated)
