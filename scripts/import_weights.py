"""Rule import_weights: a model folder from released weights."""

from pathlib import Path

from greenup.config import Model, parse
from greenup.errors import job
from greenup.pretrain.released import import_weights

with job(snakemake.log):
    import_weights(
        snakemake.wildcards.model,
        parse(Model, snakemake.params.model),
        file=snakemake.input.file,
        out=Path(snakemake.output.weights).parent,
    )
