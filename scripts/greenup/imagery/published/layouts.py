"""How the folders of SSL4EO-S12, SSL4Eco and SeCo lie on disk, and how to tell which of them a folder is.

Sources: the downloaders that the authors released (SSL4EO-S12: Wang et al. 2023; SSL4Eco: Plekhanova et al. 2025;
SeCo: Manas et al. 2021).

- SSL4EO-S12: ``{s1,s2c,s2a}/<site>/<image>/<band>.tif`` and ``metadata.json``; uint16, radar float32 in dB.
- SeCo: ``<site>/<image>/<band>.tif`` and ``metadata.json``; uint8 of reflectance, JPEG.
- SSL4Eco: ``imgs/<site>/<image>.tif``, 12 bands and NDVI, all at 10 m, uint16.

An image's folder is named by its ``system:index`` in Earth Engine, SSL4Eco's files by day and tile.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from greenup.bands import S1_GRD, S2_L1C, S2_L2A
from greenup.config.data import PublishedImagery
from greenup.errors import UserError

_SITE = re.compile(r"\d{6,7}")
# The first time in the name is that of the acquisition's beginning.
_TIME = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
_DAY = re.compile(r"(\d{8})_T?\w+")
_LOOKED_AT = 5
"""Sites with images that are looked into before it is said what a folder is."""


@dataclass(frozen=True)
class Layout:
    """One published layout.

    ``below``: folder of the sites below the root, by product, for those who give the root. ``whole``: an image is one
    file with all bands, at 10 m. ``radius_m``: of the circle round the site whose bounds were asked for. ``images``:
    images a site. ``attribution``: to be printed with its pixels.
    """

    name: str
    title: str
    below: dict[str, str]
    size_px: int
    radius_m: float
    images: int
    attribution: str
    whole: bool = False

    def side(self, native_m: int) -> int:
        """Pixels a side of an image at a resolution."""
        return self.size_px * 10 // native_m


_COPERNICUS = "Contains modified Copernicus Sentinel data"
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "ssl4eo_s12",
            "SSL4EO-S12",
            {"s1_grd": "s1", "s2_l1c": "s2c", "s2_l2a": "s2a"},
            264,
            1320.0,
            4,
            f"{_COPERNICUS} 2019-2021, as published in SSL4EO-S12 (Wang et al. 2023)",
        ),
        Layout(
            "ssl4eco",
            "SSL4Eco",
            {"s2_l2a": "imgs"},
            256,
            1300.0,
            4,
            f"{_COPERNICUS} 2017-2024, as published in SSL4Eco (Plekhanova et al. 2025)",
            whole=True,
        ),
        Layout(
            "seco",
            "SeCo",
            {},
            264,
            1325.0,
            5,
            f"{_COPERNICUS} 2018-2020, as published in SeCo (Mañas et al. 2021)",
        ),
    )
}

_PRODUCT_BANDS = {"s1_grd": S1_GRD, "s2_l1c": S2_L1C, "s2_l2a": S2_L2A}
WHOLE_BANDS: tuple[str, ...] = (*S2_L2A, "NDVI")
"""The bands of a file of SSL4Eco, in order."""


def time_of(name: str) -> pd.Timestamp | None:
    """The time (UTC) that the name of an image tells, of SSL4Eco's only the day (midnight); None where none is told."""
    if found := _TIME.search(name):
        text, form = found[1], "%Y%m%dT%H%M%S"
    elif found := _DAY.fullmatch(name):
        text, form = found[1], "%Y%m%d"
    else:
        return None
    try:
        return pd.to_datetime(text, format=form).tz_localize("UTC")
    except ValueError:
        return None


def is_site(name: str) -> bool:
    """Whether a folder is named like those of sites: six digits or seven."""
    return _SITE.fullmatch(name) is not None


def site_root(layout: Layout, product: str, path: str | Path) -> Path:
    """The folder whose folders are the sites: ``path``, or that of the product below it.

    Raises `UserError` for a folder that is missing, or of another layout or product than was said.
    """
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"imagery.path: {path}: no such folder", "mend the path; it starts at the working directory")
    sub = layout.below.get(product)
    root = path / sub if sub and (path / sub).is_dir() else path
    seen = _look(root)
    if seen is None:
        # The root of another layout, or one whose product is not there.
        seen = next((s for s in map(_look, _folders(path)) if s is not None), None)
        others = ", ".join(f"{p.name}/" for p in _folders(path)[:5]) or "no folder"
        hint = f" (below it lie {others})"
        if seen is None:
            raise UserError(
                f"imagery.path: {path}: this is no folder of {layout.title}: no folder of a site (six or seven digits) "
                f"with images in it was found{hint}",
                _expected(layout, product),
            )
        raise UserError(
            f"imagery.path: {path}: no images of {layout.title}'s product {product} lie here{hint}",
            f"{_expected(layout, product)}; what lies below looks like {seen.said}",
        )
    if seen.layouts and layout.name not in seen.layouts:
        raise UserError(
            f"imagery.path: {root}: this is not the layout of {layout.title}: {seen.found}",
            f"{_expected(layout, product)}; this looks like {seen.said}",
        )
    if seen.product is not None and seen.product != product:
        raise UserError(
            f"imagery.path: {root}: holds {seen.product}, not {product}: {seen.found}",
            f"write imagery: {{product: {seen.product}}}, or give the folder of {product}",
        )
    return root


