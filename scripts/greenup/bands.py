"""The one registry of bands: names, native resolution, wavelength, value scale, kind, and the products they come with.

Sources: Sentinel-2 MSI user guide and product specification (central wavelengths of S2A; values are reflectance x
10 000; classes of the L2A scene classification), Sentinel-1 product specification, Earth Engine's catalogue for the
masks. Every other module asks here; no list of bands is written anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from greenup.errors import UserError


@dataclass(frozen=True)
class Band:
    """One band: ``native_m`` is the ground sampling distance (m), ``wavelength_um`` the central wavelength (um).

    A stored value (uint16) means stored / ``scale`` + ``offset``: reflectance, or backscatter in dB. ``kind``:
    reflectance, backscatter, mask (classes, flags or percent, resampled to the nearest), or index.
    ``common_name`` is STAC's. ``needs``: the bands that an index is computed of. ``unknown``: what a mask holds where
    it says nothing, a value it never has otherwise, so that a mask that is not there is not taken for a clear sky.
    """

    name: str
    native_m: int
    wavelength_um: float | None
    scale: float
    common_name: str | None
    offset: float = 0.0
    kind: str = "reflectance"
    needs: tuple[str, ...] = ()
    unknown: int | None = None

    @property
    def derived(self) -> bool:
        """Whether it is computed of other bands when read."""
        return self.kind == "index"

    @property
    def stored_as(self) -> str:
        """What a stored number is, in words."""
        if self.kind == "backscatter":
            return f"(dB + {-self.offset:g}) x {self.scale:g}"
        if self.kind == "mask":
            return {"SCL": "class", "QA60": "bits"}.get(self.name, "percent")
        return f"{self.kind} x {self.scale:,g}".replace(",", " ")


_S2 = [
    Band("B1", 60, 0.4427, 10_000, "coastal"),
    Band("B2", 10, 0.4924, 10_000, "blue"),
    Band("B3", 10, 0.5598, 10_000, "green"),
    Band("B4", 10, 0.6646, 10_000, "red"),
    Band("B5", 20, 0.7041, 10_000, "rededge071"),
    Band("B6", 20, 0.7405, 10_000, "rededge075"),
    Band("B7", 20, 0.7828, 10_000, "rededge078"),
    Band("B8", 10, 0.8328, 10_000, "nir"),
    Band("B8A", 20, 0.8647, 10_000, "nir08"),
    Band("B9", 60, 0.9451, 10_000, "nir09"),
    Band("B10", 60, 1.3735, 10_000, "cirrus"),
    Band("B11", 20, 1.6137, 10_000, "swir16"),
    Band("B12", 20, 2.2024, 10_000, "swir22"),
]

# Backscatter of Sentinel-1 GRD, IW mode, in dB: -80 .. 51 dB in steps of 0.002 dB, finer than any speckle.
_S1 = [
    Band("VV", 10, None, 500, None, offset=-80.0, kind="backscatter"),
    Band("VH", 10, None, 500, None, offset=-80.0, kind="backscatter"),
]

# Masks that come with the pixels: scene classification of L2A (0 no data .. 11 snow), QA60 (bits 10 opaque cloud, 11
# cirrus), cloud probability of L2A (percent), Cloud Score+ (clear 100 .. 0 occluded, percent of cs_cdf).
_MASKS = [
    Band("SCL", 20, None, 1, None, kind="mask", unknown=0),
    Band("QA60", 60, None, 1, None, kind="mask", unknown=65_535),
    Band("CLDPRB", 20, None, 1, None, kind="mask", unknown=65_535),
    Band("CSPLUS", 10, None, 1, None, kind="mask", unknown=65_535),
]

# (B8 - B4) / (B8 + B4), negatives set to 0, x 10 000: the thirteenth channel of SSL4Eco's files.
NDVI = Band("NDVI", 10, None, 10_000, None, kind="index", needs=("B4", "B8"))
# 2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1) of reflectances, set to 0..1, x 10 000 (Huete et al. 2002).
EVI = Band("EVI", 10, None, 10_000, None, kind="index", needs=("B2", "B4", "B8"))

BANDS: dict[str, Band] = {b.name: b for b in [*_S2, *_S1, *_MASKS, NDVI, EVI]}

S2_L1C: tuple[str, ...] = tuple(b.name for b in _S2)
"""The 13 bands of a Sentinel-2 L1C product."""

S2_L2A: tuple[str, ...] = tuple(n for n in S2_L1C if n != "B10")
"""The 12 bands of a Sentinel-2 L2A product, in the order of wavelength and of SSL4Eco's files (no B10)."""

S1_GRD: tuple[str, ...] = ("VV", "VH")
"""The two polarisations over land of Sentinel-1 GRD in IW mode."""

PRODUCTS: dict[str, tuple[str, ...]] = {
    "s2_l2a": (*S2_L2A, "SCL", "QA60", "CLDPRB", "CSPLUS"),
    "s2_l1c": (*S2_L1C, "QA60", "CSPLUS"),
    "s1_grd": S1_GRD,
}
"""Bands and masks that each product can have."""

KEPT: dict[str, tuple[str, ...]] = {"s2_l2a": (*S2_L2A, "SCL"), "s2_l1c": (*S2_L1C, "QA60"), "s1_grd": S1_GRD}
"""What is exported where a dataset does not say: all bands, and the mask of cloud (and snow) that the product itself
brings. An archive without it leaves the mask unknown (`Band.unknown`)."""

