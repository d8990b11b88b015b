"""Turn real public samples (config/samples.csv) into the files that config/real_sample.yaml reads, for `make real`."""

import argparse

from greenup.errors import job
from greenup.samples.make import make_samples

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--samples", required=True, help="folder that holds a folder a sample")
parser.add_argument("--out", default="data/real_sample", help="where they go")
args = parser.parse_args()

with job():
    make_samples(args.samples, args.out)
