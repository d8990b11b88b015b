"""After a run: where the report is, and how long each stage took (from the rules' benchmark files)."""

import argparse

from greenup.summary import print_summary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("root", help="results/<study>")
print_summary(parser.parse_args().root)
