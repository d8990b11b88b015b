"""Rule write_layout: datasets as the folders of SSL4EO-S12, one GeoTIFF a band."""

import argparse

from greenup.errors import job
from greenup.patches.layout import SEASONS, write_layout

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--index",
    required=True,
    nargs="+",
    help="index.parquet of a dataset, or of one each of radar, Level 1C and Level 2A of the same sites",
)
parser.add_argument("--out", required=True, help="folder of the layout; contents.csv is written there last")
parser.add_argument("--seasons", type=int, default=SEASONS, help="sites with fewer images are left out")
parser.add_argument("--threads", type=int, default=1, help="images written at once")
parser.add_argument("--log", help="log file")
args = parser.parse_args()

with job(args.log):
    write_layout(args.index, args.out, seasons=args.seasons, threads=args.threads)
