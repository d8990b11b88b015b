"""The table of comparisons: which models differ on a task, by how much, and how surely."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.paper.tables import number, title

LEVEL = 0.05
"""Corrected p below which a difference is marked."""


def readable_comparisons(table: pd.DataFrame, reference: str | None = None) -> PlainTable:
    """A row a model, against the reference, or else against the best of its column; a group each task, protocol and
    kind of folds. The CSV beside it holds every pair.

    ``table``: rows of `comparisons` tables with a column ``simulated``; ``reference``: as its pairs were made.
    """
    groups = []
    for (task, protocol, folds), group in table.groupby(["task", "protocol", "folds"], sort=False):
        against = reference if reference in {*group["first"], *group["second"]} else _best(group)
        rows = [_row(pair, against) for pair in group.itertuples() if against in (pair.first, pair.second)]
        head = (
            f"{readable(task)}, {title(protocol)}, {title(folds)} ({title(group['metric'].iloc[0])}): "
            f"less {against}, {number(_means(group)[against])}"
        )
        groups.append((head, tuple(rows)))
    return PlainTable(
        ("model", "mean", "seeds", "difference", "95 % interval", "p", "p, Holm", "over test images", "test"),
        tuple(groups),
        _legend(table, reference),
        numeric=(1, 2, 3, 4, 5, 6, 7),
    )


def _means(group: pd.DataFrame) -> dict[str, float]:
    sides = [group[[side, f"mean_{side}"]].set_axis(["name", "mean"], axis=1) for side in ("first", "second")]
    return pd.concat(sides).groupby("name", sort=False)["mean"].first().to_dict()


def _best(group: pd.DataFrame) -> str:
    means = _means(group)
    return max(means, key=lambda name: -np.inf if np.isnan(means[name]) else means[name])


def _row(pair: object, against: str) -> tuple[str, ...]:
    """A pair as the other model less ``against``."""
    is_second = pair.second == against
    side = "first" if is_second else "second"
    sign = 1.0 if is_second else -1.0
    seeds, spread = getattr(pair, f"seeds_{side}"), getattr(pair, f"seed_sd_{side}")
    difference = number(sign * pair.difference, sign=True)
    mark = "*" if pair.p_holm < LEVEL else ""
    return (
        getattr(pair, side),
        number(getattr(pair, f"mean_{side}")),
        "1" if seeds == 1 else f"{seeds} ± {number(spread)}",
        difference + mark,
        _interval(sign, pair.low, pair.high),
        probability(pair.p),
        probability(pair.p_holm),
        _interval(sign, pair.boot_low, pair.boot_high),
        {"corrected_t": f"t, {pair.n} folds", "bootstrap": "bootstrap"}[pair.test],
    )


def _interval(sign: float, low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "–"
    low, high = sorted((sign * low, sign * high))
    return f"[{number(low, sign=True)}, {number(high, sign=True)}]"


def probability(p: float) -> str:
    """A p value as printed: three decimals, below 0.001 only that."""
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _legend(table: pd.DataFrame, reference: str | None) -> str:
    against = f"the model {reference!r}" if reference else "the best model of each group, which its title names"
    simulated = "Simulated images (miniature Earth). " if table["simulated"].any() else ""
    return (
        f"{simulated}Metrics × 100: each model less {against}; the CSV holds all pairs. Seeds: trainings that differ "
        "in their seed alone, with the standard deviation of their means; of several their mean is compared, and their "
        "spread counts in interval and p. Test: corrected resampled t over the same folds, or, where there is one test "
        "part, the bootstrap over its images. p, Holm: corrected for all pairs of a group; * where it is below "
        f"{LEVEL:g}. Over test images: bootstrap interval of the difference by test images alone, the trained probes "
        "and models as they are."
    )
