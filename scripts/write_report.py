"""Rule write_report: the self-contained page of a study."""

from greenup.config import Study, parse
from greenup.errors import job
from greenup.paper.report import write_report

with job(snakemake.log):
    write_report(
        parse(Study, snakemake.params.study),
        figures=list(snakemake.input.figures),
        tables=list(snakemake.input.tables),
        cards=list(snakemake.input.cards),
        sheets=list(snakemake.input.sheets),
        maps=list(snakemake.input.maps),
        provenance=snakemake.input.get("provenance"),
        lacking=snakemake.params.lacking,
        stages=list(snakemake.params.targets),
        out=snakemake.output[0],
        configfile=snakemake.params.configfile,
    )
