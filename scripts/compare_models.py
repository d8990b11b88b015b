"""Rule compare_models: the bootstrap of every cell of a task, and every pair of models with its test."""

import pandas as pd
from greenup.errors import job
from greenup.evaluate.comparisons import compare_models, doubt_of
from greenup.evaluate.weighted import read_predictions
from greenup.files import read_table, write_table
from greenup.schemas import COMPARISONS, DOUBT, PROBES

with job(snakemake.log):
    params = snakemake.params
    scores = [read_table(path, PROBES) for path in snakemake.input.scores]
    doubt = pd.DataFrame(
        [
            doubt_of(table, read_predictions(path), params.metric, seed=params.seed)
            for table, path in zip(scores, snakemake.input.predictions, strict=True)
        ]
    )
    main = pd.concat([t[t["metric"] == params.metric] for t in scores], ignore_index=True)
    about = {
        "simulated": any(table.attrs["simulated"] for table in scores),
        "attribution": "; ".join(dict.fromkeys(table.attrs["attribution"] for table in scores)),
    }
    compared = compare_models(main, doubt, params.trainings, params.reference)
    write_table(snakemake.output.doubt, doubt, DOUBT, **about)
    write_table(snakemake.output.comparisons, compared, COMPARISONS, **about)
