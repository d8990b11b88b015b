"""Rule export_patches: the pixels of one shard, moved into place only when its ledger is final."""

import argparse
from dataclasses import replace

from greenup.config import Runtime, parse
from greenup.config.data import Imagery, Patches
from greenup.errors import job
from greenup.files import read_table
from greenup.imagery import open_source
from greenup.patches.export import export_shard
from greenup.patches.ledger import check_scenes
from greenup.schemas import SCENES, SITES

parser = argparse.ArgumentParser(description=__doc__)
for name in ("sites", "scenes", "shard", "imagery", "recipe", "patches", "runtime", "work", "pixels", "ledger", "log"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--min-images", type=int, required=True)
args = parser.parse_args()

with job(args.log):
    runtime = parse(Runtime, args.runtime)
    # Of a table of hundreds of thousands of sites only the shard's own; there may be more shards than sites.
    sites = read_table(args.sites, replace(SITES, may_be_empty=True), only={"shard": [int(args.shard)]})
    scenes = read_table(args.scenes, SCENES)
    check_scenes(sites, scenes, args.scenes)
    export_shard(
        sites,
        scenes,
        open_source(parse(Imagery, args.imagery), runtime),
        parse(Patches, args.patches),
        min_images=args.min_images,
        runtime=runtime,
        work=args.work,
        pixels=args.pixels,
        ledger=args.ledger,
        # Kept images of other settings, or of an earlier recipe, are not the same images.
        origin=f"recipe {args.recipe}, {args.imagery}",
    )
