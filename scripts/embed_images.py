"""Rules embed_images and embed_image_set: one vector an image of a dataset or of a published image set."""

import argparse

from greenup.config import Model, Runtime, parse
from greenup.config.image_sets import ImageSet
from greenup.errors import job
from greenup.evaluate.embed import embed_to_file
from greenup.evaluate.images import DatasetImages, SetImages

parser = argparse.ArgumentParser(description=__doc__)
for name in ("model", "model-folder", "index", "precision", "runtime", "out", "log"):
    parser.add_argument(f"--{name}", required=True)
images_of = parser.add_mutually_exclusive_group(required=True)
images_of.add_argument("--statistics", help="statistics.json of the dataset")
images_of.add_argument("--image-set", help="settings of the image set, JSON")
parser.add_argument("--threads", type=int, default=1)
args = parser.parse_args()

with job(args.log):
    if args.image_set:
        images = SetImages(parse(ImageSet, args.image_set), args.index)
    else:
        images = DatasetImages(args.index, args.statistics)
    embed_to_file(
        args.out,
        parse(Model, args.model),
        args.model_folder,
        images,
        threads=args.threads,
        runtime=parse(Runtime, args.runtime),
        precision=args.precision,
    )
