"""The schema of every table that passes between stages: columns, types, meaning.

docs/files.md is written from these definitions (`python -m greenup.schemas`), so that any stage can be fed with a file
from elsewhere.
"""

from __future__ import annotations

from greenup.schema import Column, Schema
from greenup.schemas_beyond import SEASON_FIT, SEASON_FIT_SUMMARY
from greenup.schemas_doubt import COMPARISONS, DOUBT, LEAKAGE

SEASONS: tuple[str, ...] = ("spring", "summer", "autumn", "winter")
"""Season names of the evi and calendar rules; other rules number theirs (q1.., d1..) or name them freely."""

SITES = Schema(
    "sites",
    "One row a site, in spatial order (shards are runs of rows).",
    (
        Column("site_id", "text", "unique name: the grid cell (12U_34R) or sampler and number"),
        Column("lon", "float", "longitude, degrees east, WGS 84"),
        Column("lat", "float", "latitude, degrees north, WGS 84"),
        Column("stratum", "text", "what the site stands for: ecoregion, or climate zone x land cover"),
        Column("land", "bool", "whether the site lies on land"),
        Column("climate_zone", "text", "Koeppen-Geiger main group: tropical, arid, temperate, cold, polar", null=True),
        Column("land_cover", "text", "class of the land-cover source, e.g. evergreen_needleleaf_forest", null=True),
        Column("ecoregion", "text", "ecoregion; in the packaged data approximated as realm and biome", null=True),
        Column("biome", "text", "biome; in the packaged data approximated from climate zone and land cover", null=True),
        Column("realm", "text", "biogeographic realm; in the packaged data approximated by boxes", null=True),
        Column("mountain", "bool", "whether the site lies in mountains; in the packaged data by local relief"),
        Column("weight", "float", "sampling weight in pretraining: 1/4 where barren or ice, x 2 in mountains"),
        Column("shard", "int", "shard number, 0-based"),
    ),
    ("site_id",),
    is_geo=True,
)

LAND = Schema(
    "land",
    "The land of a study as cells of an equal-distance grid, with the attributes of their centres.",
    (
        Column("lon", "float", "longitude of the centre, degrees east, WGS 84"),
        Column("lat", "float", "latitude of the centre, degrees north, WGS 84"),
        Column("area_km2", "float", "area of the cell on the sphere (km2)"),
        Column("climate_zone", "text", "as in sites", null=True),
        Column("land_cover", "text", "as in sites", null=True),
        Column("ecoregion", "text", "as in sites", null=True),
        Column("biome", "text", "as in sites", null=True),
        Column("realm", "text", "as in sites", null=True),
        Column("mountain", "bool", "as in sites"),
    ),
    ("lon", "lat"),
    is_geo=True,
)

COVERAGE = Schema(
    "coverage",
    "Sites of a dataset against the land of its region: one row a stratum, those without a site too.",
    (
        Column("kind", "text", "what the strata are of: ecoregion, biome, realm, land_cover, climate_zone, mountain"),
        Column("stratum", "text", "ecoregion, biome, ...; `unknown` where the source says nothing"),
        Column("area_km2", "float", "land area by the land map (km2); 0 where no cell of it represents the stratum"),
        Column("area_share", "float", "share of the region's land, 0..1", null=True),
        Column("sites", "int", "sites"),
        Column("site_share", "float", "share of the dataset's sites, 0..1"),
        Column("ratio", "float", "share of sites / share of area: 1 is proportional", null=True),
        Column("empty", "bool", "whether no site lies in it"),
    ),
    ("kind", "stratum"),
    is_csv=True,
)

_DATES = tuple(
    Column(name, "float", f"day of year 1..366 of {name.capitalize()}: {doc}", null=True)
    for name, doc in (
        ("greenup", "EVI first above 15 % of its amplitude"),
        ("maturity", "EVI first above 90 %"),
        ("senescence", "EVI last above 90 %"),
        ("dormancy", "EVI last above 15 %"),
    )
)

