"""Rule list_image_set: the images of a published set with their labels, and statistics of their pixels."""

from greenup.config import parse
from greenup.config.image_sets import ImageSet
from greenup.errors import job
from greenup.files import write_json, write_table
from greenup.schemas import IMAGE_SET
from greenup.tasks.image_set_labels import image_set_statistics, images_with_pixels
from greenup.tasks.image_sets import open_image_set

with job(snakemake.log):
    reader = open_image_set(parse(ImageSet, snakemake.params.image_set))
    index, left_out = images_with_pixels(reader)
    statistics = image_set_statistics(reader, index, seed=snakemake.params.seed)
    write_json(snakemake.output.statistics, {**statistics, "without_pixels": left_out})
    about = {"simulated": reader.about.simulated, "attribution": reader.about.attribution, "without_pixels": left_out}
    write_table(snakemake.output.index, index, IMAGE_SET, citation=reader.about.citation, **about)
