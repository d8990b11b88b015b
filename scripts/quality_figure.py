"""Rule quality_figure: what became of every site and season, how cloudy, and when."""

from greenup.errors import job
from greenup.paper.captions import write_caption
from greenup.paper.quality import draw_quality, read_quality
from greenup.paper.style import save_figure

with job(snakemake.log):
    table = read_quality(
        snakemake.params.names,
        list(snakemake.input.ledgers),
        list(snakemake.input.scenes),
        list(snakemake.input.sites),
    )
    save_figure(draw_quality(table), table, snakemake.output, simulated=table.attrs["simulated"])
    write_caption(snakemake, table, simulated=table.attrs["simulated"])
