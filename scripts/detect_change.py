"""Rule detect_change: the siamese head on one frozen network, trained and judged as the publishers split the cities."""

import argparse

from greenup.config import parse
from greenup.config.evaluation import SiameseProtocol
from greenup.config.image_sets import OscdSet
from greenup.errors import job
from greenup.evaluate.siamese_run import detect_change
from greenup.files import atomic_path, write_table
from greenup.schemas import PROBES
from greenup.tasks.image_sets.catalogue import ABOUT

parser = argparse.ArgumentParser(description=__doc__)
for name in ("model", "task", "model-folder", "image-set", "settings", "out", "predictions", "log"):
    parser.add_argument(f"--{name}", required=True)
for name in ("seed", "threads"):
    parser.add_argument(f"--{name}", type=int, default=1)
args = parser.parse_args()

with job(args.log):
    scores, predictions = detect_change(
        args.model_folder,
        parse(OscdSet, args.image_set),
        parse(SiameseProtocol, args.settings),
        seed=args.seed,
        threads=args.threads,
    )
    scores = scores.assign(model=args.model, task=args.task, protocol="siamese", folds="official")
    with atomic_path(args.predictions) as path:
        predictions.to_parquet(path, index=False)
    about = ABOUT["oscd"]
    write_table(args.out, scores, PROBES, simulated=about.simulated, attribution=about.attribution)
