"""Folds: which images train, validate and test. Randomly as published, or by spatial blocks.

SSL4Eco (section 4.1) reports ten folds, stratified by class where an image has one class, and splits what a fold does
not test 0.9 to 0.1 into training and validation. Random folds test on neighbours of training images, so they say how
well a map is filled in; blocked folds say how well a model goes to places it has not seen (Roberts et al. 2017,
doi:10.1111/ecog.02881). Both are made.

Images at one location never part, whatever the kind of folds: SSL4Eco's own points have the same coordinates under
several ids, and the same pixels in training and test are no test.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.config.learning import Folds
from greenup.errors import UserError
from greenup.randomness import generator

log = logging.getLogger(__name__)

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the sphere (IUGG)."""

VALIDATION_SHARE = 0.1
"""Share of a fold's images outside its test part that is held back to stop the training (SSL4Eco's 0.9 to 0.1)."""

# Coordinates that agree to this many decimals of a degree (about 1 m) are one location.
_DECIMALS = 5


@dataclass(frozen=True)
class _Units:
    """What is dealt to folds as a whole: locations, or blocks of them.

    ``of_image``: unit of each image (N,); ``size``: images in each unit (U,); ``draws``: uniform numbers of each unit
    (U, 1 + folds), the first for the dealing and one for each fold's validation part.
    """

    of_image: np.ndarray
    size: np.ndarray
    draws: np.ndarray


def split_folds(labels: pd.DataFrame, kind: str, folds: Folds, *, seed: int) -> pd.DataFrame:
    """The part of each image in each fold, for every kind of split asked for: a `folds` table.

    ``labels``: a `labels` table; ``kind``: the task's (classification, multilabel, regression). Every image is tested
    in exactly one fold of each kind; the others of a fold are its train and val parts.

    *random*: locations are dealt one by one so that folds have equal numbers of images and, for classification, of each
    class (to one image, where no location holds two). *blocks*: whole cells of an equal-area grid (`spatial_blocks`)
    are dealt, largest first, to the fold with the fewest images; the val part is made of whole blocks too. Blocks
    border on each other, so images on either side of a border may still be neighbours.

    Every draw depends on (seed, site_id) alone: the order of rows changes nothing. A class with fewer images than folds
    is spread as far as it goes, and warned of.

    Raises `UserError` when there are fewer locations (random) or blocks (blocks) than folds, or fewer than three.
    """
    labels = labels.sort_values("site_id", ignore_index=True)
    classes = labels["label"].to_numpy(dtype=object) if kind == "classification" else None
    if classes is not None:
        _warn_of_rare(classes, folds.count)
    place = _locations(labels["lon"].to_numpy("float64"), labels["lat"].to_numpy("float64"))
    tables = []
    for split in folds.kinds:
        if split == "random":
            units = _units(place, labels["site_id"], split, folds.count, seed)
            _check_units(units, folds, labels)
            test_fold = _deal(units, classes, folds.count)
        else:
            units = _units(spatial_blocks(place, folds.block_km), labels["site_id"], split, folds.count, seed)
            _check_blocks(units, folds, place)
            test_fold = _deal(units, None, folds.count)
        for fold in range(folds.count):
            part = np.where(test_fold == fold, "test", "train").astype(object)
            part[_validation(units, test_fold, fold)] = "val"
            tables.append(pd.DataFrame({"site_id": labels["site_id"], "folds": split, "fold": fold, "part": part}))
    return pd.concat(tables, ignore_index=True)


def spatial_blocks(places: np.ndarray, block_km: float) -> np.ndarray:
    """Number of the equal-area block of each place.

    ``places``: (N, 2) longitude and latitude (degrees); returns int64 (N,). The sphere is cut into rows of
    ``block_km`` north to south (rounded so that a whole number fits from pole to pole), each row into as many equal
    columns of ``block_km`` as its middle latitude holds, at least one.
    """
    lon, lat = places[:, 0] % 360.0, places[:, 1]
    rows = max(1, round(np.pi * EARTH_RADIUS_KM / block_km))
    row = np.clip(np.floor((lat + 90.0) / 180.0 * rows).astype(np.int64), 0, rows - 1)
    middle = np.deg2rad((row + 0.5) * 180.0 / rows - 90.0)
    columns = np.maximum(1, np.rint(2 * np.pi * EARTH_RADIUS_KM * np.cos(middle) / block_km)).astype(np.int64)
    column = np.minimum(np.floor(lon / 360.0 * columns).astype(np.int64), columns - 1)
    widest = max(1, int(np.ceil(2 * np.pi * EARTH_RADIUS_KM / block_km))) + 1
    return row * widest + column


