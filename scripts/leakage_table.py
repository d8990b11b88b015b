"""Rule leakage_table: results of all tested images, and of those that share no ground with a pretraining patch."""

from greenup.errors import job
from greenup.evaluate.weighted import read_predictions
from greenup.files import read_table
from greenup.paper.leakage import leakage_table, readable_leakage
from greenup.paper.plain import write_plain
from greenup.schemas import LEAKAGE, PROBES

with job(snakemake.log):
    params, files = snakemake.params, snakemake.input
    audits = {tuple(pair): read_table(path, LEAKAGE) for pair, path in zip(params.audits, files.leakage, strict=True)}
    cells = (
        (read_table(scores, PROBES), read_predictions(predictions))
        for scores, predictions in zip(files.scores, files.predictions, strict=True)
    )
    table = leakage_table(cells, audits, params.datasets, params.metrics)
    write_plain(readable_leakage(table), table, snakemake.output)
