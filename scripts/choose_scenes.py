"""Rule choose_scenes: the scene of each site and season of one shard."""

import argparse
import json

from greenup.config import Runtime, parse
from greenup.config.data import Imagery, Scenes
from greenup.errors import job
from greenup.files import distinct, read_table, write_table
from greenup.imagery import open_source
from greenup.scenes.choose import choose_scenes
from greenup.schemas import INTERVALS, SCENES, SITES

parser = argparse.ArgumentParser(description=__doc__)
for name in ("sites", "seasons", "shard", "imagery", "scene-rule", "grid", "runtime", "out", "log"):
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()

with job(args.log):
    source = open_source(parse(Imagery, args.imagery), parse(Runtime, args.runtime))
    sites = read_table(args.sites, SITES).query("shard == @shard", local_dict={"shard": int(args.shard)})
    scenes = choose_scenes(
        sites,
        read_table(args.seasons, INTERVALS, only={"site_id": sites["site_id"]}),
        source,
        parse(Scenes, args.scene_rule),
        names=distinct(args.seasons, "season"),
        **json.loads(args.grid),
    )
    write_table(args.out, scenes, SCENES, simulated=source.simulated, attribution=source.attribution)
