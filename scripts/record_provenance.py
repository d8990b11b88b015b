"""Rule record_provenance: where each figure and table comes from, their inputs, and the files behind each row."""

from pathlib import Path

from greenup.errors import job
from greenup.files import write_json, write_text
from greenup.provenance import Provenance

with job(snakemake.log):
    params, output = snakemake.params, snakemake.output
    known = Provenance(Path(output.provenance).parents[1], seed=params.seed, configfile=params.configfile)
    files = {**params.figures, **params.tables}
    write_json(output.provenance, {name: known.of(name, path) for name, path in files.items()})
    write_text(output.inputs, known.inputs(files).to_csv(index=False))
    write_text(output.sources, known.sources(params.tables, params.together).to_csv(index=False))
