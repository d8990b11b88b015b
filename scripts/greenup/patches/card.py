"""The card of a dataset: what it is, where it comes from, what is in it and what is not, how to read it."""

from __future__ import annotations

import json
from calendar import month_abbr
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel

import greenup
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
    "label_table": "Those of a published table of labels, of its points, cells or map (config/label_tables.csv).",
    "dataset": "The sites of another dataset.",
    "published": "The sites of the published folder.",
}
_SEASONS = {
    "evi": "Spring, summer, autumn and winter lie between the four phenological dates of the site itself.",
    "calendar": "Windows around solstices and equinoxes.",
    "quarters": "Four windows a quarter of a year apart, with one random phase a site.",
    "random": "Windows at equal spacing with one random shift a site.",
    "window": "One window a year, by hemisphere.",
    "custom": "The user's own windows.",
    "published": "One season an image of the published folder; all were taken, whatever their cloud or year.",
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

_SIMULATED = [
    "> **SIMULATED.** These pixels were computed by the miniature Earth. They show no real place and prove",
    "> nothing about real vegetation.",
    "",
]
# The classes of Hugging Face.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (float("inf"), "n>10M"),
)


def dataset_card(about: Description) -> str:
    """The card as Markdown, in the sections and with the front matter of Hugging Face's dataset cards, so that the
    folder can be put there as it is."""
    return "\n".join(
        [
            *_front_matter(about),
            f"# Dataset card for {about.name}",
            "",
            *(_SIMULATED if about.form.simulated else []),
            *_details(about),
            *_uses(about),
            *_structure(about),
            *_creation(about),
            "## Bias, risks, and limitations",
            "",
            *[f"- {limit}" for limit in _limits(about)],
            "",
            *_citation(about),
        ]
    )


def _front_matter(about: Description) -> list[str]:
    sensor = _sensor(about)
    tags = ["remote-sensing", "earth-observation", "self-supervised-learning", "seasons", sensor.lower()]
    simulated = about.form.simulated
    terms = [] if simulated else ["license_name: copernicus-sentinel-data-terms", f"license_link: {COPERNICUS_TERMS}"]
    size = next(name for limit, name in _SIZES if about.statistics["images"] < limit)
    return [
        "---",
        f"pretty_name: {json.dumps(about.name)}",
        "license: other",
        *terms,
        "size_categories:",
        f"- {size}",
        "task_categories:",
        "- image-feature-extraction",
        "tags:",
        *[f"- {tag}" for tag in [*tags, *(["simulated"] if simulated else [])]],
        "---",
        "",
    ]


def _details(about: Description) -> list[str]:
    form, statistics, times = about.form, about.statistics, about.index["time"]
    licence = f"the terms of the Copernicus Sentinel data ({COPERNICUS_TERMS}), and those of the archive read."
    return [
        f"{statistics['images']} images of {statistics['sites']} sites ({len(about.sites)} were drawn), "
        f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}. A patch is {form.size_px} x {form.size_px} pixels, "
        f"{_grids(about)}",
        "",
        "## Dataset details",
        "",
        f"- Product: {_PRODUCTS[statistics['product']]}{' (simulated)' if form.simulated else ''}.",
        f"- Imagery: {_settings(about.dataset.imagery)}",
        f"- Attribution, to be printed wherever pixels are shown: {statistics['attribution']}",
        "- Licence: "
        + (
            "simulated pixels, no image of anybody is in them; the maps behind them are named in the attribution."
            if form.simulated
            else licence
        ),
        f"- Made with greenup {greenup.__version__}.",
        "",
    ]


def _grids(about: Description) -> str:
    """On what grids the pixels lie, and whether bands were resampled before they came here."""
    form, index = about.form, about.index
    km = f"{form.size_px * 10 / 1000:g} km a side"
    if about.dataset.patches.grid == "image":
        in_utm = index["epsg"].between(32601, 32660) | index["epsg"].between(32701, 32760)
        own = (~in_utm | (index["pixel_x"] != 10) | (index["pixel_y"] != 10)).to_numpy(bool)
        text = (
            f"about {km}, as the images themselves lie: {int(own.sum())} of {len(index)} on grids that are not 10 m UTM"
        )
    else:
        text = f"{km}, of 10 m, on the UTM grid around its site"
    if form.resampled:
        return f"{text}. All bands lie at 10 m, resampled by those who published the images."
    return f"{text}. Every band is stored at its native resolution, not resampled."


