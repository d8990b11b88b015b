"""Rule take_features: columns of a table in the place of embeddings."""

from greenup.config import parse
from greenup.config.given import FeaturesMethod
from greenup.errors import job
from greenup.evaluate.features import take_features
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, INDEX, SITES
from greenup.tasks.bare_points import without_images

with job(snakemake.log):
    if snakemake.input.index:
        images = read_table(snakemake.input.index[0], INDEX)
    else:
        images = without_images(read_table(snakemake.input.sites[0], SITES))
    about = {"simulated": images.attrs["simulated"], "attribution": images.attrs["attribution"]}
    vectors = take_features(parse(FeaturesMethod, snakemake.params.method), images)
    write_table(snakemake.output[0], vectors, EMBEDDINGS, **about)
