"""Turn samples of real Sentinel-2 time series (config/samples.csv) into STAC archives and points, for `make real`."""

import argparse

from greenup.errors import job
from greenup.imagery.samples import make_archives

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--samples", required=True, help="folder that holds a folder a sample")
parser.add_argument("--out", default="data/real_sample", help="where the archives go")
args = parser.parse_args()

with job():
    make_archives(args.samples, args.out)
