"""Targets verify and repair: check every checksum below a study; move damaged shards aside when asked."""

import argparse

from greenup.errors import job
from greenup.patches.verify import verify_study

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("root", help="results/<study>")
parser.add_argument("--repair", action="store_true", help="move damaged shards aside so that the next run makes them")
parser.add_argument("--log", help="log file")
args = parser.parse_args()

with job(args.log):
    verify_study(args.root, repair=args.repair)
