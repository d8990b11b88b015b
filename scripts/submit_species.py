"""Rule submit_species: the species of the blind plots, in the competition's format."""

from greenup.config import Task, parse
from greenup.config.evaluation import Protocols, Submission
from greenup.config.image_sets import GeoLifeClefSet
from greenup.errors import job
from greenup.evaluate.submission import predict_species
from greenup.evaluate.vectors import check_weights, read_vectors
from greenup.files import atomic_path, read_table
from greenup.schemas import LABELS
from greenup.tasks.image_sets.geolifeclef import read_plots

with job(snakemake.log):
    surveys, blind = (read_vectors(path) for path in (snakemake.input.embeddings, snakemake.input.blind))
    for config in snakemake.input.model_config:
        for vectors in (surveys, blind):
            check_weights(vectors.about, config, vectors.where)
    table = predict_species(
        surveys,
        read_table(snakemake.input.labels, LABELS),
        blind,
        read_plots(parse(GeoLifeClefSet, snakemake.params.blind)),
        parse(Task, snakemake.params.task),
        parse(Protocols, snakemake.params.protocols),
        parse(Submission, snakemake.params.submission),
        seed=snakemake.params.seed,
    )
    with atomic_path(snakemake.output[0]) as path:
        table.to_csv(path, index=False)