PHENOLOGY = Schema(
    "phenology",
    "Four dates a site: circular median over the years, gaps filled from one donor.",
    (
        Column("site_id", "text", "site"),
        *_DATES,
        Column("years", "int", "number of years behind the medians (0 when filled)"),
        Column("origin", "text", "observed, filled, or none (no donor)"),
        Column("donor_id", "text", "site the dates come from, when filled", null=True),
        Column("donor_km", "float", "great-circle distance to the donor (km)", null=True),
        Column(
            "cause", "text", "why it has no dates of its own: no_data, no_cycle, incomplete, out_of_order", null=True
        ),
    ),
    ("site_id",),
)

CURVES = Schema(
    "curves",
    "Vegetation-index series of a few sites, for figures and checks.",
    (
        Column("site_id", "text", "site"),
        Column("time", "time", "time of the observation"),
        Column("evi", "float", "enhanced vegetation index, -1..1"),
        Column("clear", "bool", "whether the observation is free of cloud and snow"),
        Column("snow", "bool", "whether the ground is seen to be under snow"),
    ),
    ("site_id", "time"),
    may_be_empty=True,
)

INTERVALS = Schema(
    "seasons",
    "Search intervals: a site x season may have several (one a year); days inclusive, UTC.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season name"),
        Column("year", "int", "year in which the interval begins"),
        Column("first", "date", "first day"),
        Column("middle", "date", "middle day"),
        Column("last", "date", "last day"),
        Column("choice", "int", "0: searched first; 1: only where no interval of 0 has an image"),
        Column("dark_days", "int", "days of it on which the sun does not rise (polar night)"),
    ),
    ("site_id", "season", "year"),
    may_be_empty=True,
)

_ORBIT = Column("orbit", "text", "of radar: ascending or descending", null=True, optional=True)

SCENES = Schema(
    "scenes",
    "One row a site x season: the scene chosen, or why there is none.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season name"),
        Column("status", "text", "chosen, no_scene (none in the archive), cloudy (all above max_cloud), or no_season"),
        Column("scene_id", "text", "scene identifier in its archive", null=True),
        Column("time", "time", "acquisition time", null=True),
        Column("cloud", "float", "cloud cover the choice was made by, percent", null=True),
        Column("cloud_of", "text", "what it speaks of: tile, patch, or tile_estimate; empty for radar", null=True),
        Column("days_from_middle", "float", "days from the middle of its season (negative: before)", null=True),
        _ORBIT,
        Column("candidates", "int", "scenes in the season's intervals, of any cloud"),
        Column("reason", "text", "why this scene, or why none"),
    ),
    ("site_id", "season"),
    may_be_empty=True,
)

PUBLISHED = Schema(
    "published",
    "What a published folder holds: one row an image.",
    (
        Column("site_id", "text", "site: the name of its folder"),
        Column("season", "text", "d1, d2, ... in order of time, or the season that an index gives"),
        Column("lon", "float", "longitude of the site, degrees east, WGS 84: of the index, or of its first patch"),
        Column("lat", "float", "latitude of the site, degrees north, WGS 84"),
        Column("scene_id", "text", "site and image as in the folder"),
        Column("time", "time", "acquisition time; of SSL4Eco only the day"),
        Column("cloud", "float", "cloud cover of the tile by metadata.json, percent", null=True),
        _ORBIT,
    ),
    ("site_id", "season"),
    may_be_empty=True,
)

LEDGER = Schema(
    "ledger",
    "One row a site x season of a shard: what became of it. Row numbers point into the shard's pixel file.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season name"),
        Column("status", "text", "ok, no_scene, cloudy, no_season, masked, dropped (site with too few images)"),
        Column("row", "int", "row in the pixel file (status ok)", null=True),
        Column("scene_id", "text", "scene", null=True),
        Column("time", "time", "acquisition time", null=True),
        Column("cloud", "float", "cloud cover the choice was made by, percent", null=True),
        _ORBIT,
        Column("valid_fraction", "float", "share of 10 m pixels with data", null=True),
        Column("epsg", "int", "CRS of the grid: a UTM zone, or the image's own", null=True),
        Column("west", "float", "outer west edge (units of the CRS: m in UTM)", null=True),
        Column("north", "float", "outer north edge (units of the CRS)", null=True),
        Column("pixel_x", "float", "width of a 10 m pixel in units of the CRS (10 in UTM)", null=True),
        Column("pixel_y", "float", "height of a 10 m pixel in units of the CRS (10 in UTM)", null=True),
        Column("checksum", "text", "XXH3-128 of pixels and masks", null=True),
        Column("cause", "text", "why, when not ok", null=True),
    ),
    ("site_id", "season"),
    may_be_empty=True,
)

