"""Folds: which images train, validate and test. Randomly as published, by spatial blocks, or as the publishers split.

SSL4Eco (section 4.1) reports ten folds, stratified by class where an image has one class, and splits what a fold does
not test 0.9 to 0.1 into training and validation. Random folds test on neighbours of training images, so they say how
well a map is filled in; blocked folds say how well a model goes to places it has not seen (Roberts et al. 2017,
doi:10.1111/ecog.02881). Both are made. Image sets that come with a split of their own keep it: kind official.

Images at one location never part, whatever the kind of folds: SSL4Eco's own points have the same coordinates under
several ids, and the same pixels in training and test are no test. Where images do not say where they lie, a column
``group`` says which show one place. Only an official split is left as it is, and what it parts is counted in the log.
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.config.evaluation import Folds, Subsets
from greenup.errors import UserError
from greenup.randomness import uniform_integers

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

    ``of_image``: unit of each image (N,); ``size``: images in each unit (U,); ``names``: the first site of each (U,),
    by which it draws; ``stream``: seed and purpose of its draws.
    """

    of_image: np.ndarray
    size: np.ndarray
    names: np.ndarray
    stream: tuple[int, str]

    def draw(self, what: str) -> np.ndarray:
        """A uniform number of 32 bits for each unit (U,); it depends on the seed, ``what`` and the unit's name alone.

        Where two are equal (seven pairs of a quarter of a million), the site's name decides.
        """
        seed, split = self.stream
        return uniform_integers(seed, f"folds {split} {what}", self.names, 1 << 32)


def split_folds(
    labels: pd.DataFrame, kind: str, folds: Folds, *, seed: int, subsets: Subsets | None = None
) -> pd.DataFrame:
    """The part of each image in each fold, for every kind of split that is asked for and can be made: a `folds` table.

    ``labels``: a `labels` table, with columns ``split`` (train, val, test or empty) and ``group`` where the publishers
    give one; ``kind``: the task's (classification, ...). `Folds.kinds_for` says which kinds are made.

    *random*: locations are dealt one by one so that folds have equal numbers of images and, for classification, of each
    class (to one image, where no location holds two). *blocks*: whole cells of an equal-area grid (`spatial_blocks`)
    are dealt, largest first, to the fold with the fewest images; the val part is made of whole blocks too. Blocks
    border on each other, so images on either side of a border may still be neighbours. Of both kinds every image is
    tested in exactly one fold; the others of a fold are its train and val parts.

    *official*: `official_parts`, one fold, or one for each of the ``subsets``.

    Every draw depends on (seed, site_id) alone: the order of rows changes nothing. A class with fewer images than folds
    is spread as far as it goes, and warned of.

    Raises `UserError` when there are fewer locations (random) or blocks (blocks) than folds, or fewer than three, when
    no kind that is asked for can be made, and where an official split lacks a part.
    """
    labels = labels.sort_values("site_id", ignore_index=True)
    classes = labels["label"].to_numpy(dtype=object) if kind == "classification" else None
    lon, lat = (labels[axis].to_numpy("float64", na_value=np.nan) for axis in ("lon", "lat"))
    place = _locations(lon, lat, labels.get("group"))
    split_of = labels["split"].fillna("").to_numpy(dtype=object).astype(str) if "split" in labels else None
    kinds = folds.kinds_for(
        has_splits=split_of is not None and bool((split_of != "").any()), has_places=bool(np.isfinite(lon + lat).all())
    )
    if classes is not None and kinds != ("official",):
        _warn_of_rare(classes, folds.count)
    tables = []
    for split in kinds:
        if split == "official":
            parts = official_parts(split_of, _units(place, labels["site_id"], split, seed), subsets)
        elif split == "random":
            units = _units(place, labels["site_id"], split, seed)
            _check_units(units, folds, labels)
            parts = _dealt_parts(units, _deal(units, classes, folds.count), folds.count)
        else:
            units = _units(spatial_blocks(place, folds.block_km), labels["site_id"], split, seed)
            _check_blocks(units, folds, place)
            parts = _dealt_parts(units, _deal(units, None, folds.count), folds.count)
        tables += [
            pd.DataFrame({"site_id": labels["site_id"], "folds": split, "fold": fold, "part": part})
            for fold, part in enumerate(parts)
        ]
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
def _locations(lon: np.ndarray, lat: np.ndarray, group: pd.Series | None = None) -> np.ndarray:
    """Coordinates (N, 2) on a 1e-5 degree raster, longitude in 0..360 so that 180 W and 180 E are one place. Without
    coordinates images of one ``group`` are at one place, beyond the poles; without a group each has a place of its own.
    """
    scale = 10**_DECIMALS
    known = np.isfinite(lon) & np.isfinite(lat)
    east = np.rint(np.where(known, lon, 0.0) * scale).astype(np.int64) % (360 * scale)
    place = np.column_stack([east / scale, np.rint(np.where(known, lat, 0.0) * scale) / scale])
    lost = np.flatnonzero(~known)
    place[lost] = np.column_stack([np.arange(len(lost)), np.full(len(lost), 100.0)])
    if group is not None:
        named = lost[group.iloc[lost].fillna("").ne("").to_numpy(bool)]
        place[named] = np.column_stack([pd.factorize(group.iloc[named])[0], np.full(len(named), 200.0)])
    return place


