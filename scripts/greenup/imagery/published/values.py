"""From the numbers in a published file to stored values (`greenup.bands`), and which pixels have data.

- SSL4EO-S12 and SSL4Eco, optical: uint16, reflectance x 10 000 as it is.
- SSL4EO-S12, radar: float32 in dB, stored as (dB + 80) x 500 rounded, steps of 0.002 dB.
- SeCo: uint8 v of reflectance clipped to 0..1, stored as v x 10 000 / 255 rounded; `seco_uint8` is the way back.
- SSL4EO-S12's compressed release: uint8 of the range mean +- 2 standard deviations, JPEG; the middle of each step is
  stored. What lay outside the range is lost, and so is what JPEG took.
"""

from __future__ import annotations

import numpy as np

from greenup.bands import BANDS, S1_GRD, S2_L1C, S2_L2A
from greenup.patches.resample import ndvi

_STATISTICS: dict[str, tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]] = {
    "s1_grd": (S1_GRD, (-12.54847273, -20.19237134), (5.25697717, 5.91150917)),
    "s2_l2a": (
        S2_L2A,
        (752.40087073, 884.29673756, 1144.16202635, 1297.47289228, 1624.90992062, 2194.6423161, 2422.21248945,
         2517.76053101, 2581.64687018, 2645.51888987, 2368.51236873, 1805.06846033),
        (1108.02887453, 1155.15170768, 1183.6292542, 1368.11351514, 1370.265037, 1355.55390699, 1416.51487101,
         1474.78900051, 1439.3086061, 1582.28010962, 1455.52084939, 1343.48379601),
    ),
    "s2_l1c": (
        S2_L1C,
        (1605.57504906, 1390.78157673, 1314.8729939, 1363.52445545, 1549.44374991, 2091.74883118, 2371.7172463,
         2299.90463006, 2560.29504086, 830.06605044, 22.10351321, 2177.07172323, 1524.06546312),
        (786.78685367, 850.34818441, 875.06484736, 1138.84957046, 1122.17775652, 1161.59187054, 1274.39184232,
         1248.42891965, 1345.52684884, 577.31607053, 51.15431158, 1336.09932639, 1136.53823676),
    ),
}  # fmt: skip
"""Product -> bands, mean and standard deviation of each by which SSL4EO-S12's uint8 values were made (its data set
class, from 50 000 sites)."""


def mean_and_std(product: str, band: str) -> tuple[float, float]:
    """Mean and standard deviation of a band in SSL4EO-S12, in its published unit (reflectance x 10 000, or dB)."""
    bands, means, stds = _STATISTICS[product]
    i = bands.index(band)
    return means[i], stds[i]


def stored(raw: np.ndarray, layout: str, product: str, band: str) -> np.ndarray:
    """Stored values (uint16) of one band as it lies in its file. Raises `ValueError` for a type that no release has."""
    if layout == "seco":
        if raw.dtype != np.uint8:
            raise ValueError(f"is {raw.dtype}, SeCo's files are uint8")
        return np.rint(raw.astype(np.float64) * (BANDS[band].scale / 255)).astype(np.uint16)
    if layout == "ssl4eo_s12" and raw.dtype == np.uint8:
        return _to_uint16(_decompressed(raw, product, band), product, band)
    if product == "s1_grd":
        if raw.dtype.kind != "f":
            raise ValueError(f"is {raw.dtype}, radar of SSL4EO-S12 is float32 (dB), or uint8 in its compressed release")
        return _to_uint16(raw.astype(np.float64), product, band)
    if raw.dtype != np.uint16:
        raise ValueError(f"is {raw.dtype}, published is uint16")
    return raw


def _decompressed(raw: np.ndarray, product: str, band: str) -> np.ndarray:
    """The published unit of the compressed release: value 0..255 cut down from mean - 2 std .. mean + 2 std."""
    mean, std = mean_and_std(product, band)
    # They cut off the fraction, so that the middle of a step lies half a step higher; only the end is exact.
    middle = np.minimum(raw.astype(np.float64) + 0.5, 255.0)
    return mean - 2 * std + middle * (4 * std / 255)


def _to_uint16(values: np.ndarray, product: str, band: str) -> np.ndarray:
    if product == "s1_grd":
        about = BANDS[band]
        values = (np.where(np.isfinite(values), values, about.offset) - about.offset) * about.scale
    return np.rint(np.clip(values, 0, 65_535)).astype(np.uint16)


def seco_uint8(values: np.ndarray) -> np.ndarray:
    """SeCo's uint8 of the values that were stored of it: the way back of `stored`."""
    return np.rint(values.astype(np.float64) * 255 / BANDS["B2"].scale).astype(np.uint8)


def has_data(raw: np.ndarray, layout: str) -> np.ndarray:
    """Which pixels have data: (bands, rows, columns) as in the files -> (rows, columns).

    ASSUME: the originals wrote 0 where a pixel was masked, without a mask of their own, so that a pixel whose bands of
    one resolution are all 0 is taken for one without data; a truly black pixel is lost by that. The compressed release
    of SSL4EO-S12 keeps no such zeros: all its pixels count.
    """
    if layout == "ssl4eo_s12" and raw.dtype == np.uint8:
        return np.ones(raw.shape[1:], bool)
    if raw.dtype.kind == "f":
        return np.isfinite(raw).all(axis=0) & (raw != 0).any(axis=0)
    return (raw != 0).any(axis=0)


def ndvi_differs(theirs: np.ndarray, b4: np.ndarray, b8: np.ndarray) -> int:
    """Pixels where SSL4Eco's thirteenth band is more than 1 away from NDVI x 10 000 of bands 4 and 8 (all uint16).

    Theirs has 1e-5 in the denominator and its fraction cut off; ours is rounded.
    """
    return int((np.abs(ndvi(b4, b8).astype(np.int32) - theirs) > 1).sum())
