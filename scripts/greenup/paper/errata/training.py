"""What pretraining draws and sees: dates, subsets, 8-bit colours, workers, schedules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from greenup.paper.errata.row import SEED, Number, Samples
from greenup.randomness import generator

DRAWS = 100_000


def repeated_dates(samples: Samples) -> list[Number]:
    """Draws (%) with a date twice, by the switch dates_with_replacement: two of SSL4EO-S12's four, three of SeCo's
    five."""
    from greenup.pretrain.views.dates import draw_dates

    numbers = []
    for count, images in ((2, 4), (3, 5)):
        shares = []
        for replacement in (True, False):
            rng = generator(SEED, "errata", "dates", count, replacement)
            drawn = (draw_dates(images, count, rng, replacement=replacement) for _ in range(DRAWS // 2))
            shares.append(100 * sum(len(set(dates)) < count for dates in drawn) / (DRAWS // 2))
        numbers.append(Number(f"draws of {count} of {images} dates with one twice", "%", *shares))
    return numbers


def distinct_after_subset(samples: Samples) -> list[Number]:
    """Distinct share (%) of a list of 250 000 after a subset of all of it was drawn with replacement, once and twice,
    and of a tenth of BigEarthNet's 269 695 training images."""
    rng = generator(SEED, "errata", "subset")
    once = rng.integers(250_000, size=250_000)
    twice = once[rng.integers(250_000, size=250_000)]
    tenth = rng.integers(269_695, size=26_970)
    return [
        Number("distinct sites of a 'whole' subset", "%", 100 * len(np.unique(once)) / len(once), 100.0),
        Number("distinct sites after a second such draw", "%", 100 * len(np.unique(twice)) / len(twice), 100.0),
        Number("distinct images of a tenth of BigEarthNet", "%", 100 * len(np.unique(tenth)) / len(tenth), 100.0),
    ]


def wrapped_bytes(samples: Samples) -> list[Number]:
    """Bytes after brightness 1.4 (of 200), contrast 1.4 about 70 (of 0) and storing 12 000, by the switch integer_wrap;
    right is clipped to 0..255."""
    from greenup.pretrain.views.wrap import brightened, bytes_of, contrasted

    return [
        Number(
            "brightness 1.4 on 200", "of 255", float(brightened(_byte(200), 1.4)[0]), float(np.clip(200 * 1.4, 0, 255))
        ),
        Number(
            "contrast 1.4 about 70 on 0",
            "of 255",
            float(contrasted(_byte(0), 1.4, 70.0)[0]),
            float(np.clip((0 - 70) * 1.4 + 70, 0, 255)),
        ),
        Number(
            "stored 12 000 as a byte",
            "of 255",
            float(bytes_of(np.array([12_000], np.uint16))[0]),
            float(np.clip(12_000 / 1e4 * 255, 0, 255)),
        ),
    ]


def _byte(value: int) -> np.ndarray:
    return np.array([value], np.uint8)


def brightened_ndvi(samples: Samples) -> list[Number]:
    """NDVI 0.6 after a view was made 1.4 times as bright, by the switch ndvi_as_reflectance."""
    from greenup.pretrain.views.colours import Change, Painter
    from greenup.pretrain.views.crops import Window

    values = []
    image = np.full((1, 8, 8), 6000, np.uint16)
    for flag in (True, False):
        view = np.zeros_like(image)
        painter = Painter(["NDVI"], [], index_as_reflectance=flag)
        painter.paint(image, Window(0, 0, 8, 8), 8, Change(brightness=1.4), view)
        values.append(float(view.mean()) / 1e4)
    return [Number("NDVI 0.6 in a view 1.4 times as bright", "", *values)]


def solarized_side(samples: Samples) -> list[Number]:
    """A dark (0.2) and a bright (0.8) reflectance after solarisation, by the switch solarize_below."""
    from greenup.pretrain.views.colours import solarize

    numbers = []
    for stored, name in ((2000, "dark, 0.2"), (8000, "bright, 0.8")):
        values = []
        for below in (True, False):
            plane = np.full((1, 1), stored, np.uint16)
            solarize(plane, 0, 1e4, below=below)
            values.append(float(plane[0, 0]) / 1e4)
        numbers.append(Number(f"solarised: {name}", "reflectance", *values))
    return numbers


