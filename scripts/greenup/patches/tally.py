"""What one export job did, in three lines of its log whose form stays as it is: scripts may read them.

d/0003: 24 images wanted, 14 kept already, 10 to fetch
d/0003: prepared 22 images (8 fetched, 6 from unfinished work, 5 from this shard, 3 from other shards), 1 does not exist, 1 failed: 1 quota (429)
d/0003: 20 ok, 2 cloudy, 1 no_scene; 12.3 s, 0.7 images/s fetched
"""  # noqa: E501

from __future__ import annotations

import re
import threading
from collections import Counter

FETCHED, UNFINISHED, FINISHED, ELSEWHERE, MISSING = "fetched", "unfinished", "finished", "elsewhere", "missing"
"""Where an image came from: the source, unfinished work, this shard as last finished, another shard; or that the source
has said, now or in an earlier job, that it does not exist."""

_PREPARED = re.compile(
    r"prepared (\d+) images \((\d+) fetched, (\d+) from unfinished work, (\d+) from this shard, "
    r"(\d+) from other shards\), (\d+) (?:does|do) not exist, (\d+) failed"
)


class Tally:
    """Counts images by where they came from; threads may share one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, where: str, count: int = 1) -> None:
        with self._lock:
            self._counts[where] += count

    def __getitem__(self, where: str) -> int:
        return self._counts[where]

    def line(self, failed: int, causes: str) -> str:
        """The second line, without the shard's name."""
        c = self._counts
        prepared = c[FETCHED] + c[UNFINISHED] + c[FINISHED] + c[ELSEWHERE]
        return (
            f"prepared {prepared} images ({c[FETCHED]} fetched, {c[UNFINISHED]} from unfinished work, "
            f"{c[FINISHED]} from this shard, {c[ELSEWHERE]} from other shards), "
            f"{c[MISSING]} {'does' if c[MISSING] == 1 else 'do'} not exist, {failed} failed{causes and f': {causes}'}"
        )


def read_line(text: str) -> dict[str, int]:
    """The counts of the last such line in a job's log, by the names above, ``failed`` and ``prepared`` beside them.

    Raises `ValueError` when the log has none.
    """
    found = _PREPARED.findall(text)
    if not found:
        raise ValueError("no line tells how many images were prepared")
    names = ("prepared", FETCHED, UNFINISHED, FINISHED, ELSEWHERE, MISSING, "failed")
    return dict(zip(names, map(int, found[-1]), strict=True))
