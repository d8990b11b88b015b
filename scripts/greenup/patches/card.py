"""The card of a dataset: what it is, where it comes from, what is in it and what is not, how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from greenup.bands import BANDS, QA60_BITS, SCL_CLASSES, masks_of
from greenup.grids import PatchGrid
from greenup.patches.collection import COPERNICUS_TERMS

if TYPE_CHECKING:
    from greenup.patches.describe import Description

_SITES = {
    "grid": "Centres of the land cells of an equal-distance grid (as Major-TOM's; SSL4Eco).",
    "cities": "Drawn normally around the largest cities (SeCo, SSL4EO-S12).",
    "uniform": "Drawn uniformly on land, equal area.",
    "ecoregion": "Shared out over ecoregions or biomes, uniform by area within each.",
    "points": "The user's own points.",
    "dataset": "The sites of another dataset.",
}
_SEASONS = {
    "evi": "Spring, summer, autumn and winter lie between the four phenological dates of the site itself.",
    "calendar": "Windows around solstices and equinoxes.",
    "quarters": "Four windows a quarter of a year apart, with one random phase a site.",
    "random": "Windows at equal spacing with one random shift a site.",
    "window": "One window a year, by hemisphere.",
    "custom": "The user's own windows.",
}
_ORDER = {
    "cloud": "the least cloudy scene was taken, the nearest to mid-season among equals",
    "mid": "the scene nearest to mid-season was taken, the least cloudy among equals",
    "recent": "the latest scene was taken",
}
_PRODUCTS = {
    "s2_l2a": "Sentinel-2 Level-2A, surface reflectance",
    "s2_l1c": "Sentinel-2 Level-1C, reflectance at the top of the atmosphere",
    "s1_grd": "Sentinel-1 GRD, interferometric wide swath, backscatter in dB",
}
_STATUS = {
    "ok": "image is there",
    "no_scene": "the archive has no scene",
    "cloudy": "every scene is too cloudy",
    "no_season": "the season rule gives no dates here",
    "masked": "the scene has no valid pixel here",
    "dropped": "left out: the site has too few images",
}


def dataset_card(about: Description) -> str:
    """The card as Markdown."""
    dataset, form, statistics = about.dataset, about.form, about.statistics
    scenes, times = dataset.scenes, about.index["time"]
    first = about.index.iloc[0]
    lines = [f"# Dataset {about.name}", ""]
    if form.simulated:
        lines += [
            "> **SIMULATED.** These pixels were computed by the miniature Earth. They show no real place and prove",
            "> nothing about real vegetation.",
            "",
        ]
    lines += [
        f"{statistics['images']} images of {statistics['sites']} sites ({len(about.sites)} were drawn), "
        f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}. A patch is {form.size_px} x {form.size_px} pixels of 10 m "
        f"({form.size_px * 10 / 1000:g} km a side) on the UTM grid around its site.",
        "",
        "## Source, licence, attribution",
        "",
        f"- Product: {_PRODUCTS[statistics['product']]}{' (simulated)' if form.simulated else ''}.",
        f"- Imagery: {_settings(dataset.imagery)}",
        f"- Attribution, to be printed wherever pixels are shown: {statistics['attribution']}",
        "- Licence: "
        + (
            "simulated pixels, no image of anybody is in them; the maps behind them are named in the attribution."
            if form.simulated
            else f"the terms of the Copernicus Sentinel data ({COPERNICUS_TERMS}), and those of the archive read."
        ),
        "",
        "## How it was chosen",
        "",
        f"- Sites: {_SITES[dataset.sites.sampler]} {_settings(dataset.sites)}",
        *([f"- Phenology: {_settings(dataset.phenology)}"] if dataset.phenology else []),
        f"- Seasons: {_SEASONS[dataset.seasons.rule]} {_settings(dataset.seasons)}",
        f"- Scenes: from {scenes.years[0]} to {scenes.years[1]}, cloud below {scenes.max_cloud:g} %; "
        f"{_ORDER[scenes.order]}. Sites with fewer than {scenes.min_images} images are left out.",
        "",
        "## What is there",
        "",
        "| season | images |",
        "|---|---|",
        *[f"| {season} | {count} |" for season, count in statistics["seasons"].items()],
        "",
        "| what became of site x season | count |",
        "|---|---|",
        *[f"| {status}: {_STATUS.get(status, '')} | {count} |" for status, count in statistics["ledger"].items()],
        "",
        *_values(about),
        "## Known limits",
        "",
        *[f"- {limit}" for limit in _limits(about)],
        "",
        "## How to read it",
        "",
        "In the repository, with `scripts/` on the Python path and the study's folder as working folder:",
        "",
        "```python",
        "from greenup.patches.store import PatchStore",
        f'store = PatchStore("datasets/{about.name}/index.parquet")',
        f'image, valid = store.read("{first.site_id}", "{first.season}", {tuple(form.bands[:3])!r})',
        "```",
        "",
        "`image` is uint16 (channel, row, column) on the 10 m grid, `valid` bool (row, column). With `physical=True`",
        "`image` is float32: reflectance, index or dB, NaN where invalid. Masks are read by name like bands.",
        "The pixel files are HDF5 (bitshuffle with LZ4: `import hdf5plugin`), described in "
        "`scripts/greenup/patches/container.py`.",
        "",
    ]
    return "\n".join(lines)


def _settings(block: BaseModel | None) -> str:
    """The settings of a block in one line of code."""
    if block is None:
        return "none"
    values = {k: v for k, v in block.model_dump(mode="json").items() if v is not None}
    return "`" + ", ".join(f"{k}: {v}" for k, v in values.items()) + "`"


def _values(about: Description) -> list[str]:
    lines = [
        "Values as they are stored (indices are computed when read, negatives 0). Valid pixels only:",
        "",
        "| channel | native m | stored as | mean | std | 2 % | 50 % | 98 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, s in about.statistics["channels"].items():
        row = [f"{s[k]:.1f}" for k in ("mean", "std", "p02", "p50", "p98")]
        band = BANDS[name]
        lines.append(f"| {name} | {band.native_m} | {band.stored_as} | " + " | ".join(row) + " |")
    lines.append("")
    masks = about.statistics["masks"]
    if masks:
        lines += [
            "Masks, for the reader to use as he likes; no pixel is changed by them. On 10 m each of their pixels is",
            "repeated. Where one says nothing it holds 65 535 (SCL: 0). Share of valid pixels by what the mask says:",
            "",
            "| mask | native m | values | shares |",
            "|---|---|---|---|",
            *[f"| {m} | {BANDS[m].native_m} | {BANDS[m].stored_as} | {_shares(m, masks[m])} |" for m in masks],
            "",
        ]
    return lines


def _shares(mask: str, counts: dict[str, int]) -> str:
    """What a mask says of the pixels, in percent of them."""
    pixels = {int(value): count for value, count in counts.items()}
    total = sum(pixels.values())
    # SCL counts it among its classes.
    silent = 0 if mask == "SCL" else pixels.pop(BANDS[mask].unknown, 0)
    if mask == "SCL":
        said = {f"{v} {SCL_CLASSES.get(v, 'unknown')}": n for v, n in pixels.items()}
    elif mask == "QA60":
        said = {name: sum(n for v, n in pixels.items() if v >> bit & 1) for bit, name in QA60_BITS.items()}
    else:
        ranges = [(low, min(low + 20, 101)) for low in range(0, 101, 20)]
        said = {f"{low} to {high - 1}": sum(pixels.get(v, 0) for v in range(low, high)) for low, high in ranges}
    said["no value"] = silent
    return ", ".join(f"{what}: {n / total:.1%}" for what, n in said.items() if n) or "nothing flagged"


def _limits(about: Description) -> list[str]:
    form, statistics = about.form, about.statistics
    images, rows = statistics["images"], sum(statistics["ledger"].values())
    coarsest = max(form.resolutions)
    limits = []
    if rows > images:
        limits.append(f"{rows - images} of {rows} site x season have no image; they are not spread evenly over land.")
    limits += [
        _clouds(about),
        f"Patch corners lie on multiples of {coarsest} m, so along each axis a site is up to {coarsest / 2:g} m from "
        "the centre of its patch.",
    ]
    partly = int((about.index["valid_fraction"] < 1).sum())
    if partly:
        limits.append(f"{partly} images have pixels without data: they are 0 and False in the mask.")
    if PatchGrid(0, 0.0, 0.0, form.size_px).shape(coarsest) * coarsest != form.size_px * 10:
        limits.append(f"The {coarsest} m bands cover a little more ground than the patch; reading on 10 m crops it.")
    if form.simulated:
        limits.append("Everything measured on it speaks of the simulator.")
    return limits


def _clouds(about: Description) -> str:
    if about.statistics["product"] == "s1_grd":
        return "Radar sees through clouds; speckle is not filtered, and slopes that face the sensor are brighter."
    masks = masks_of(about.form.bands)
    beside = f"; {', '.join(masks)} stand beside them" if masks else ""
    return f"Cloud cover is what scenes were chosen by; no cloud mask is applied to the pixels{beside}."
