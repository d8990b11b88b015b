"""Schemas of what goes beyond the papers' own figures: how samplings in time fit the vegetation. A part of
`greenup.schemas`, which lists them."""

from __future__ import annotations

from greenup.schema import Column, Schema

_SEASONS = ("spring", "summer", "autumn", "winter")

SEASON_FIT = Schema(
    "season_fit",
    "How the dates of each sampling in time fit the seasons of a site's own vegetation: one row a site x sampling.",
    (
        Column("site_id", "text", "site with dates of its own (not filled from a neighbour)"),
        Column("lat", "float", "latitude of the site"),
        Column("biome", "text", "biome of the site", null=True),
        Column("sampling", "text", "name of a season rule, or dataset whose images these are"),
        Column("dates", "text", "middle: of the windows; any_day: mean over days of the windows; image: as acquired"),
        Column("seen", "float", "dates of the site"),
        Column("inside", "float", "share of them inside the season they stand for", null=True),
        Column("days_outside", "float", "mean distance to that season (days, 0 inside it)", null=True),
        Column("days_from_middle", "float", "mean distance to the middle of that season (days)", null=True),
        Column("phases", "float", "different phases (of four) among them"),
        Column("greenness_range", "float", "range of greenness (0..1) by the four dates among them", null=True),
        Column("index_range", "float", "range of the vegetation index among them, of sites with a curve", null=True),
        *(Column(f"inside_{s}", "float", f"share inside, of dates that stand for {s}", null=True) for s in _SEASONS),
        *(Column(f"offset_{s}", "float", f"days from the middle of {s}, signed", null=True) for s in _SEASONS),
    ),
    ("site_id", "sampling", "dates"),
)

SEASON_FIT_SUMMARY = Schema(
    "season_fit_summary",
    "Means of `season_fit` over sites, with bootstrap intervals over the sites.",
    (
        Column("dataset", "text", "dataset whose sites and phenology are the truth"),
        Column("sampling", "text", "as in season_fit"),
        Column("dates", "text", "as in season_fit"),
        Column("by", "text", "all, latitude (bands of 10 degrees), or biome"),
        Column("group", "text", "all; southern edge of the band (degrees); biome"),
        Column("measure", "text", "column of season_fit; phases_1 .. phases_4: share of sites with so many phases"),
        Column("sites", "int", "sites behind the mean"),
        Column("value", "float", "mean over sites"),
        Column("low", "float", "95 % percentile interval", null=True),
        Column("high", "float", "95 % percentile interval", null=True),
    ),
    ("dataset", "sampling", "dates", "by", "group", "measure"),
)
