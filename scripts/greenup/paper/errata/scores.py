"""What scores are made of: artefacts of k-NN's metrics, thresholds, means over batches."""

from __future__ import annotations

import numpy as np

from greenup.paper.errata.row import SEED, Number, Samples
from greenup.randomness import generator

LABELS, BINS = 19, 8
"""BigEarthNet's labels; BioMassters' bins of biomass."""


def score_above_one(samples: Samples) -> list[Number]:
    """Micro F1 (%) of labels that are all right but one, where one score is 1.0000001: by the switch scores_above_one,
    and clamped. 1 000 images x 19 labels, 15.5 % present; absent ones have a vote of 2 %."""
    from greenup.evaluate.truth import Truth

    rng = generator(SEED, "errata", "votes")
    observed = (rng.random((1000, LABELS)) < 0.155).astype(float)
    scores = np.where(observed > 0, 1.0, 0.02).astype("float32")
    present = np.argwhere(observed > 0)
    scores[tuple(present[0])] = 0.02
    scores[tuple(present[1])] = np.float32(1.0000001)
    truth, rows = Truth("multilabel", [str(i) for i in range(LABELS)], observed), np.ones(1000, dtype=bool)
    found = [truth.judge(rows, scores, compat)[0] for compat in (["scores_above_one"], [])]
    return [
        Number("micro F1 with one score of 1.0000001", "%", *(100 * f["micro_f1"] for f in found), digits=2),
        Number("micro mAP of the same scores", "%", *(100 * f["micro_map"] for f in found), digits=2),
    ]


def sigmoid_of_shares(samples: Samples) -> list[Number]:
    """Mean R2 (%) of a perfect prediction of eight bins, by the switch sigmoid_of_shares. 4 000 invented histograms
    with most of the area in one or two bins, and as many that are nearly even."""
    from greenup.evaluate.truth import Truth

    numbers = []
    for name, concentration in (("in one or two bins", 0.25), ("over many bins", 4.0)):
        rng = generator(SEED, "errata", "histograms", concentration)
        shares = rng.dirichlet(np.full(BINS, concentration), 4000)
        truth, rows = Truth("distribution", [f"bin{i}" for i in range(BINS)], shares), np.ones(4000, dtype=bool)
        found = [100 * truth.judge(rows, shares, compat)[0]["r2_mean"] for compat in (["sigmoid_of_shares"], [])]
        numbers.append(Number(f"R² of a perfect prediction, {name}", "%", *found))
    return numbers


def probability_of_logit(samples: Samples) -> list[Number]:
    """Probability above which a species is predicted when 0.5 is held against the logit."""
    from greenup.evaluate.quirks import LOGIT_THRESHOLD

    return [Number("probability that the threshold means", "", LOGIT_THRESHOLD, 0.5)]


def mean_of_batches(samples: Samples) -> list[Number]:
    """Micro mAP as the mean over batches of 256 of 2 023 test images, the last batch dropped, by the switch
    batch_means, against the whole set: the mean of ten models of nearly equal worth, and how many of their 45 pairs
    change places. Images of one region, equally hard, stand together, as in published lists; all is invented."""
    from greenup.evaluate.truth import Truth

    rng = generator(SEED, "errata", "batches")
    images = 2023
    region = np.arange(images) // 60
    observed = (rng.random((images, 6)) < rng.uniform(0.05, 0.4, (region[-1] + 1, 6))[region]).astype(float)
    hard = rng.uniform(0.5, 3.0, region[-1] + 1)[region, None]
    truth, rows = Truth("multilabel", list("abcdef"), observed), np.ones(images, dtype=bool)
    found = []
    for model in range(10):
        noise = generator(SEED, "errata", "batches", model).normal(size=observed.shape)
        logits = observed * 2 - 1 + hard * noise
        scores = 1 / (1 + np.exp(-logits))
        found.append([100 * truth.judge(rows, scores, compat)[0]["micro_map"] for compat in (["batch_means"], [])])
    batches, whole = np.array(found).T
    first, second = np.triu_indices(len(found), 1)
    swapped = np.sign(batches[first] - batches[second]) != np.sign(whole[first] - whole[second])
    return [
        Number("micro mAP, mean of ten models", "%", float(batches.mean()), float(whole.mean()), digits=2),
        Number("pairs of models in the other order", "of 45", float(swapped.sum()), 0.0),
        Number("test images that count", "of 2 023", float(images // 256 * 256), float(images)),
    ]


def shares_with_epsilon(samples: Samples) -> list[Number]:
    """Sum of eight shares to each of which 1e-5 was added."""
    shares = generator(SEED, "errata", "epsilon").dirichlet(np.ones(BINS))
    return [Number("sum of the shares of an image", "", float((shares + 1e-5).sum()), float(shares.sum()), digits=5)]