MINIATURE: tuple[str, ...] = (*S2_L2A, "SCL", "QA60", "CLDPRB")
"""Bands and masks that the miniature Earth gives: those of a simulated L2A product."""

SCL_CLASSES: dict[int, str] = {
    0: "no data", 1: "saturated or defective", 2: "dark area", 3: "cloud shadow", 4: "vegetation", 5: "not vegetated",
    6: "water", 7: "unclassified", 8: "cloud, medium probability", 9: "cloud, high probability", 10: "thin cirrus",
    11: "snow or ice",
}  # fmt: skip
"""Classes of the band SCL (scene classification of Sentinel-2 L2A)."""

QA60_BITS: dict[int, str] = {10: "opaque cloud", 11: "cirrus cloud"}
"""Bits of the band QA60."""

SECO_ECO: tuple[str, ...] = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI")
"""The nine input channels of SeCo-Eco (SSL4Eco, appendix A-2)."""

RGB: tuple[str, ...] = ("B4", "B3", "B2")

RESOLUTIONS: tuple[int, ...] = (10, 20, 60)

# What the archives call them.
_ALIASES = {"MSK_CLDPRB": "CLDPRB", "CLD": "CLDPRB", "CS_CDF": "CSPLUS", "CS": "CSPLUS"}


# --------------------------------------------------------------------------------------------------------- refusals
def check_bands(names: Sequence[str], where: str = "", *, derived: bool = True, masks: bool = True) -> None:
    """Refuse unknown or repeated band names (`UserError`); derived ones unless ``derived``, masks unless ``masks``.

    ``where`` is the configuration path named in the error.
    """
    place = f"{where}: " if where else ""
    known = [n for n, b in BANDS.items() if (derived or not b.derived) and (masks or b.kind != "mask")]
    for name in names:
        if name in known:
            continue
        if name in BANDS and BANDS[name].kind == "mask":
            raise UserError(
                f"{place}{name!r} is a mask, whose numbers are classes, flags or percent, and no input of a model",
                f"leave it out, or choose from {', '.join(known)}",
            )
        plain = name.strip().upper().replace("B0", "B")
        plain = _ALIASES.get(plain, plain)
        hint = f"write {plain}" if plain in known else f"choose from {', '.join(known)}"
        raise UserError(f"{place}unknown band {name!r}", hint)
    if len(set(names)) != len(names):
        raise UserError(f"{place}a band is named twice in {list(names)}", "name every band once")


def check_product(names: Sequence[str], product: str, where: str = "") -> None:
    """Refuse a band that a product (a key of `PRODUCTS`) does not have: `UserError` naming the products that do.

    An index is judged by the bands that it is computed of. ``where`` is the configuration path named in the error.
    """
    place = f"{where}: " if where else ""
    if product not in PRODUCTS:
        raise UserError(f"{place}unknown product {product!r}", f"choose from {', '.join(PRODUCTS)}")
    for name in names:
        if set(sources_of([name])) <= set(PRODUCTS[product]):
            continue
        others = [p for p, bands in PRODUCTS.items() if set(sources_of([name])) <= set(bands)]
        raise UserError(
            f"{place}product {product} has no band {name!r} (it has {', '.join(PRODUCTS[product])})",
            f"leave it out, or write product: {' or '.join(others)}",
        )


# -------------------------------------------------------------------------------------------------------- questions
def native_resolutions(names: Sequence[str]) -> tuple[int, ...]:
    """The native resolutions (m) of these bands and masks, finest first, derived channels left out."""
    return tuple(sorted({BANDS[n].native_m for n in names if not BANDS[n].derived}))


def bands_at(names: Sequence[str], native_m: int) -> tuple[str, ...]:
    """Those of ``names`` that come at this native resolution, masks included, in the given order."""
    return tuple(n for n in names if BANDS[n].native_m == native_m and not BANDS[n].derived)


def sources_of(names: Sequence[str]) -> tuple[str, ...]:
    """The bands needed to give these channels (NDVI needs B8 and B4), in registry order."""
    needed = {n for n in names if not BANDS[n].derived}
    needed |= {n for index in names for n in BANDS[index].needs}
    return tuple(n for n in BANDS if n in needed)


def masks_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those of ``names`` that are masks, in the given order."""
    return tuple(n for n in names if BANDS[n].kind == "mask")


def measured_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those of ``names`` that an instrument measured, reflectance or backscatter, in the given order."""
    return tuple(n for n in names if BANDS[n].kind in ("reflectance", "backscatter"))


def indices_of(names: Sequence[str]) -> tuple[str, ...]:
    """The indices that can be computed of these bands, in registry order."""
    return tuple(n for n, b in BANDS.items() if b.derived and set(b.needs) <= set(names))


# ----------------------------------------------------------------------------------------------------------- values
def physical(values: Any, band: str) -> Any:
    """What stored values (uint16, any shape) of a band mean, as float32: reflectance, index, dB; a mask's own number.

    stored / scale + offset; NaN where a mask says nothing (but SCL, which has a class for that). Knows nothing of
    validity: stored 0 is also what stands where there is no data. Takes and gives NumPy arrays, whose name is not
    written here because the configuration imports this module where only pydantic is installed.
    """
    about = BANDS[band]
    out = values.astype("float32")
    out /= about.scale
    if about.offset:
        out += about.offset
    if about.unknown:
        out[values == about.unknown] = float("nan")
    return out