def _uses(about: Description) -> list[str]:
    return [
        "## Uses",
        "",
        "Pretraining without labels (contrastive learning over the seasons of a site), and maps, curves and probes of "
        "the same places.",
        "Not meant for measuring areas or trends: one image stands for a season, and sites are a sample by the rule "
        "below.",
        "",
        "```python",
        "from greenup.patches.dataset import PatchDataset",
        f'ds = PatchDataset("results/{about.study}/datasets/{about.name}")',
        "ds[0]",
        "```",
        "",
        "From the folder that holds `results/`, with `scripts/` of the repository on the Python path. The study's",
        f"folder keeps its shape: this folder (`datasets/{about.name}/`) beside `patches/{about.name}/`:",
        "",
        "```python",
        "from greenup.patches.store import PatchStore",
        f'store = PatchStore("results/{about.study}/datasets/{about.name}/index.parquet")',
        f"image, valid = store.read({json.dumps(str(about.index['site_id'].iloc[0]))}, "
        f"{json.dumps(str(about.index['season'].iloc[0]))}, {tuple(about.form.bands[:3])!r})",
        "```",
        "",
        "`image` is uint16 (channel, row, column) on the 10 m grid, `valid` bool (row, column). With `physical=True`",
        "`image` is float32: reflectance, index or dB, NaN where invalid. Masks are read by name like bands.",
        "",
    ]


def _structure(about: Description) -> list[str]:
    statistics = about.statistics
    counts = statistics["counts"]
    causes = about.ledger.groupby("status", sort=False)["cause"].agg(_most_frequent)
    return [
        "## Dataset structure",
        "",
        "| file | holds |",
        "|---|---|",
        "| `index.parquet` | one row an image: site, season, place, scene, time, cloud, and its row in which shard |",
        f"| `../../patches/{about.name}/*.h5` | pixels and validity masks, HDF5, one chunk an image and resolution |",
        f"| `../../patches/{about.name}/*.ledger.parquet` | what became of every site x season |",
        "| `statistics.json` | statistics of every channel, counts of images |",
        "| `collection.json`, `items.parquet` | STAC collection and its items (stac-geoparquet) |",
        "",
        "Every image has a checksum (XXH3-128 of pixels and masks) in pixel file, ledger and items; `snakemake verify`",
        "recomputes all of them. Other programs read the pixel files with any HDF5 and the filters of `hdf5plugin`",
        "(Blosc); `docs/store.md` tells how.",
        "",
        "| season | images |",
        "|---|---|",
        *[f"| {season} | {count} |" for season, count in statistics["seasons"].items()],
        "",
        "| what became of site x season | count | reason given most often |",
        "|---|---|---|",
        *[
            f"| {status}: {_STATUS.get(status, '')} | {count} | {causes.get(status, '')} |"
            for status, count in statistics["ledger"].items()
        ],
        "",
        "| land cover of the site | images |",
        "|---|---|",
        *[f"| {cover} | {count} |" for cover, count in counts["land_cover"].items()],
        "",
        f"By hemisphere: {_listed(counts['hemisphere'])}. By calendar month: {_listed(_months(counts['month']))}.",
        "",
        *_values(about),
    ]


def _most_frequent(causes: pd.Series) -> str:
    """The reason that most rows give, fit for a cell of a table."""
    counted = causes.dropna().value_counts()
    return str(counted.index[0]).replace("|", "/").replace("\n", " ") if len(counted) else ""


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {n}" for what, n in counts.items())


def _months(counts: Mapping[str, int]) -> dict[str, int]:
    """Months of all years together, January first."""
    found = dict.fromkeys(month_abbr[1:], 0)
    for month, n in counts.items():
        found[month_abbr[int(month[-2:])]] += n
    return {month: n for month, n in found.items() if n}


def _creation(about: Description) -> list[str]:
    dataset = about.dataset
    scenes = dataset.scenes
    published = dataset.imagery.source == "published"
    chosen = (
        "all images of the folder were taken."
        if published
        else f"the ids of `{scenes.index}` were taken as they are."
        if scenes.index is not None
        else f"of each, the nearest in time to that of dataset {scenes.pair_with}, within {scenes.pair_days:g} days."
        if scenes.pair_with is not None
        else f"from {scenes.years[0]} to {scenes.years[1]}, {_cloud_rule(about)}{_ORDER[scenes.order]}."
    )
    quirks = [q for block in (dataset.sites, dataset.phenology, dataset.seasons) for q in getattr(block, "compat", ())]
    return [
        "## Dataset creation",
        "",
        f"- Sites: {_SITES[dataset.sites.sampler]} {_settings(dataset.sites)}",
        *([f"- Phenology: {_settings(dataset.phenology)}"] if dataset.phenology else []),
        f"- Seasons: {_SEASONS[dataset.seasons.rule]} {_settings(dataset.seasons)}",
        f"- Scenes: {chosen} Sites with fewer than {scenes.min_images} images are left out.",
        f"- Patches: {_settings(dataset.patches)}",
        "- Quirks of released code reproduced (`docs/quirks.md`): "
        + (", ".join(f"`{q}`" for q in quirks) if quirks else "none."),
        "",
    ]


