"""What each source of images would be asked for the same images: requests, bytes, hours at its limits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from greenup.bands import bands_at, native_resolutions
from greenup.config import Dataset
from greenup.config.data import ArchiveImagery, MiniatureImagery, PublishedImagery, StacImagery
from greenup.costs.amount import Amount, largest, total
from greenup.costs.counts import DAYS_A_YEAR, ImageCount, Searched, side_px
from greenup.costs.rates import Rates
from greenup.imagery.presets import PRESETS

BYTES_A_VALUE = 2
"""Everything travels as uint16."""

NOTHING = Amount(0.0)

EARTH_ENGINE = "earthengine"
TIERS: tuple[str, ...] = ("community", "contributor", "partner")
"""Earth Engine's quota tiers of compute time for noncommercial projects."""


@dataclass(frozen=True)
class Offer:
    """The images of a dataset from one source. ``lacking``: why it has none (then all is 0).

    ``searches`` and ``reads``: requests. ``moved``: bytes over the network. ``hours``: at the source's limits.
    ``eecu_seconds``: compute time on Earth Engine, None where no rate of it is known. ``bound``: what limits the hours.
    """

    source: str
    searches: Amount = NOTHING
    reads: Amount = NOTHING
    moved: Amount = NOTHING
    hours: Amount = NOTHING
    eecu_seconds: Amount | None = None
    bound: str = ""
    lacking: str = ""


def source_name(dataset: Dataset) -> str:
    """The source a dataset is configured with, as offers name it."""
    match dataset.imagery:
        case StacImagery(url=url):
            return next((n for n, p in PRESETS.items() if url in (n, p.url)), url)
    return dataset.imagery.source


def offers(
    dataset: Dataset, sites: int, seasons: Searched, images: ImageCount, rates: Rates, connections: int
) -> list[Offer]:
    """The configured source first, then the others that could give the same images.

    ``connections``: requests at once to a STAC source (``runtime.requests``). The miniature Earth has no alternative:
    no other source shows its plants; nor has what was published, whose images are taken as they are.
    """
    name = source_name(dataset)
    if isinstance(dataset.imagery, MiniatureImagery):
        return [Offer(name, bound="computed here, nothing is asked of anyone")]
    if isinstance(dataset.imagery, PublishedImagery):
        return [Offer(name, bound="read from disk, nothing is asked of anyone")]
    all_offers = {EARTH_ENGINE: _earth_engine(dataset, sites, images, rates)}
    for preset in PRESETS:
        all_offers[preset] = _stac(preset, dataset, sites, seasons, images, rates, connections)
    if isinstance(dataset.imagery, ArchiveImagery):
        all_offers[name] = Offer(name, bound="read from disk, nothing is asked of anyone")
    elif name not in all_offers:
        all_offers[name] = _stac(name, dataset, sites, seasons, images, rates, connections)
    return [all_offers.pop(name), *all_offers.values()]


def cheapest(found: list[Offer]) -> Offer:
    """The offer with the fewest hours; of equals the first, which is the configured one."""
    return min((o for o in found if not o.lacking), key=lambda o: o.hours.value)


def _earth_engine(dataset: Dataset, sites: int, images: ImageCount, rates: Rates) -> Offer:
    """As many images of a site as fit travel in one request, all bands on the grid of the finest."""
    patches = dataset.patches
    searches = Amount(0.0) if dataset.scenes.index else (sites / rates["ee_sites_a_search"].amount).ceil()
    step = min(native_resolutions(patches.bands))
    a_image = len(patches.bands) * side_px(patches, step) ** 2 * BYTES_A_VALUE
    fit = largest((rates["ee_request_bytes"].amount / a_image).floor(), Amount(1.0))
    reads = total([count * (k / fit).ceil() for k, count in enumerate(images.sites_with)]).ceil()
    at_rate = (searches + reads) / rates["ee_request_rate"].amount
    at_pace = images.found * rates["ee_connection_time"].amount / rates["ee_connections"].amount
    # `ee_compute` is nowhere published: a user who has measured it adds the row.
    compute = images.found * rates["ee_compute"].amount if "ee_compute" in rates else None
    bound = "rate of requests" if at_rate.value > at_pace.value else "requests at once"
    return Offer(
        EARTH_ENGINE, searches, reads, images.found * a_image, largest(at_rate, at_pace) / 3600, compute, bound
    )


def _stac(
    name: str, dataset: Dataset, sites: int, seasons: Searched, images: ImageCount, rates: Rates, connections: int
) -> Offer:
    """Searches page by page for groups of neighbouring sites; windows of Cloud-Optimized GeoTIFFs read by ranges."""
    preset = PRESETS.get(name)
    if preset is not None and (why := preset.lacking.get(dataset.imagery.product)):
        return Offer(name, lacking=why)
    block = rates["cog_block_earth_search" if name == "earth-search" else "cog_block_planetary_computer"].amount
    groups = (sites / rates["stac_sites_a_search"].amount).ceil()
    items = rates["stac_tiles_a_search"].amount * rates["scenes_a_tile_year"].amount
    a_span = items * (seasons.days_together / DAYS_A_YEAR / seasons.spans)
    pages = seasons.spans * (a_span / rates["stac_items_a_page"].amount).ceil()
    searches = Amount(0.0) if dataset.scenes.index else groups * pages
    ranges, values = [], []
    for native_m in native_resolutions(dataset.patches.bands):
        count = len(bands_at(dataset.patches.bands, native_m))
        # A window of n pixels at a random place of blocks of b touches 1 + (n - 1) / b of them each way.
        touched = 1 + (side_px(dataset.patches, native_m) - 1) / block
        # The header of the file, and one range a row of blocks: neighbours in a row are merged.
        ranges.append(count * (1 + touched))
        values.append(count * touched**2 * block**2)
    reads = (images.found * total(ranges)).ceil()
    moved = images.found * total(values) * rates["cog_bytes"].amount
    waiting = (searches + reads) * rates["request_latency"].amount / connections
    moving = moved / rates["bandwidth"].amount
    bound = "bandwidth" if moving.value > waiting.value else f"{connections} requests at once (runtime.requests)"
    return Offer(name, searches, reads, moved, largest(waiting, moving) / 3600, None, bound)


def earth_engine(several: Iterable[list[Offer]]) -> Offer | None:
    """All images of some datasets from Earth Engine, whose quotas they would share; None where it has none of them."""
    found = [o for offers_of_one in several for o in offers_of_one if o.source == EARTH_ENGINE and o.reads.value]
    if not found:
        return None
    compute = [o.eecu_seconds for o in found if o.eecu_seconds is not None]
    searches, reads, moved, hours = (
        total([getattr(o, name) for o in found]) for name in ("searches", "reads", "moved", "hours")
    )
    return Offer(EARTH_ENGINE, searches, reads, moved, hours, total(compute) if compute else None)


def allowed_eecu_seconds(engine: Offer, tier: str, rates: Rates) -> Amount:
    """Compute time that each pixel request may take (EECU-seconds) for all to fit one month of a tier."""
    return rates[f"ee_tier_{tier}"].amount * 3600 / engine.reads


def months_of_tier(engine: Offer, tier: str, rates: Rates) -> int:
    """Months in which a tier's compute time suffices, for an offer whose compute time is known."""
    return math.ceil(engine.eecu_seconds.value / 3600 / rates[f"ee_tier_{tier}"].value)