def count_sites(imagery: PublishedImagery) -> int:
    """Folders of sites in a published folder. Raises `UserError` as `site_root`."""
    with os.scandir(site_root(LAYOUTS[imagery.layout], imagery.product, imagery.path)) as entries:
        return sum(is_site(e.name) and e.is_dir() for e in entries)


@dataclass(frozen=True)
class _Seen:
    """What the first images of a folder show: layouts that it may be of, product, and what was found, in words."""

    layouts: tuple[str, ...]
    product: str | None
    found: str

    @property
    def said(self) -> str:
        names = " or ".join(f"layout: {name}" for name in self.layouts)
        return f"{names}, product: {self.product}" if self.product else names


def _look(root: Path) -> _Seen | None:
    """What a folder shows by the images of its first sites; those that lack no band count before those that do."""
    complete = incomplete = None
    looked_at = 0
    for site in (p for p in _folders(root, limit=None) if is_site(p.name)):
        if looked_at == _LOOKED_AT:
            break
        with os.scandir(site) as entries:
            found = sorted(entries, key=lambda e: e.name)
        looked_at += bool(found)
        for entry in found:
            if entry.is_dir() and (seen := _look_at(Path(entry.path))) is not None:
                # Of L1C, an image that lacks B10 looks like one of L2A: another tells.
                if seen.product in ("s1_grd", "s2_l1c"):
                    return seen
                if seen.product is not None:
                    complete = complete or seen
                incomplete = incomplete or seen
            # Previews of SeCo and SSL4EO-S12 have longer names.
            elif entry.is_file() and entry.name.endswith(".tif") and _DAY.fullmatch(entry.name[:-4]):
                return _Seen(("ssl4eco",), "s2_l2a", f"{site.name}/{entry.name} is one file an image")
    return complete or incomplete


def _look_at(folder: Path) -> _Seen | None:
    """What the folder of an image shows; of a download that lacks B10 nobody can say which product it was."""
    names = {p.stem for p in folder.glob("*.tif")}
    product = (
        "s1_grd" if names & set(S1_GRD)
        else "s2_l1c" if "B10" in names
        else "s2_l2a" if names >= set(S2_L2A)
        else None
    )  # fmt: skip
    if product is None and not names & set(S2_L2A):
        return None
    where = f"{folder.parent.name}/{folder.name} holds one file a band ({', '.join(sorted(names)[:3])}, ...)"
    layouts = ("ssl4eo_s12",) if product in ("s1_grd", "s2_l1c") else ("ssl4eo_s12", "seco")
    return _Seen(_by_type(folder, names, layouts), product, where)


def _by_type(folder: Path, names: set[str], layouts: tuple[str, ...]) -> tuple[str, ...]:
    """SeCo's files are uint8; so are those of SSL4EO-S12's compressed release, but all its others are not."""
    if len(layouts) == 1:
        return layouts
    import rasterio

    for name in sorted(names & set(S2_L2A)):
        try:
            with rasterio.open(folder / f"{name}.tif") as file:
                return layouts if file.dtypes[0] == "uint8" else ("ssl4eo_s12",)
        except rasterio.errors.RasterioIOError:
            continue  # a damaged file tells nothing; the job that reads it names it
    return layouts


def _folders(path: Path, limit: int | None = 50) -> list[Path]:
    with os.scandir(path) as entries:
        found = sorted(e.name for e in entries if e.is_dir())
    return [path / name for name in (found if limit is None else found[:limit])]


def _expected(layout: Layout, product: str) -> str:
    sub = f"{layout.below[product]}/" if product in layout.below else ""
    one = "<site>/<date>_T<tile>.tif" if layout.whole else f"<site>/<image>/{_PRODUCT_BANDS[product][0]}.tif"
    return f"give the folder of {layout.title} that holds {sub}{one}"
