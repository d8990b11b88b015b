"""Rule finetune_model: train one model on the labels of one task, or continue where it was interrupted."""

import argparse

from greenup.config import Runtime, Task, parse
from greenup.config.finetune import FinetuneProtocol
from greenup.errors import job
from greenup.evaluate.finetune import finetune_model
from greenup.evaluate.finetune_images import images_of
from greenup.files import atomic_path, read_table, write_table
from greenup.schemas import FOLDS, LABELS, PREDICTIONS, PROBES

parser = argparse.ArgumentParser(description=__doc__)
for name in ("model", "task", "kind", "model-folder", "settings", "protocol", "images", "labels", "folds", "runtime"):
    parser.add_argument(f"--{name}", required=True)
for name in ("work", "out-scores", "out-predictions", "out-curve", "log"):
    parser.add_argument(f"--{name}", required=True)
for name in ("count", "seed", "threads"):
    parser.add_argument(f"--{name}", type=int, required=True)
args = parser.parse_args()

with job(args.log):
    labels = read_table(args.labels, LABELS)
    scores, predictions, curve = finetune_model(
        args.model_folder,
        labels,
        read_table(args.folds, FOLDS).query("folds == @kind", local_dict={"kind": args.kind}),
        parse(Task, args.settings),
        parse(FinetuneProtocol, args.protocol),
        **{"images": images_of(args.images), "count": args.count, "seed": args.seed, "work": args.work},
        **{"threads": args.threads, "runtime": parse(Runtime, args.runtime)},
    )
    scores = scores.assign(model=args.model, task=args.task, protocol="finetune", folds=args.kind)
    about = {"simulated": labels.attrs["simulated"], "attribution": labels.attrs["attribution"]}
    with atomic_path(args.out_curve) as temporary:
        curve.to_csv(temporary, index=False)
    write_table(args.out_predictions, predictions, PREDICTIONS, **about)
    write_table(args.out_scores, scores, PROBES, **about)
