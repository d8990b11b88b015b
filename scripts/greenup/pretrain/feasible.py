"""What is refused before a training starts: batches and queues that the sites cannot fill."""

from __future__ import annotations

from collections.abc import Sequence

from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.pretrain.data import Site
from greenup.pretrain.views import check_dates


def check_sites(method: TrainedMethod, training: Sequence[Site], where: str) -> None:
    """Refuse a batch or a queue that the training sites cannot fill, sites of which none would ever be drawn, and sites
    of one image each where the method compares dates.

    A queue as long as the training set would hold, as a negative, an earlier key of nearly every query's own site.
    """
    check_dates(method, [len(s.seasons) for s in training])
    count = len(training)
    if count <= method.batch_size:
        unit = method.accumulate
        fits = max(unit, 2 ** max(1, (count // 4).bit_length() - 1) // unit * unit)
        and_queue = " and a queue that is a multiple of it" if hasattr(method, "queue") else ""
        raise UserError(
            f"{where}.batch_size: a batch of {method.batch_size} needs more than the {count} training sites",
            f"write batch_size: {fits}{and_queue}",
        )
    queue = getattr(method, "queue", None)
    if queue is not None and queue >= count:
        fits = (count - 1) // method.batch_size * method.batch_size
        raise UserError(
            f"{where}.queue: queue {queue} is longer than the {count} training sites allow; each query would meet its "
            "own site among the negatives",
            f"write queue: {fits} (a multiple of batch_size {method.batch_size}), or use more sites",
        )
    if not sum(s.weight for s in training) > 0:
        raise UserError("index: column 'weight': all training sites have weight 0", "give some site a weight above 0")
