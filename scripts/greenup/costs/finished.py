"""What of a study is there already: files below results/<study>/, looked at and never changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from greenup.errors import UserError
from greenup.plan import Plan


class Finished:
    """Shares (0..1) of the work that is done. ``plan`` names the files, ``folder`` is the working directory."""

    def __init__(self, plan: Plan, folder: str | Path = ".") -> None:
        self._plan, self._folder = plan, Path(folder)

    def share(self, *paths: str) -> float:
        """How many of some files are there; 0 of none."""
        return sum((self._folder / p).is_file() for p in paths) / len(paths) if paths else 0.0

    def scenes(self, dataset: str) -> float:
        """Share of the shards whose scenes are chosen."""
        return self.share(*self._plan.shard_files(dataset, "scenes/{dataset}/{shard}.parquet"))

    def patches(self, dataset: str) -> float:
        """Share of the shards whose pixels are there, with their ledger. Shards under way count as not done."""
        pixels, ledgers = (
            self._plan.shard_files(dataset, "patches/{dataset}/{shard}" + end) for end in (".h5", ".ledger.parquet")
        )
        both = [self.share(p, q) == 1 for p, q in zip(pixels, ledgers, strict=True)]
        return sum(both) / len(both)

    def images(self, dataset: str) -> int:
        """Images in the finished shards, by their ledgers. Raises `UserError` for a ledger that cannot be read."""
        count = 0
        for path in self._plan.shard_files(dataset, "patches/{dataset}/{shard}.ledger.parquet"):
            ledger = self._folder / path
            if not ledger.is_file():
                continue
            try:
                status = pq.read_table(ledger, columns=["status"])["status"]
            except (OSError, pa.ArrowException) as error:
                raise UserError(f"{ledger}: cannot be read as a ledger ({error})", "run `snakemake repair`") from error
            count += pc.sum(pc.equal(status.cast(pa.string()), "ok")).as_py() or 0
        return count