INDEX = Schema(
    "index",
    "A dataset's contents: one row an image that is there.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season name"),
        Column("lon", "float", "longitude of the site"),
        Column("lat", "float", "latitude of the site"),
        Column("stratum", "text", "stratum of the site"),
        Column("land_cover", "text", "land cover of the site", null=True),
        Column("weight", "float", "sampling weight in pretraining"),
        Column("shard", "int", "shard number"),
        Column("row", "int", "row in the shard's pixel file"),
        Column("file", "text", "pixel file, relative to the study's folder"),
        Column("scene_id", "text", "scene"),
        Column("time", "time", "acquisition time"),
        Column("cloud", "float", "cloud cover, percent", null=True),
        _ORBIT,
        Column("valid_fraction", "float", "share of 10 m pixels with data"),
    ),
    ("site_id", "season"),
    is_geo=True,
)

CONTENTS = Schema(
    "contents",
    "What a folder of SSL4EO-S12's layout holds: one row an image of a dataset that was written there.",
    (
        Column("number", "int", "number of the site: its folder is this in seven digits"),
        Column("site_id", "text", "site"),
        Column("season", "text", "season name"),
        Column("scene_id", "text", "scene"),
        Column("folder", "text", "folder of the image, relative to this file"),
        Column("time", "time", "acquisition time"),
        Column("lon", "float", "longitude of the site"),
        Column("lat", "float", "latitude of the site"),
    ),
    ("site_id", "season", "folder"),
    is_csv=True,
)

LABELS = Schema(
    "labels",
    "One row an image of a task. Further columns hold the labels: `label` (class name) or one float column a target.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season of the image; empty in an image set"),
        Column("lon", "float", "longitude; empty where an image set does not say", null=True),
        Column("lat", "float", "latitude", null=True),
        Column("split", "text", "part in the split of an image set's publishers", null=True, optional=True),
        Column(
            "group",
            "text",
            "which place, where coordinates do not say",
            null=True,
            optional=True,
        ),
    ),
    ("site_id",),
    is_geo=True,
)

IMAGE_SET = Schema(
    "image_set",
    "A published image set: one row an image. Further columns hold the labels, as in labels.",
    (
        Column("site_id", "text", "name of the image"),
        Column("lon", "float", "longitude of its centre, degrees east, WGS 84", null=True),
        Column("lat", "float", "latitude of its centre, degrees north, WGS 84", null=True),
        Column("split", "text", "its part in the publishers' split: train, val, test, or empty"),
        Column("group", "text", "which place, where coordinates do not say", null=True, optional=True),
    ),
    ("site_id",),
)

FOLDS = Schema(
    "folds",
    "The part each image plays in each fold.",
    (
        Column("site_id", "text", "site"),
        Column("folds", "text", "kind of split: random, blocks or official"),
        Column("fold", "int", "fold number, 0-based"),
        Column("part", "text", "train, val, test, or unused (in official splits and their subsets)"),
    ),
    ("site_id", "folds", "fold"),
)

EMBEDDINGS = Schema(
    "embeddings",
    "One vector an image.",
    (
        Column("site_id", "text", "site"),
        Column("season", "text", "season of the image"),
        Column("embedding", "list", "float32 vector, all of one length"),
    ),
    ("site_id", "season"),
)

