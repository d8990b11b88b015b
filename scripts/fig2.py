"""Rule fig2: vegetation curves of a few sites, their seasons, and the image of each season (SSL4Eco, Figure 2)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.fig2 import draw_fig2
from greenup.paper.style import save_figure
from greenup.schemas import CURVES, INDEX, INTERVALS, PHENOLOGY, SITES

with job(snakemake.log):
    index = read_table(snakemake.input.index, INDEX)
    phenology = [read_table(p, PHENOLOGY) for p in snakemake.input.phenology]
    curves = [read_table(p, CURVES) for p in snakemake.input.curves]
    figure, data = draw_fig2(
        read_table(snakemake.input.sites, SITES),
        read_table(snakemake.input.seasons, INTERVALS),
        phenology[0] if phenology else None,
        curves[0] if curves else None,
        index,
        index_path=snakemake.input.index,
        count=snakemake.params.sites,
        curve_index=snakemake.params.index,
    )
    save_figure(figure, data, snakemake.output, simulated=index.attrs["simulated"])
    write_caption(snakemake, data, simulated=index.attrs["simulated"])
