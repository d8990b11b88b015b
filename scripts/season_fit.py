"""Rule season_fit: figure of how phenology, calendar, quarters and random dates fit the seasons of the vegetation."""

import pandas as pd
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.captions import write_caption
from greenup.paper.fig_season_fit import draw_season_fit
from greenup.paper.style import save_figure
from greenup.schemas import SEASON_FIT_SUMMARY

with job(snakemake.log):
    tables = [read_table(path, SEASON_FIT_SUMMARY) for path in snakemake.input]
    truths = {t["dataset"].iloc[0]: {k: t.attrs[k] for k in ("simulated", "halfway")} for t in tables}
    summary = pd.concat([t.assign(halfway=t.attrs["halfway"]) for t in tables], ignore_index=True)
    simulated = any(about["simulated"] for about in truths.values())
    save_figure(draw_season_fit(summary, truths), summary, snakemake.output, simulated=simulated)
    write_caption(snakemake, summary, simulated=simulated)