def _cloud_rule(about: Description) -> str:
    if about.statistics["product"] == "s1_grd":
        return ""
    return f"cloud below {about.dataset.scenes.max_cloud:g} % of the {about.dataset.scenes.cloud_of}; "


def _citation(about: Description) -> list[str]:
    return [
        "## Citation and contact",
        "",
        "Cite the software by `CITATION.cff` of its repository, and the paper whose sampling the dataset follows; "
        f"pixels by the attribution line: {about.statistics['attribution']}",
        "",
    ]


def _sensor(about: Description) -> str:
    return "Sentinel-1" if about.statistics["product"] == "s1_grd" else "Sentinel-2"


def _settings(block: BaseModel | None) -> str:
    """The settings of a block in one line of code."""
    if block is None:
        return "none"
    values = {k: v for k, v in block.model_dump(mode="json").items() if v is not None}
    return "`" + ", ".join(f"{k}: {v}" for k, v in values.items()) + "`"


def _values(about: Description) -> list[str]:
    lines = [
        "Values as they are stored (indices are computed when read, negatives 0). Valid pixels only, whose share is",
        "the last column:",
        "",
        "| channel | native m | stored as | mean | std | min | 2 % | 50 % | 98 % | max | valid |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, s in about.statistics["channels"].items():
        row = [f"{s[k]:.1f}" for k in ("mean", "std", "min", "p02", "p50", "p98", "max")]
        band = BANDS[name]
        lines.append(f"| {name} | {band.native_m} | {band.stored_as} | {' | '.join(row)} | {s['valid']:.2%} |")
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
    coarsest, offset = max(form.resolutions), statistics["centre_offset_m"]
    limits = []
    if form.simulated:
        limits.append("Everything measured on it speaks of the simulator.")
    if rows > images:
        limits.append(f"{rows - images} of {rows} site x season have no image; they are not spread evenly over land.")
    if about.dataset.seasons.rule == "evi":
        limits.append(
            "Seasons follow the plants: where they have no yearly cycle (humid tropics, desert, ice) dates are taken "
            "from the nearest site that has one, or the site has none."
        )
    elif about.dataset.seasons.rule == "calendar":
        limits.append("Seasons follow the sun: in the tropics, and in the polar night, they say little of the plants.")
    limits.append(_clouds(about))
    measured = f"here by {offset['median']:.0f} m (median), {offset['max']:.0f} m (most)"
    if about.dataset.patches.grid == "image":
        limits.append(f"Images lie as they were cut: the centre of one is off its site, {measured}.")
    else:
        limits.append(
            f"Patch corners lie on multiples of {coarsest} m, so along each axis a site is up to {coarsest / 2:g} m "
            f"from the centre of its patch; {measured}."
        )
    partly = int((about.index["valid_fraction"] < 1).sum())
    if partly:
        limits.append(
            f"{partly} images have pixels without data ({statistics['invalid']:.2%} of all): they are 0 and False in "
            "the mask."
        )
    if form.resampled:
        limits.append(
            "Bands of 20 and 60 m were resampled to 10 m before they were published: they hold no more detail."
        )
    elif PatchGrid(0, 0.0, 0.0, form.size_px).shape(coarsest) * coarsest != form.size_px * 10:
        limits.append(f"The {coarsest} m bands cover a little more ground than the patch; reading on 10 m crops it.")
    return limits


def _clouds(about: Description) -> str:
    if about.statistics["product"] == "s1_grd":
        return "Radar sees through clouds; speckle is not filtered, and slopes that face the sensor are brighter."
    masks = masks_of(about.form.bands)
    beside = f"; {', '.join(masks)} stand beside them" if masks else ""
    scenes = about.dataset.scenes
    if about.dataset.imagery.source == "published" or scenes.index is not None or scenes.cloud_of == "patch":
        return f"Images may hold cloud: no cloud mask is applied to the pixels{beside}."
    return (
        "Cloud cover, by which scenes were chosen, is that of the whole tile (about 110 km): a patch may be cloudier "
        f"or clearer. No cloud mask is applied to the pixels{beside}."
    )
