"""Rule ablation_table: scores of every cell of the ablation's grid, and the main effect of every value of an axis."""

from types import SimpleNamespace

import pandas as pd
from greenup.config import parse
from greenup.config.ablation import Ablation
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.ablation import cell_scores, main_effects, readable_cells, readable_effects
from greenup.paper.plain import write_plain
from greenup.schemas import PROBES

with job(snakemake.log):
    params, out = snakemake.params, snakemake.output
    cells = parse(Ablation, params.ablation).cells
    scores = pd.concat([read_table(path, PROBES) for path in snakemake.input], ignore_index=True)
    grid = cell_scores(scores, cells, params.metrics).assign(simulated=params.simulated)
    write_plain(readable_cells(grid, simulated=params.simulated), grid, out)
    effects = main_effects(scores, cells, params.metrics).assign(simulated=params.simulated)
    files = SimpleNamespace(**{kind: out[f"effects_{kind}"] for kind in ("csv", "md", "tex", "html")})
    write_plain(readable_effects(effects, simulated=params.simulated), effects, files)
