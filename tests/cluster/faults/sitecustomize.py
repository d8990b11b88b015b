"""Read by every Python of a job: lets the export of a shard meet a fault, once.

$CLUSTER_FAULTS is a folder with a file <shard>, whose text is `fail`, `memory` or `hold`. The first process that finds
it takes it (<shard>.met); what is held waits for the file `release`.
"""

import os
import sys
import time
from pathlib import Path


def meet(folder: Path, shard: str) -> None:
    told, met = folder / shard, folder / f"{shard}.met"
    try:
        told.rename(met)
    except FileNotFoundError:
        return
    match met.read_text().strip():
        case "fail":
            os._exit(3)
        case "memory":
            taken = []
            while True:
                taken.append(b"1" * (200 << 20))
                time.sleep(0.2)
        case "hold":
            while not (folder / "release").exists():
                time.sleep(0.2)


if os.environ.get("CLUSTER_FAULTS") and any(Path(word).name == "export_patches.py" for word in sys.orig_argv):
    meet(Path(os.environ["CLUSTER_FAULTS"]), sys.orig_argv[sys.orig_argv.index("--shard") + 1])
