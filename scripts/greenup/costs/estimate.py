"""The estimate of a study: one line a thing, each with the rates it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from greenup.config import Study
from greenup.config.data import MiniatureImagery, PublishedImagery
from greenup.costs import learning, sources
from greenup.costs.amount import Amount, total
from greenup.costs.counts import ImageCount, image_count, image_seasons, native_values, side_px, site_count
from greenup.costs.finished import Finished
from greenup.costs.lines import TOTAL, Line
from greenup.costs.rates import Rates
from greenup.plan import Plan
from greenup.sites.sources import SiteData

FILES_A_SHARD = 3
"""Chosen scenes, pixels, ledger."""


@dataclass(frozen=True)
class Estimate:
    """All that `snakemake plan` says. ``offers``: for each dataset with images, what each source would be asked.
    ``cheapest``: the source with the fewest hours, by dataset. ``simulated``: datasets of the miniature Earth."""

    study: str
    lines: list[Line]
    offers: dict[str, list[sources.Offer]]
    simulated: list[str]
    rates: Rates
    totals: list[Line] = field(default_factory=list)

    @property
    def cheapest(self) -> dict[str, sources.Offer]:
        return {name: sources.cheapest(found) for name, found in self.offers.items()}

    @property
    def used(self) -> frozenset[str]:
        """Names of the rates behind any number of it."""
        found = [line.amount.rates for line in self.lines]
        for offer in (o for several in self.offers.values() for o in several):
            found += [a.rates for a in (offer.searches, offer.reads, offer.moved, offer.hours)]
            if offer.eecu_seconds is not None:
                found.append(offer.eecu_seconds.rates)
            if offer.source == sources.EARTH_ENGINE and offer.reads.value:
                found.append(frozenset(f"ee_tier_{tier}" for tier in sources.TIERS))
        return frozenset().union(*found)


def estimate(study: Study, rates: Rates, folder: str | Path = ".") -> Estimate:
    """Estimate a study; ``folder`` is the working directory, where results/<study>/ may hold finished parts.

    Nothing is drawn, downloaded or asked. Raises `UserError` for files that the configuration names and that are wrong.
    """
    plan = Plan(study)
    finished = Finished(plan, folder)
    lines: list[Line] = []
    offers: dict[str, list[sources.Offer]] = {}
    counts: dict[str, tuple[int, ImageCount]] = {}
    for name in study.datasets:
        sites, note = site_count(study, name, SiteData(**_paths(plan.site_data(name))))
        done = finished.share(f"{plan.root}/sites/{name}.parquet")
        lines.append(Line(name, "sites", "sites", "", Amount(sites), done, note))
        if name in plan.used:
            found, several, images = _dataset(study, name, sites, rates, finished)
            lines += found
            offers[name], counts[name] = several, (sites, images)
    lines += learning.models(study, plan, counts, rates, finished)
    lines += learning.embeddings(study, plan, counts, rates, finished)
    lines += learning.probes(study, plan, counts, rates, finished)
    lines += learning.finetunings(study, plan, counts, rates, finished)
    simulated = [n for n in offers if isinstance(study.datasets[n].imagery, MiniatureImagery)]
    return Estimate(study.study, lines, offers, simulated, rates, totals(lines))


def totals(lines: Iterable[Line]) -> list[Line]:
    """The sums over datasets, models and tasks, of each thing counted in one unit."""
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.stage, line.what, line.unit), []).append(line)
    out = []
    for (stage, what, unit), group in groups.items():
        amount = total([line.amount for line in group])
        done = sum(line.done_amount for line in group)
        notes = {line.note for line in group}
        note = notes.pop() if len(notes) == 1 and stage == "pretrain" else ""
        out.append(Line(TOTAL, stage, what, unit, amount, done / amount.value if amount.value else 0.0, note))
    for what, unit in (("processor time but for training", "core-h"), ("disk", "bytes")):
        group = [line for line in out if line.unit == unit and line.counts and (unit != "bytes" or line.on_disk)]
        if group:
            amount, done = total([g.amount for g in group]), sum(g.done_amount for g in group)
            out.append(Line(TOTAL, "all", what, unit, amount, done / amount.value if amount.value else 0.0))
    return out


def _paths(data: dict[str, str | None]) -> dict[str, object]:
    return {k: Path(v) if v is not None and k != "land_cover_legend" else v for k, v in data.items()}


def _dataset(
    study: Study, name: str, sites: int, rates: Rates, finished: Finished
) -> tuple[list[Line], list[sources.Offer], ImageCount]:
    """The lines of a dataset with images, the offers of all sources, and how many images are expected."""
    dataset = study.datasets[name]
    seasons = image_seasons(dataset, sites)
    # What was published is there.
    found = Amount(1.0) if isinstance(dataset.imagery, PublishedImagery) else rates["found_share"].amount
    images = image_count(sites, seasons.seasons, dataset.scenes.min_images, found)
    several = sources.offers(dataset, sites, seasons, images, rates, study.runtime.requests)
    mine = several[0]
    searched, exported = finished.scenes(name), finished.patches(name)
    there = finished.images(name)
    site_years = sites * seasons.years
    is_miniature = isinstance(dataset.imagery, MiniatureImagery)

    def line(stage: str, what: str, unit: str, amount: Amount, done: float, note: str = "") -> Line:
        return Line(name, stage, what, unit, amount, done, note)

    kept = line(
        "patches", "images kept", "", images.kept, exported, f"of sites with {dataset.scenes.min_images} or more"
    )
    lines = [
        line("scenes", "site x season", "", images.wanted, searched),
        line("scenes", "images expected", "", images.found, exported),
        replace(kept, done_exact=there) if there else kept,
    ]
    if not is_miniature:
        lines += [
            line("scenes", "search requests", "requests", mine.searches, searched, mine.source),
            line("patches", "pixel requests", "requests", mine.reads, exported, mine.source),
            line("patches", "transferred", "bytes", mine.moved, exported, mine.source),
            line("patches", "time at the source's limits", "h", mine.hours, exported, mine.bound),
        ]
        if mine.eecu_seconds is not None:
            lines.append(line("patches", "compute time", "EECU-h", mine.eecu_seconds / 3600, exported, mine.source))
    choosing = site_years * rates["scene_choice"].amount
    values = native_values(dataset.patches)
    making = images.found * values * rates["patch_write"].amount / 1e6
    if is_miniature:
        choosing = choosing + site_years * rates["miniature_search"].amount
        pixels = side_px(dataset.patches, 10) ** 2
        ground = images.sites_asked * pixels * rates["miniature_ground"].amount
        dates = images.found * pixels * len(dataset.patches.bands) * rates["miniature_render"].amount
        making = making + (ground + dates) / 1e6
    described = images.kept * values * rates["describe"].amount / 1e6
    index = finished.share(f"results/{study.study}/datasets/{name}/index.parquet")
    return (
        [
            *lines,
            line("patches", "stored", "bytes", images.kept * values * rates["stored_bytes"].amount, exported),
            line("patches", "files", "files", Amount(FILES_A_SHARD * dataset.shards), exported),
            line("scenes", "choosing", "core-h", choosing / 3600, searched),
            line("patches", "making and writing" if is_miniature else "writing", "core-h", making / 3600, exported),
            line("patches", "describing", "core-h", described / 3600, index),
        ],
        several,
        images,
    )
