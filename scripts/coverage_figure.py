"""Rule coverage_figure: how evenly each sampling covers the biomes, and how many ecoregions it reaches."""

from greenup.errors import job
from greenup.paper.captions import write_caption
from greenup.paper.coverage import draw_coverage
from greenup.paper.style import save_figure
from greenup.sites.coverage import read_coverage

with job(snakemake.log):
    tables = {name: read_coverage(path) for name, path in zip(snakemake.params.names, snakemake.input, strict=True)}
    figure, data = draw_coverage(tables, approximated=snakemake.params.approximated)
    save_figure(figure, data, snakemake.output, simulated=False)
    write_caption(snakemake, data, simulated=False)
