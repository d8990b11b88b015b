"""Rule pretrain_model: train one model, or continue a training that was interrupted."""

import argparse
from pathlib import Path

from greenup.config import Model, Runtime, parse
from greenup.errors import job
from greenup.pretrain.run import pretrain_model
from greenup.pretrain.trainer import is_first

parser = argparse.ArgumentParser(description=__doc__)
for name in ("name", "model", "index", "statistics", "runtime", "work", "out-weights", "log"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--threads", type=int, default=1)
args = parser.parse_args()

# Of processes that train together the first alone keeps the log.
with job(args.log if is_first() else None):
    pretrain_model(
        args.name,
        parse(Model, args.model),
        index=args.index,
        statistics=args.statistics,
        seed=args.seed,
        threads=args.threads,
        runtime=parse(Runtime, args.runtime),
        work=args.work,
        out=Path(args.out_weights).parent,
    )
