"""The one registry of bands: names, native resolution, wavelength, value scale.

Sources: Sentinel-2 MSI user guide and product specification (central wavelengths of S2A; L2A values are surface
reflectance x 10 000). Every other module asks here; no list of bands is written anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenup.errors import UserError


@dataclass(frozen=True)
class Band:
    """One band: ``native_m`` is the ground sampling distance (m), ``wavelength_um`` the central wavelength (um).

    A stored value (uint16) means stored / ``scale`` + ``offset``: reflectance, or backscatter in dB. ``kind``:
    reflectance, backscatter, mask (classes or flags, resampled to the nearest), or index. ``common_name`` is STAC's.
    """

    name: str
    native_m: int
    wavelength_um: float | None
    scale: float
    common_name: str | None
    offset: float = 0.0
    kind: str = "reflectance"

    @property
    def derived(self) -> bool:
        """Whether it is computed of other bands when read."""
        return self.kind == "index"


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
    Band("SCL", 20, None, 1, None, kind="mask"),
    Band("QA60", 60, None, 1, None, kind="mask"),
    Band("CLDPRB", 20, None, 1, None, kind="mask"),
    Band("CSPLUS", 10, None, 1, None, kind="mask"),
]

# (B8 - B4) / (B8 + B4), negatives set to 0, x 10 000: the thirteenth channel of SSL4Eco's files.
NDVI = Band("NDVI", 10, None, 10_000, None, kind="index")
# 2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1) of reflectances, set to 0..1, x 10 000 (Huete et al. 2002).
EVI = Band("EVI", 10, None, 10_000, None, kind="index")

BANDS: dict[str, Band] = {b.name: b for b in [*_S2, *_S1, *_MASKS, NDVI, EVI]}

_NEEDED: dict[str, tuple[str, ...]] = {"NDVI": ("B4", "B8"), "EVI": ("B2", "B4", "B8")}

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

SECO_ECO: tuple[str, ...] = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI")
"""The nine input channels of SeCo-Eco (SSL4Eco, appendix A-2)."""

RGB: tuple[str, ...] = ("B4", "B3", "B2")

RESOLUTIONS: tuple[int, ...] = (10, 20, 60)


def check_bands(names: list[str] | tuple[str, ...], where: str = "", *, derived: bool = True) -> None:
    """Refuse unknown or repeated band names (`UserError`), and derived ones unless ``derived``.

    ``where`` is the configuration path named in the error.
    """
    place = f"{where}: " if where else ""
    known = [n for n, b in BANDS.items() if derived or not b.derived]
    for name in names:
        if name not in known:
            plain = name.strip().upper().replace("B0", "B")
            hint = f"write {plain}" if plain in known else f"choose from {', '.join(known)}"
            raise UserError(f"{place}unknown band {name!r}", hint)
    if len(set(names)) != len(names):
        raise UserError(f"{place}a band is named twice in {list(names)}", "name every band once")


def native_resolutions(names: tuple[str, ...] | list[str]) -> tuple[int, ...]:
    """The native resolutions (m) of these bands, finest first, derived channels left out."""
    return tuple(sorted({BANDS[n].native_m for n in names if not BANDS[n].derived}))


def bands_at(names: tuple[str, ...] | list[str], native_m: int) -> tuple[str, ...]:
    """Those of ``names`` measured at this native resolution, in the given order."""
    return tuple(n for n in names if BANDS[n].native_m == native_m and not BANDS[n].derived)


def sources_of(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The measured bands needed to give these channels (NDVI needs B8 and B4), in registry order."""
    needed = {n for n in names if not BANDS[n].derived}
    needed |= {n for index in names if BANDS[index].derived for n in _NEEDED[index]}
    return tuple(n for n in BANDS if n in needed)