def _units(key: np.ndarray, site_ids: pd.Series, split: str, seed: int) -> _Units:
    """Group the images (sorted by site_id) by key; a unit is named by its first site and draws by that name."""
    _, first, of_image, size = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    of_image = of_image.reshape(-1)
    # Units in the order of their first site: the numbering depends on the sites alone.
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    names = site_ids.iloc[first[order]].to_numpy(dtype=object).astype(str)
    return _Units(rank[of_image], size[order], names, (seed, split))


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
    order = np.lexsort([units.draw("dealing"), -magnitude, of_unit])
    # Only the fold that gets a unit changes its place, so a heap of (in class, in all, fold) holds the fewest on top.
    heap, current = [(0, 0, fold) for fold in range(count)], -1
    dealt = []
    for group, size in zip(of_unit[order].tolist(), units.size[order].tolist(), strict=True):
        if group != current:
            current, heap = group, sorted((0, total, fold) for _, total, fold in heap)
        in_class, total, fold = heap[0]
        heapq.heapreplace(heap, (in_class + size, total + size, fold))
        dealt.append(fold)
    fold_of_unit = np.empty(len(units.size), dtype=np.int64)
    fold_of_unit[order] = dealt
    return fold_of_unit[units.of_image]


def _dealt_parts(units: _Units, test_fold: np.ndarray, count: int) -> list[np.ndarray]:
    """The part of each image (N,), text, in each of ``count`` folds."""
    parts = []
    for fold in range(count):
        part = np.where(test_fold == fold, "test", "train").astype(object)
        part[_take(units, test_fold != fold, VALIDATION_SHARE, f"validation {fold}")] = "val"
        parts.append(part)
    return parts


def _take(units: _Units, among: np.ndarray, share: float, what: str) -> np.ndarray:
    """About a share of some images (bool (N,)), as bool (N,): units in drawn order, each taken if it still fits.

    At least one unit is taken.
    """
    sizes = np.bincount(units.of_image[among], minlength=len(units.size))
    there = np.flatnonzero(sizes)
    there = there[np.argsort(units.draw(what)[there], kind="stable")]
    room = max(1, round(share * int(sizes.sum())))
    chosen, taken = [], 0
    for unit, size in zip(there.tolist(), sizes[there].tolist(), strict=True):
        if taken + size <= room:
            chosen.append(unit)
            taken += size
        if taken == room:
            break
    if not chosen:
        chosen = [there[np.argmin(sizes[there])]]
    is_chosen = np.zeros(len(units.size), dtype=bool)
    is_chosen[chosen] = True
    return among & is_chosen[units.of_image]


# ---------------------------------------------------------------------------------------------------------- official
def official_parts(split_of: np.ndarray, units: _Units, subsets: Subsets | None) -> list[np.ndarray]:
    """The part of each image (N,) in the one fold of the publishers' split, or in a fold for each subset.

    ``split_of``: text (N,), train, val, test or empty (not used). The test part is the publishers'; where they have
    none, their val part is tested, as SeCo and SSL4EO-S12 do on BigEarthNet. Where no val part is left, a tenth of the
    training images is held back.

    With ``subsets``, each fold trains on random images of the train part, independently of the other folds, of which a
    tenth is held back; the rest, and the publishers' val part, are unused (SSL4Eco's BigEarthNet of 10 %: ten subsets
    of 11 %, split 0.9 to 0.1).

    Raises `UserError` for another word than these, and without a train part or anything to test.
    """
    strange = set(split_of) - {"train", "val", "test", ""}
    if strange:
        raise UserError(
            f"labels: split {str(min(strange))!r} is none of train, val, test", "write one of these, or nothing"
        )
    train, test = split_of == "train", split_of == "test"
    if not test.any():
        test = split_of == "val"
        log.warning("the official split has no test part; its val part is tested")
    for part, name in ((train, "train"), (test, "test or val")):
        if not part.any():
            raise UserError(
                f"labels: the official split has no image in {name}",
                "check that the image set is complete, or write evaluation.folds.kinds: [random]",
            )
    shared = np.isin(units.of_image[test], units.of_image[train])
    if shared.any():
        log.warning("%d of %d test images lie where a training image lies", int(shared.sum()), len(shared))
    val = (split_of == "val") & ~test
    parts = []
    for fold in range(subsets.count if subsets else 1):
        chosen = _take(units, train, subsets.share, f"subset {fold}") if subsets else train
        held_back = val
        if subsets or not val.any():
            held_back = _take(units, chosen, VALIDATION_SHARE, f"validation {fold}")
        part = np.full(len(split_of), "unused", dtype=object)
        part[chosen], part[test], part[held_back] = "train", "test", "val"
        if not (part == "train").any():
            raise UserError(
                f"labels: {int(chosen.sum())} training image(s) of the official split cannot also validate",
                "give the task more images" + (", or write a larger subsets.share" if subsets else ""),
            )
        parts.append(part)
    return parts
