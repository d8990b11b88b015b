"""Rule audit_leakage: how far each image of a task lies from the places a dataset is trained on."""

from greenup.errors import job
from greenup.evaluate.leakage import audit
from greenup.files import read_table, write_table
from greenup.schemas import INDEX, LABELS, LEAKAGE

with job(snakemake.log):
    labels = read_table(snakemake.input.labels, LABELS)
    sites = read_table(snakemake.input.index, INDEX)
    table = audit(labels, sites, task_m=snakemake.params.task_m, site_m=snakemake.params.site_m)
    write_table(
        snakemake.output[0],
        table,
        LEAKAGE,
        simulated=labels.attrs["simulated"] or sites.attrs["simulated"],
        attribution=labels.attrs["attribution"],
    )
