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

    ``scale`` is what a stored value is divided by to get reflectance; ``common_name`` is STAC's.
    """

    name: str
    native_m: int
    wavelength_um: float | None
    scale: float
    common_name: str | None
    derived: bool = False


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
    Band("B11", 20, 1.6137, 10_000, "swir16"),
    Band("B12", 20, 2.2024, 10_000, "swir22"),
]

# (B8 - B4) / (B8 + B4), negatives set to 0, x 10 000: the thirteenth channel of SSL4Eco's files.
NDVI = Band("NDVI", 10, None, 10_000, None, derived=True)

BANDS: dict[str, Band] = {b.name: b for b in [*_S2, NDVI]}

S2_L2A: tuple[str, ...] = tuple(b.name for b in _S2)
"""The 12 bands of a Sentinel-2 L2A product, in the order of wavelength and of SSL4Eco's files (no B10)."""

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
    if "NDVI" in names:
        needed |= {"B4", "B8"}
    return tuple(n for n in BANDS if n in needed)