# ------------------------------------------------------------------------------------------------------------- units
def _locations(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Coordinates (N, 2) on a 1e-5 degree raster, longitude in 0..360 so that 180 W and 180 E are one place."""
    scale = 10**_DECIMALS
    east = np.rint(lon * scale).astype(np.int64) % (360 * scale)
    return np.column_stack([east / scale, np.rint(lat * scale) / scale])


def _units(key: np.ndarray, site_ids: pd.Series, split: str, count: int, seed: int) -> _Units:
    """Group the images (sorted by site_id) by key; a unit is named by its first site and draws by that name."""
    _, first, of_image, size = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    of_image = of_image.reshape(-1)
    # Units in the order of their first site: the numbering depends on the sites alone.
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    names = site_ids.iloc[first[order]]
    draws = np.array([generator(seed, "folds", split, name).random(count + 1) for name in names])
    return _Units(rank[of_image], size[order], draws)


def _check_units(units: _Units, folds: Folds, labels: pd.DataFrame) -> None:
    needed = max(3, folds.count)
    if len(units.size) < needed:
        raise UserError(
            f"{len(labels)} labelled images at {len(units.size)} locations cannot make {folds.count} folds",
            f"give the task at least {needed} places, or write evaluation.folds.count: {max(2, len(units.size))}",
        )


def _check_blocks(units: _Units, folds: Folds, place: np.ndarray) -> None:
    needed = max(3, folds.count)
    if len(units.size) >= needed:
        return
    fitting = folds.block_km
    while fitting > 0.1 and len(np.unique(spatial_blocks(place, fitting))) < 2 * needed:
        fitting /= 2
    raise UserError(
        f"evaluation.folds.block_km: {folds.block_km:g}: the images lie in {len(units.size)} blocks of this side, "
        f"too few for {folds.count} folds",
        f"write block_km: {fitting:.3g}, fewer folds (count), or kinds: [random]",
    )


def _warn_of_rare(classes: np.ndarray, count: int) -> None:
    names, numbers = np.unique(classes.astype(str), return_counts=True)
    rare = [f"{n} {c}" for n, c in zip(names, numbers, strict=True) if c < count]
    if rare:
        log.warning(
            "%d classes have fewer images than there are folds (%d), so some test parts lack them: %s",
            len(rare), count, ", ".join(rare),
        )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- dealing
def _deal(units: _Units, classes: np.ndarray | None, count: int) -> np.ndarray:
    """Test fold of each image (N,): units go, class by class and in drawn order, to the fold with the fewest images.

    With classes, the fold with the fewest images *of the unit's class* comes first and the fewest in all breaks ties.
    Large units go first (by powers of two, so that the draw still decides among units of like size).
    """
    if classes is None:
        of_unit = np.zeros(len(units.size), dtype=np.int64)
    else:
        _, codes = np.unique(classes.astype(str), return_inverse=True)
        # A location that holds several classes is dealt with its first site's.
        _, first = np.unique(units.of_image, return_index=True)
        of_unit = codes[first]
    magnitude = np.floor(np.log2(units.size)).astype(np.int64)
    order = np.lexsort([units.draws[:, 0], -magnitude, of_unit])
    total, in_class, current = np.zeros(count), np.zeros(count), -1
    fold_of_unit = np.empty(len(units.size), dtype=np.int64)
    for unit in order:
        if of_unit[unit] != current:
            current, in_class = of_unit[unit], np.zeros(count)
        size = units.size[unit]
        fold = min(range(count), key=lambda f: (in_class[f], total[f]))
        fold_of_unit[unit] = fold
        in_class[fold] += size
        total[fold] += size
    return fold_of_unit[units.of_image]


def _validation(units: _Units, test_fold: np.ndarray, fold: int) -> np.ndarray:
    """Rows of the val part of a fold: units in drawn order, each taken if it still fits the share (at least one)."""
    rest = np.unique(units.of_image[test_fold != fold])
    rest = rest[np.argsort(units.draws[rest, 1 + fold], kind="stable")]
    room = max(1, round(VALIDATION_SHARE * int(units.size[rest].sum())))
    chosen, taken = [], 0
    for unit in rest:
        if taken + units.size[unit] <= room:
            chosen.append(unit)
            taken += units.size[unit]
        if taken == room:
            break
    if not chosen:
        chosen = [rest[np.argmin(units.size[rest])]]
    return np.isin(units.of_image, chosen)
