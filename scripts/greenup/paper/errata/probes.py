"""What probes learn from and with: statistics of test rows, last weights, batch norms, caches, parted chips."""

from __future__ import annotations

import numpy as np

from greenup.paper.errata.row import SEED, Number, Samples
from greenup.randomness import generator


def statistics_of_all_rows(samples: Samples) -> list[Number]:
    """Root mean square difference between the mean of all rows and of the train part (standard deviations of a
    dimension): ten random folds of 1 000 images and of 52 000."""
    numbers = []
    for count, written in ((1000, "1 000"), (52_000, "52 000")):
        rng = generator(SEED, "errata", "z-scores", count)
        values = rng.normal(size=(count, 32))
        fold = rng.permutation(count) % 10
        apart = [values.mean(axis=0) - values[fold != f].mean(axis=0) for f in range(10)]
        shift = float(np.sqrt(np.mean(np.square(apart))))
        numbers.append(Number(f"shift of the mean by test rows, {written} images", "sd", shift, 0.0))
    return numbers


def last_weights(samples: Samples) -> list[Number]:
    """Validation loss and test accuracy (%) of a linear probe that keeps the weights of its last epoch, ten after the
    best one, by the switch last_weights. Invented embeddings: 1 500 images, 64 dimensions, five classes."""
    from greenup.config.evaluation import LinearProtocol
    from greenup.evaluate.linear import fit_linear

    rng = generator(SEED, "errata", "last weights")
    y = rng.integers(5, size=1500)
    x = (rng.normal(size=(1500, 64)) + rng.normal(size=(5, 64))[y] * 0.25).astype("float32")
    part = rng.permutation(1500)
    train, val = (part < 400)[None], ((part >= 400) & (part < 550))[None]
    test = part >= 550
    losses, right = [], []
    for compat in (["last_weights"], []):
        protocol = LinearProtocol(lr=0.01, batch_size=64, max_epochs=200, patience=10, compat=compat)
        probe = fit_linear(x, y, train, val, "classification", protocol, seed=SEED)
        chosen = probe.predict(x[val[0]], 0)[np.arange(val.sum()), y[val[0]]]
        losses.append(float(-np.log(chosen).mean()))
        right.append(100 * float((probe.predict(x[test], 0).argmax(axis=1) == y[test]).mean()))
    return [Number("validation loss", "nats", *losses), Number("test accuracy", "%", *right)]


def adapting_batch_norm(samples: Samples) -> list[Number]:
    """How much an image's features depend on the images beside it (standard deviation over 20 batches of eight, as a
    share of that between images, %) where a frozen ResNet-18 is left in training mode. Random weights, invented images
    of differing brightness."""
    import torch
    from torchvision.models import resnet18

    rng = generator(SEED, "errata", "batch norm")
    light = rng.uniform(0.5, 1.5, (65, 1, 1, 1))
    images = torch.from_numpy((light * rng.uniform(0, 1, (65, 3, 32, 32))).astype("float32"))
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(SEED)
        network = resnet18()
        network.fc = torch.nn.Identity()
        shares = []
        for adapts in (True, False):
            network.train(adapts)
            rest = [rng.permutation(64)[:7] + 1 for _ in range(20)]
            features = torch.stack([network(images[[0, *beside]])[0] for beside in rest])
            between = torch.cat([network(part) for part in images[1:].split(8)])
            shares.append(100 * float(features.std(dim=0).mean() / between.std(dim=0).mean()))
    return [Number("spread of one image's features over batches", "% of that between images", *shares)]


def cached_by_length(samples: Samples) -> list[Number]:
    """Embeddings (%) that are another image's when ten random subsets of one length share a cache that knows only the
    length; and when it knows the images."""
    subsets = [generator(SEED, "errata", "cache", i).permutation(10_000)[:1100] for i in range(10)]
    wrong = []
    for key in (len, lambda rows: rows.tobytes()):
        cache: dict[object, np.ndarray] = {}
        wrong.append(100 * float(np.mean([cache.setdefault(key(rows), rows) != rows for rows in subsets])))
    return [Number("embeddings of another image", "%", *wrong)]


def parted_chips(samples: Samples) -> list[Number]:
    """Validation images (%) of whose chip another month is in training, where a tenth of all months of 2 000 chips with
    three months each is held back at random; and where whole chips are."""
    rng = generator(SEED, "errata", "chips")
    chip = np.repeat(np.arange(2000), 3)
    shares = []
    for held in (rng.random(6000) < 0.1, (rng.random(2000) < 0.1)[chip]):
        shares.append(100 * float(np.isin(chip[held], chip[~held]).mean()))
    return [Number("validation images whose chip is trained on", "%", *shares)]


def treesatai_bands(samples: Samples) -> list[Number]:
    """Bands that are what they are called when TreeSatAI's files are read as B1..B12, by the order of the switch
    bands_as_numbered: of all twelve, and of the eight that SSL4Eco's networks take."""
    from greenup.bands import S2_L2A
    from greenup.tasks.image_sets.treesatai import FILE_BANDS

    numbers = []
    for name, bands in (("of all bands", S2_L2A), ("of SSL4Eco's channels", S2_L2A[1:9])):
        got = [FILE_BANDS[S2_L2A.index(band)] for band in bands]
        right = sum(a == b for a, b in zip(got, bands, strict=True))
        numbers.append(Number(f"right bands {name}", f"of {len(bands)}", float(right), float(len(bands))))
    return numbers
