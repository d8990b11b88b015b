"""Rule training_figure: training and held-out loss of each trained model."""

from greenup.errors import job
from greenup.paper.captions import write_caption
from greenup.paper.style import save_figure
from greenup.paper.training import draw_training, read_curves

with job(snakemake.log):
    curves = read_curves(dict(zip(snakemake.params.names, snakemake.input, strict=True)))
    save_figure(draw_training(curves), curves, snakemake.output, simulated=bool(curves["simulated"].any()))
    write_caption(snakemake, curves, simulated=bool(curves["simulated"].any()))