POINT_EMBEDDINGS = Schema(
    "point_embeddings",
    "One row a point of the user's file, in its order: what `snakemake embed` writes.",
    (
        Column("site_id", "text", "the point's name: its site_id in the file, or point_ and its number from 0"),
        Column("lon", "float", "longitude, degrees east, WGS 84"),
        Column("lat", "float", "latitude, degrees north, WGS 84"),
        Column("status", "text", "ok, or why there is no vector: no_scene, cloudy, masked, dropped, sea"),
        Column("season", "text", "season of the image", null=True),
        Column("scene_id", "text", "scene", null=True),
        Column("time", "time", "acquisition time", null=True),
        Column("cloud", "float", "cloud cover the choice was made by, percent", null=True),
        Column("embedding", "list", "float32 vector, all of one length; empty where there is no image", null=True),
    ),
    ("site_id",),
    is_geo=True,
)

PROBES = Schema(
    "probe",
    "One row a fold x metric of one model, task, protocol and kind of folds.",
    (
        Column("model", "text", "model name"),
        Column("task", "text", "task name"),
        Column("protocol", "text", "linear, knn or finetune"),
        Column("folds", "text", "random, blocks or official"),
        Column("fold", "int", "fold number"),
        Column("metric", "text", "metric name, e.g. macro_f1, r2_mean"),
        Column("value", "float", "value as a fraction (0..1), not x 100; mae_<target> in the target's unit"),
        Column("n_test", "int", "images in the fold's test part"),
        Column("n_train", "int", "images in the fold's training part"),
        Column(
            "choice",
            "text",
            "of the probes, e.g. k=10: where several were given, the best on its validation part",
            null=True,
            optional=True,
        ),
    ),
    ("model", "task", "protocol", "folds", "fold", "metric"),
)

PREDICTIONS = Schema(
    "predictions",
    "One row a fold x tested image, beside the scores of a probe. Further columns by kind of task: classification "
    "`observed`, `predicted` (class names), `score` (of the predicted class, 0..1) and, up to 64 classes, "
    "`score_<class>`; multilabel `observed`, `predicted` (names between `, `, possibly none) and `score_<label>`; "
    "regression and distribution `<target>_observed` and `<target>_predicted` (the target's unit; shares 0..1).",
    (
        Column("site_id", "text", "site"),
        Column("fold", "int", "fold number"),
    ),
    ("site_id", "fold"),
)

CURVE_COLUMNS: tuple[str, ...] = (
    "epoch", "step", "loss", "held_out_loss", "lr", "weight_decay", "embedding_std", "knn_accuracy",
    "samples_per_second", "wait_share", "mb_per_second", "skipped", "simulated",
)  # fmt: skip
"""Columns of a model's curves.csv: a row an epoch; values that were not measured are empty."""

FINETUNE_CURVE_COLUMNS: tuple[str, ...] = (
    "fold", "epoch", "step", "loss", "val_loss", "val_metric", "lr", "best", "images_per_second",
)  # fmt: skip
"""Columns of the curve of a fine-tuning: a row a fold x epoch; ``best``: the best of its fold so far; ``val_metric``
(the task's main metric) is empty where the validation part cannot define it."""

ALL: tuple[Schema, ...] = (
    SITES, LAND, COVERAGE, PHENOLOGY, CURVES, INTERVALS, SCENES, PUBLISHED, LEDGER, INDEX, CONTENTS, IMAGE_SET, LABELS,
    FOLDS, EMBEDDINGS, POINT_EMBEDDINGS, PROBES, PREDICTIONS, DOUBT, COMPARISONS, LEAKAGE,
    SEASON_FIT, SEASON_FIT_SUMMARY,
)  # fmt: skip


def to_markdown() -> str:
    """All schemas as a Markdown page."""
    lines = ["# Files between the stages", "", "Written from `scripts/greenup/schemas.py`; do not edit by hand.", ""]
    for schema in ALL:
        kind = "GeoParquet" if schema.is_geo else "CSV" if schema.is_csv else "Parquet"
        lines += [f"## {schema.name} ({kind})", "", schema.doc, "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{c.name}` | {c.kind}{', may be empty' if c.null else ''} | {c.doc} |" for c in schema.columns]
        lines += ["", f"Key: {' + '.join(f'`{k}`' for k in schema.key)}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(to_markdown(), end="")
