"""How the pixels of one image are packed: one chunk a resolution, by Blosc (bitshuffle, then LZ4).

The bytes are those of HDF5's registered Blosc filter (32001), so that any HDF5 library with that filter reads a file.
We pack and unpack them ourselves: HDF5 does it under its one lock, and without a look at what it unpacks. A decoder
that is given altered bytes may read beyond its memory; `packed_checksum` is compared before `unpack`.
"""

from __future__ import annotations

import hdf5plugin
import numcodecs
import numpy as np
import xxhash

# LZ4 rather than zstd: 5 % larger on textured reflectance, read twice as fast (docs/store.md).
FILTER = hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE)
"""What HDF5 must know to read the chunks, for `h5py.Group.create_dataset`."""

_CODEC = numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.BITSHUFFLE)

# An image is packed in half a millisecond: threads would cost more than they bring, and loaders have processes of their
# own. Blosc's threads do not survive a fork either.
numcodecs.blosc.use_threads = False


def pack(values: np.ndarray) -> bytes:
    """Values (uint16 or uint8, any shape) as one packed chunk."""
    return _CODEC.encode(np.ascontiguousarray(values, f"<u{values.itemsize}"))


def unpack(chunk: bytes, shape: tuple[int, ...], itemsize: int) -> np.ndarray:
    """Values of a chunk made by `pack`, as unsigned integers of ``itemsize`` bytes.

    The chunk must be whole (`packed_checksum`). Raises `ValueError` when it holds another number of bytes.
    """
    out = np.empty(shape, f"<u{itemsize}")
    # Bytes 4 to 7 of Blosc's header.
    if int.from_bytes(chunk[4:8], "little") != out.nbytes:
        raise ValueError(f"its chunk does not hold {shape} values of {itemsize} bytes")
    _CODEC.decode(chunk, out)
    return out


def packed_checksum(chunk: bytes, mask: bytes | None) -> str:
    """XXH3-128 (hexadecimal) of the packed pixels and, where a pixel is invalid, the packed mask after them."""
    digest = xxhash.xxh3_128(chunk)
    if mask is not None:
        digest.update(mask)
    return digest.hexdigest()
