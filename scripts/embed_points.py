"""Rule embed_points: one row a point of the user's file, with its vector."""

from greenup.config import parse
from greenup.config.sites import PointSites
from greenup.errors import job
from greenup.evaluate.point_embeddings import point_embeddings
from greenup.evaluate.vectors import check_weights
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, LEDGER, POINT_EMBEDDINGS, SITES

with job(snakemake.log):
    embeddings = read_table(snakemake.input.embeddings, EMBEDDINGS)
    if snakemake.input.model:
        check_weights(embeddings.attrs, snakemake.input.model, snakemake.input.embeddings)
    points = point_embeddings(
        parse(PointSites, snakemake.params.sites),
        read_table(snakemake.input.sites, SITES),
        [read_table(path, LEDGER) for path in snakemake.input.ledgers],
        embeddings,
    )
    about = {key: embeddings.attrs[key] for key in ("simulated", "attribution")}
    weights = embeddings.attrs.get("weights_checksum")
    write_table(
        snakemake.output[0], points, POINT_EMBEDDINGS, model=snakemake.params.model, weights_checksum=weights, **about
    )
