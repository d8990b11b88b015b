"""Target status: what of a study is done, missing, outdated and why, on the terminal."""

import argparse
import json

from greenup.errors import job
from greenup.plan import STAGES
from greenup.status.planned import planned_jobs
from greenup.status.words import status_text

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("root", help="results/<study>")
parser.add_argument("--snakefile", required=True, help="the workflow")
parser.add_argument("--configfiles", nargs="+", required=True, help="files of the study")
parser.add_argument("--config", type=json.loads, default={}, help="JSON: words of --config")
parser.add_argument("--triggers", nargs="*", default=[], help="Snakemake's rerun triggers that are on")
parser.add_argument("--log", help="log file")
args = parser.parse_args()

with job(args.log):
    jobs, locked = planned_jobs(args.snakefile, args.configfiles, args.config, args.triggers)
    print(status_text(jobs, args.root, STAGES, locked=locked), flush=True)