def tensor_of(image: np.ndarray) -> np.ndarray:
    """What the OpenCV transforms' ToTensor does: an image with any value above 1 is divided by 255, of any type."""
    return image / 255 if image.max() > 1 else image


def divided_by_255(samples: Samples) -> list[Number]:
    """A reflectance of 0.3 as the network sees it, in an image of floats 0..1 whose brightest pixel is 1.0001 or 1; and
    DN 3 000 of an image that was never divided."""
    bright = tensor_of(np.array([0.3, 1.0001]))[0]
    plain = tensor_of(np.array([0.3, 1.0]))[0]
    stored = tensor_of(np.array([3000.0, 500.0]))[0]
    return [
        Number("0.3 beside one pixel of 1.0001", "input", float(bright), float(plain)),
        Number("stored 3 000 (reflectance 0.3)", "input", float(stored), 0.3),
    ]


def workers_alike(samples: Samples) -> list[Number]:
    """Pairs (%) of eight loading workers that draw the same two of four dates for their first sample, where each
    inherits the one state of NumPy's global generator; and where every sample has a generator of its own."""
    released = np.empty((500, 8), dtype=int)
    own = np.empty_like(released)
    for epoch in range(len(released)):
        state = np.random.RandomState(SEED + epoch).get_state()
        for worker in range(8):
            copy = np.random.RandomState()
            copy.set_state(state)
            released[epoch, worker] = _code(copy.randint(4, size=2))
            own[epoch, worker] = _code(generator(SEED, "errata", "worker", epoch, worker).integers(4, size=2))
    return [Number("pairs of workers with the same draw", "%", _alike(released), _alike(own))]


def _code(dates: np.ndarray) -> int:
    return int(dates[0] * 4 + dates[1])


def _alike(draws: np.ndarray) -> float:
    first, second = np.triu_indices(draws.shape[1], 1)
    return 100 * float((draws[:, first] == draws[:, second]).mean())


def reseeded_samples(samples: Samples) -> list[Number]:
    """Different brightness factors among 1 000 samples when the season mode 'fixed' sets NumPy's global seed to 42
    before each of them; right: each sample draws its own."""
    reseeded = [np.random.RandomState(42).uniform(0.6, 1.4) for _ in range(1000)]
    own = [generator(SEED, "errata", "sample", i).uniform(0.6, 1.4) for i in range(1000)]
    return [Number("different draws in 1 000 samples", "draws", float(len(set(reseeded))), float(len(set(own))))]


def last_learning_rate(samples: Samples) -> list[Number]:
    """Learning rate at the end of SSL4Eco's 100 epochs from 0.03, by the milestones 120 and 160 that its command leaves
    in force; and where the same steps fall at 60 and 80 % of the training, as in SeCo's 200 epochs."""
    rates = [0.03 * 0.1 ** sum(epoch <= 100 for epoch in milestones) for milestones in ((120, 160), (60, 80))]
    return [Number("learning rate in the last epoch", "", *rates)]


def rgb_of_twelve_bands(samples: Samples) -> list[Number]:
    """Channels that are red, green and blue: of a 12-band file by its bands 3, 2, 1 (SSL4Eco)."""
    from greenup.bands import RGB, S2_L2A

    return [Number("right channels", "of 3", _right([S2_L2A[i - 1] for i in (3, 2, 1)], RGB), 3.0)]


def so2sat_rgb(samples: Samples) -> list[Number]:
    """Channels that are blue, green and red: the positions 0, 3, 6 of So2Sat's ten bands (SSL4EO-S12)."""
    bands = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
    return [Number("right channels", "of 3", _right([bands[i] for i in (0, 3, 6)], ("B2", "B3", "B4")), 3.0)]


def _right(got: Sequence[str], wanted: Sequence[str]) -> float:
    return float(sum(a == b for a, b in zip(got, wanted, strict=True)))
