"""Pixels of several scenes by one computePixels request, at native resolution though the request has one grid.

A request has one pixel grid, a scene has bands of 10, 20 and 60 m. The grid is that of the finest band asked for; a
coarser pixel is repeated in the answer (nearest neighbour, the service's default) and one of its repetitions is kept.
On the scene's own grid that is the product's own pixel, because patch grids nest: the centre of a 10 m pixel lies
strictly inside one 20 m pixel. A scene of another UTM zone is resampled bilinearly (masks: nearest) on each native grid
first. Repeating costs twice the bytes of native requests and saves two of three requests a scene.
"""

from __future__ import annotations

import io

import ee
import numpy as np
from numpy.lib import format as npy
from numpy.lib.recfunctions import structured_to_unstructured

from greenup.bands import BANDS, bands_at, native_resolutions
from greenup.grids import PatchGrid
from greenup.imagery.base import UNKNOWN_MASK, PassingError, Pixels
from greenup.imagery.earthengine.products import Product, stored

REQUEST_BYTES = 48_000_000
"""Most a pixel request may ask for, uncompressed: width x height x bands x 2 bytes (the service's documentation)."""

REQUEST_BANDS = 1_024
"""Most bands of a request."""

MASKED = 65_535
"""Stands for masked pixels on the way here. Sentinel-2 marks saturation by this value, which is no data either."""


def side_px(grid: PatchGrid, bands: tuple[str, ...]) -> tuple[int, int]:
    """Step (m) and pixels a side of the one grid that holds these bands."""
    step = min(native_resolutions(bands))
    # A coarse band that does not divide the patch covers a bit more.
    return step, max(-(-grid.shape(m) * m // step) for m in native_resolutions(bands))


def scenes_a_request(grid: PatchGrid, bands: tuple[str, ...]) -> int:
    """How many scenes with these bands fit into a request; 0 when not even one does."""
    _, side = side_px(grid, bands)
    return min(REQUEST_BYTES // (2 * side**2 * len(bands)), REQUEST_BANDS // len(bands))


def request(
    product: Product, collection: str, scene_ids: list[str], grid: PatchGrid, bands: tuple[str, ...]
) -> dict[str, object]:
    """Parameters of computePixels for some scenes on one grid; bands of the answer are named by `names`."""
    step, side = side_px(grid, bands)
    parts = [_scene(product, collection, scene_id, grid, bands, step) for scene_id in scene_ids]
    # Cast first: a band of one byte (SCL) may not hold the value that stands for masked pixels.
    image = ee.Image.cat(parts).rename(names(len(parts), bands)).toUint16().unmask(MASKED, False).toUint16()
    return {
        "expression": image,
        # The bytes themselves: the client's own reader would take what is not an NPY for a pickle's fault.
        "fileFormat": "NPY",
        "grid": {
            "dimensions": {"width": side, "height": side},
            "affineTransform": {
                "scaleX": step,
                "shearX": 0,
                "translateX": grid.west,
                "shearY": 0,
                "scaleY": -step,
                "translateY": grid.north,
            },
            "crsCode": f"EPSG:{grid.epsg}",
        },
    }


def names(count: int, bands: tuple[str, ...]) -> list[str]:
    """Band names of an answer of ``count`` scenes."""
    return [f"s{k}_{band}" for k in range(count) for band in bands]


def _scene(
    product: Product, collection: str, scene_id: str, grid: PatchGrid, bands: tuple[str, ...], step: int
) -> ee.Image:
    """One scene as it is stored, on the patch's native grids, bands in the given order."""
    scene = product.image(collection, scene_id, bands)
    # Where the scene's grid is not known (Sentinel-1), bilinear too: on the scene's own pixels it changes nothing.
    is_foreign = product.epsg(scene_id) != grid.epsg
    groups: dict[tuple[int, str], list[str]] = {}
    for band in bands:
        groups.setdefault((BANDS[band].native_m, _treatment(band)), []).append(band)
    parts = []
    for (native_m, treatment), own in groups.items():
        part = scene.select(own)
        if is_foreign and treatment != "mask":
            part = part.resample("bilinear")
        part = stored(part, own[0])
        if treatment in ("backscatter", "score") or (is_foreign and treatment == "measured"):
            part = part.round()
        if native_m != step and (is_foreign or grid.west % native_m or grid.north % native_m):
            t = grid.transform(native_m)
            part = part.reproject(f"EPSG:{grid.epsg}", [t.a, t.b, t.c, t.d, t.e, t.f])
        parts.append(part)
    return parts[0] if len(parts) == 1 else ee.Image.cat(parts).select(list(bands))


def _treatment(band: str) -> str:
    """Bands that are resampled and scaled alike."""
    if band == "CSPLUS":
        return "score"
    return {"mask": "mask", "backscatter": "backscatter"}.get(BANDS[band].kind, "measured")


def parse(body: bytes, expected: list[str], side: int) -> np.ndarray:
    """The body of an answer as uint16 (bands, side, side).

    Raises `PassingError` when it has other bands or another size, ValueError and its like when it is no NPY at all.
    """
    file = io.BytesIO(body)
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)
    if shape != (side, side) or is_fortran or list(dtype.names or ()) != expected:
        raise PassingError(f"the answer has shape {shape} and bands {dtype.names}, asked for {(side, side)} {expected}")
    if len(body) - file.tell() != side * side * dtype.itemsize:
        raise PassingError(f"the answer ends after {len(body)} bytes, which is not where its header says")
    values = np.frombuffer(body, dtype, offset=file.tell()).reshape(shape)
    return np.ascontiguousarray(np.moveaxis(structured_to_unstructured(values, np.uint16), -1, 0))


def unpack(stack: np.ndarray, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
    """One scene of an answer, uint16 (bands, side, side), as `Pixels`."""
    step = min(native_resolutions(bands))
    values, valid = {}, {}
    for native_m in native_resolutions(bands):
        own, n, times = bands_at(bands, native_m), grid.shape(native_m), native_m // step
        kept = stack[[bands.index(b) for b in own], times // 2 :: times, times // 2 :: times][:, :n, :n]
        is_masked = kept == MASKED
        measured = [i for i, b in enumerate(own) if BANDS[b].kind != "mask"]
        # A mask that says nothing of a pixel does not take away what was measured there.
        has_data = ~is_masked[measured].any(axis=0)
        for i, band in enumerate(own):
            if band in UNKNOWN_MASK:
                kept[i][is_masked[i]] = UNKNOWN_MASK[band]
        values[native_m] = np.where(has_data, kept, np.uint16(0))
        valid[native_m] = has_data
    return Pixels(values, valid)
