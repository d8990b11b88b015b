"""Rule embed_images: one vector an image of a dataset."""

import argparse

from greenup.config import Model, Runtime, parse
from greenup.errors import job
from greenup.evaluate.embed import embed_images
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, INDEX

parser = argparse.ArgumentParser(description=__doc__)
for name in ("model", "model-folder", "index", "statistics", "runtime", "out", "log"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--threads", type=int, default=1)
args = parser.parse_args()

with job(args.log):
    vectors = embed_images(
        parse(Model, args.model),
        args.model_folder,
        index=args.index,
        statistics=args.statistics,
        threads=args.threads,
        runtime=parse(Runtime, args.runtime),
    )
    about = read_table(args.index, INDEX).attrs
    write_table(args.out, vectors, EMBEDDINGS, simulated=about["simulated"], attribution=about["attribution"])
