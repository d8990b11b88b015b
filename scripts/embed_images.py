"""Rule embed_images: one vector an image of a task."""

import argparse

from greenup.config import Model, Runtime, parse
from greenup.errors import job
from greenup.evaluate.embed import embed_images
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS, LABELS

parser = argparse.ArgumentParser(description=__doc__)
for name in ("model", "model-folder", "index", "statistics", "labels", "runtime", "out", "log"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--threads", type=int, default=1)
args = parser.parse_args()

with job(args.log):
    labels = read_table(args.labels, LABELS)
    table = embed_images(
        parse(Model, args.model),
        args.model_folder,
        index=args.index,
        statistics=args.statistics,
        labels=labels,
        threads=args.threads,
        runtime=parse(Runtime, args.runtime),
    )
    write_table(
        args.out,
        table,
        EMBEDDINGS,
        simulated=labels.attrs["simulated"],
        attribution=labels.attrs["attribution"],
    )
