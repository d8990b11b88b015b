"""What the images of one file have in common, what is kept of each beside its pixels, and the checksums of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xxhash

from greenup.bands import bands_at, measured_of, native_resolutions, sources_of
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels


@dataclass(frozen=True)
class Form:
    """What all images of a file have in common. ``bands``: bands and masks in the exported order.

    ``origin`` names the source and its settings: the same scene id from another source is another image.
    ``resampled``: all bands lie at 10 m, because those who published the images resampled them.
    """

    bands: tuple[str, ...]
    size_px: int
    simulated: bool
    attribution: str
    origin: str = ""
    resampled: bool = False

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Resolutions that are stored (m), finest first."""
        return (10,) if self.resampled else native_resolutions(self.bands)

    def bands_at(self, native_m: int) -> tuple[str, ...]:
        """The bands and masks that are stored at a resolution, in the exported order."""
        return self.bands if self.resampled else bands_at(self.bands, native_m)

    def resolutions_of(self, channels: Sequence[str]) -> tuple[int, ...]:
        """Resolutions (m) at which the bands behind some channels are stored, finest first."""
        return (10,) if self.resampled else native_resolutions(sources_of(channels))

    def valid_fraction(self, pixels: Pixels) -> float:
        """Share of pixels with data at the finest resolution of the bands; masks count only if there is nothing
        else."""
        valid = pixels.valid[self.resolutions_of(measured_of(self.bands) or self.bands)[0]]
        return np.count_nonzero(valid) / valid.size

    def shape(self, native_m: int) -> tuple[int, int, int]:
        """Bands, height and width of one image at a native resolution."""
        side = PatchGrid(0, 0.0, 0.0, self.size_px).shape(native_m)
        return len(self.bands_at(native_m)), side, side

    def check(self, pixels: Pixels, where: str) -> Pixels:
        """The pixels as they are stored: invalid ones set to 0.

        Raises `ValueError` when a source has handed out another shape or type than `Pixels` promises.
        """
        values, valid = {}, {}
        for m in self.resolutions:
            v, ok = pixels.values[m], pixels.valid[m]
            if v.shape != self.shape(m) or v.dtype != np.uint16 or ok.shape != v.shape[1:] or ok.dtype != np.bool_:
                raise ValueError(
                    f"{where}: at {m} m the source gave {v.dtype} {v.shape} and mask {ok.dtype} {ok.shape}; "
                    f"asked for uint16 {self.shape(m)} and bool {self.shape(m)[1:]}"
                )
            values[m], valid[m] = (v if ok.all() else v * ok), ok
        return Pixels(values, valid)


@dataclass(frozen=True)
class Row:
    """What is kept of one image beside its pixels. ``time`` is the acquisition time (UTC), ``cloud`` the cloud cover
    by which it was chosen (percent), None where that is unknown. ``checksum`` is that of `pixel_checksum`."""

    site_id: str
    season: str
    scene_id: str
    time: pd.Timestamp
    grid: PatchGrid
    checksum: str
    valid_fraction: float
    cloud: float | None = None


# --------------------------------------------------------------------------------------------------------- checksums
# XXH3 guards against damage, not against malice: whoever wants another image with the same sum can make one. It costs a
# hundredth of the time of reading an image (BLAKE2b half of it), so every read can afford it.


def checksum_of(values: np.ndarray, valid: np.ndarray) -> str:
    """XXH3-128 (hexadecimal) of one image at one resolution: the values (uint16, little-endian, band by band, row by
    row), then, unless all pixels are valid, the mask (one byte a pixel, 0 or 1)."""
    digest = xxhash.xxh3_128(np.ascontiguousarray(values, "<u2"))
    if not valid.all():
        digest.update(np.ascontiguousarray(valid, "u1"))
    return digest.hexdigest()


def checksums_of(pixels: Pixels) -> dict[int, str]:
    """`checksum_of` each resolution (m), finest first."""
    return {m: checksum_of(pixels.values[m], pixels.valid[m]) for m in sorted(pixels.values)}


def joint(checksums: dict[int, str]) -> str:
    """XXH3-128 (hexadecimal) of the checksums of all resolutions as text, finest first, nothing between them."""
    return xxhash.xxh3_128_hexdigest("".join(checksums[m] for m in sorted(checksums)).encode())


def pixel_checksum(pixels: Pixels) -> str:
    """The checksum of an image: `joint` of those of its resolutions."""
    return joint(checksums_of(pixels))
