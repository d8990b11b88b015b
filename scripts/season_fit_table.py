"""Rule season_fit_table: means of the season fit over all sites, with intervals."""

import pandas as pd
from greenup.errors import job
from greenup.files import read_table
from greenup.paper.plain import write_plain
from greenup.paper.season_fit_table import readable_fit
from greenup.schemas import SEASON_FIT_SUMMARY

with job(snakemake.log):
    tables = [read_table(path, SEASON_FIT_SUMMARY) for path in snakemake.input]
    truths = {t["dataset"].iloc[0]: {k: t.attrs[k] for k in ("simulated", "halfway")} for t in tables}
    summary = pd.concat([t.assign(**{k: t.attrs[k] for k in ("simulated", "halfway")}) for t in tables])
    write_plain(readable_fit(summary, truths), summary, snakemake.output)
