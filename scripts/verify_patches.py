"""Targets verify and repair: check every checksum below a study; move damaged shards aside when asked."""

import argparse
import json

from greenup.errors import job
from greenup.patches.verify import verify_study

# Guarded: the processes that read start from this file.
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", help="results/<study>")
    parser.add_argument("--datasets", type=json.loads, help="JSON: of each dataset shards, bands, size_px")
    parser.add_argument("--repair", action="store_true", help="move damaged shards aside, so that they are made again")
    parser.add_argument("--workers", type=int, default=1, help="processes that read")
    parser.add_argument("--report", help="CSV to write, one row a shard")
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()

    with job(args.log):
        verify_study(args.root, datasets=args.datasets, repair=args.repair, workers=args.workers, report=args.report)
