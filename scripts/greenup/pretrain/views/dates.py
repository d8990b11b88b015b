"""Which of a site's images a method compares: distinct dates, as far as there are enough."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from greenup.config.methods import TrainedMethod
from greenup.errors import UserError

DATES = {"moco": 1, "moco_tp": 2, "moco_seasonal": 2, "mocov3": 2, "seco": 3, "dino": 3, "mae": 1, "data2vec": 1}
"""Dates each method draws of a site: SeCo's t0, t1, t2; DINO's one for either large view and one for all small ones."""

NEEDS_SEASONS = ("seco", "moco_tp", "moco_seasonal")
"""Methods that are nothing without a second date. MoCo-v3 and DINO were made for one image and only gain by more."""

_log = logging.getLogger(__name__)


def draw_dates(images: int, count: int, rng: np.random.Generator, *, replacement: bool = False) -> tuple[int, ...]:
    """``count`` of a site's images 0..images - 1 in random order, all distinct where there are as many.

    Where there are fewer, the last one drawn stands in for the missing: three dates of two images are (a, b, b), of one
    (a, a, a). So SSL4Eco (appendix A-2) mends SeCo, which draws with ``replacement``: of four images two dates are then
    one in a quarter of all draws, and of five, three dates are not all distinct in 52 of 100.

    Raises ValueError for a site without images.
    """
    if images < 1:
        raise ValueError("a site without images")
    if replacement:
        return tuple(rng.integers(images, size=count).tolist())
    order = rng.permutation(images).tolist()
    return tuple(order[min(i, images - 1)] for i in range(count))


def check_dates(method: TrainedMethod, images: Sequence[int]) -> int:
    """How many sites have fewer images than the method draws dates; ``images`` is the number of each site's images.

    Such sites are trained on all the same, a date standing in for the missing ones (`draw_dates`), and the log says how
    many there are. Raises `UserError` where no site has two images and the method is nothing without (`NEEDS_SEASONS`).
    """
    wanted, most = DATES[method.name], max(images, default=0)
    if most < 2 and method.name in NEEDS_SEASONS:
        raise UserError(
            f"method.name: {method.name} compares dates, but no site of the dataset has more than {most} image",
            "write method: {name: moco}, which compares views of one date, or give the dataset more seasons",
        )
    short = sum(n < wanted for n in images)
    if short:
        told = "%d of %d sites have fewer images than the %d dates that %s draws: theirs repeat"
        _log.info(told, short, len(images), wanted, method.name)
    return short
