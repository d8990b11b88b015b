"""Random numbers that depend on what is drawn, never on who draws it.

Every draw comes from a generator keyed by (seed, purpose, identifiers): the same site gets the same numbers whatever
the number of workers, shards or nodes, and two purposes never share a stream.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stable_hash(*parts: object) -> int:
    """A 64-bit integer from any printable parts; the same on every machine and in every process."""
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, *key: object) -> np.random.Generator:
    """A NumPy generator (PCG64) for one purpose: ``generator(seed, "dates", site_id)``."""
    return np.random.Generator(np.random.PCG64(stable_hash(seed, *key)))
