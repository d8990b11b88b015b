"""Rule figA2: maps of the labels of all evaluated tasks (SSL4Eco, Figure A-2)."""

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.figA2 import draw_figA2
from greenup.paper.style import save_figure
from greenup.schemas import LABELS

with job(snakemake.log):
    kinds, invented = snakemake.params.kinds, snakemake.params.simulated
    tables = {task: read_table(path, LABELS) for task, path in zip(kinds, snakemake.input, strict=True)}
    figure, data = draw_figA2(tables, kinds, invented)
    is_part = not data["simulated"].all() and data["simulated"].any()
    note = "where marked: simulated (miniature Earth)" if is_part else bool(data["simulated"].any())
    save_figure(figure, data, snakemake.output, simulated=note)
    write_caption(snakemake, data, simulated=bool(note))
