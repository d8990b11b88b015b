"""Rule choose_scenes: the scene of each site and season of one shard, searched, paired or given."""

import argparse
import json

from greenup.config import Runtime, parse
from greenup.config.data import Imagery, Scenes
from greenup.errors import job
from greenup.files import distinct, read_table, write_table
from greenup.imagery import open_source
from greenup.scenes.choose import choose_scenes
from greenup.scenes.index import scenes_from_index
from greenup.scenes.pairs import pair_scenes
from greenup.scenes.published import published_scenes
from greenup.schemas import INTERVALS, PUBLISHED, SCENES, SITES

parser = argparse.ArgumentParser(description=__doc__)
for name in ("sites", "seasons", "shard", "imagery", "scene-rule", "grid", "runtime", "out", "log"):
    parser.add_argument(f"--{name}", required=True)
for name in ("pair", "published"):
    parser.add_argument(f"--{name}", nargs="*")
args = parser.parse_args()

with job(args.log):
    imagery, rule, grid = parse(Imagery, args.imagery), parse(Scenes, args.scene_rule), json.loads(args.grid)
    source = open_source(imagery, parse(Runtime, args.runtime))
    everywhere = read_table(args.sites, SITES)
    sites = everywhere.query("shard == @shard", local_dict={"shard": int(args.shard)})
    how = {**grid, "has_cloud": imagery.has_cloud}
    seasons = read_table(args.seasons, INTERVALS, only=(mine := {"site_id": sites["site_id"]}))
    names = distinct(args.seasons, "season")
    if args.published:
        scenes = published_scenes(sites, read_table(args.published[0], PUBLISHED, only=mine), names)
    elif args.pair:
        scenes = pair_scenes(sites, read_table(args.pair[0], SCENES), source, rule, **how)
    elif rule.index is not None:
        scenes = scenes_from_index(rule.index, everywhere, seasons, shard=int(args.shard), names=names)
    else:
        scenes = choose_scenes(sites, seasons, source, rule, names=names, **how)
    write_table(args.out, scenes, SCENES, simulated=source.simulated, attribution=source.attribution)
