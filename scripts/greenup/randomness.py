"""Random numbers that depend on what is drawn, never on who draws it.

Every draw is keyed by (seed, purpose, identifiers): the same site gets the same numbers whatever the number of workers,
shards or nodes, and two purposes never share a stream. `generator` gives a stream for one key, `uniform_integers` one
number for each of many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stable_hash(*parts: object) -> int:
    """A 64-bit integer from any printable parts; the same on every machine and in every process."""
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, *key: object) -> np.random.Generator:
    """A NumPy generator (PCG64) for one purpose: ``generator(seed, "dates", site_id)``."""
    return np.random.Generator(np.random.PCG64(stable_hash(seed, *key)))


def uniform_integers(seed: int, purpose: str, ids: Sequence[str], high: int) -> NDArray[np.int64]:
    """One integer of 0 .. high - 1 for each of n texts, at millions of texts a second.

    A text's number depends on seed, purpose and the text alone, not on the others. Each number is equally likely to
    ``high`` / 2^32. Raises ValueError for ``high`` outside 1 .. 2^32.
    """
    if not 0 < high <= 1 << 32:
        raise ValueError(f"high is {high}, must be 1 .. 2^32")
    bits = _hash_texts(stable_hash(seed, purpose), ids) >> np.uint64(32)
    return ((bits * np.uint64(high)) >> np.uint64(32)).astype(np.int64)


def _hash_texts(salt: int, texts: Sequence[str]) -> NDArray[np.uint64]:
    """64 well-mixed bits for each text, of its UTF-8 bytes in words of eight, and of its length."""
    encoded = np.char.encode(np.asarray(texts, dtype=np.str_), "utf-8")
    length = np.char.str_len(encoded).astype(np.uint64)
    words = -(-encoded.dtype.itemsize // 8)
    padded = np.ascontiguousarray(encoded.astype(f"S{8 * words}")).view("<u8").reshape(len(encoded), words)
    h = _mix(np.full(len(encoded), salt, dtype=np.uint64) ^ length)
    for i in range(words):
        # Words beyond a text's end are there because another text is longer: they must not count.
        h = np.where(length > 8 * i, _mix(h ^ padded[:, i]), h)
    return h


def _mix(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Avalanche of 64 bits: a step of SplitMix64 (Steele, Lea and Flood 2014)."""
    h = h + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))
