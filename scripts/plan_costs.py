"""Rule plan: what the study will ask for, on the terminal and as results/<study>/plan.md and plan.csv."""

from greenup.config import Study, parse
from greenup.costs.estimate import estimate
from greenup.costs.rates import read_rates
from greenup.costs.report import as_csv, as_markdown, as_text
from greenup.errors import job
from greenup.files import write_text

with job(snakemake.log):
    found = estimate(parse(Study, snakemake.params.study), read_rates())
    write_text(f"{snakemake.params.root}/plan.md", as_markdown(found))
    write_text(f"{snakemake.params.root}/plan.csv", as_csv(found))
    print(as_text(found), flush=True)
