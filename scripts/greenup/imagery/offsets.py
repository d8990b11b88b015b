"""The +1000 of Sentinel-2 processing baseline 04.00: whether stored values carry it, by item metadata only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from greenup.errors import UserError

Silent = Literal["metadata", "none", "subtract_1000"]
"""What is done with items that say nothing: refused, taken as they are, or 1000 taken off."""

_STORED = 10_000.0  # stored value of a reflectance of 1, see greenup.bands
# Reflectance: BOA_ADD_OFFSET and RADIO_ADD_OFFSET, -1000, over the quantification value 10 000 (L2A and L1C alike).
_OFFSET = -0.1


def scale_and_offset(
    properties: Mapping[str, Any], values: Mapping[str, Any], where: str, silent: Silent = "metadata"
) -> tuple[float, float]:
    """Scale and offset from a stored value to reflectance, by metadata only.

    From processing baseline 04.00 on (25 January 2022) ESA adds 1000 to every stored value, so that dark surfaces need
    no negative number; some archives take it off again. In this order:

    1. ``earthsearch:boa_offset_applied: true``: the archive took it off, whatever ``raster:bands`` repeats of it
       (Earth Search writes offset -0.1 in either case).
    2. an offset in the asset's ``raster:bands`` (or ``bands``).
    3. ``s2:processing_baseline``: -0.1 from 04.00 on, 0 before.
    4. ``silent`` for an item that says none of these. It never overrules one that does, so that the offset is never
       taken off twice.

    ``values``: the asset's fields for this band (scale, offset, or raster:scale, raster:offset). Returns scale and
    offset in reflectance. Raises `UserError` when the item is silent and so is the user: pixels alone cannot tell.
    """
    scale = number(values, "scale", where)
    scale = 1.0 / _STORED if scale is None else scale
    offset = number(values, "offset", where)
    baseline = properties.get("s2:processing_baseline")
    if properties.get("earthsearch:boa_offset_applied") is True:
        return scale, 0.0
    if offset is not None:
        return scale, offset
    if baseline is not None:
        try:
            at_least = float(baseline) >= 4.0
        except (TypeError, ValueError):
            raise UserError(
                f"{where}: s2:processing_baseline {baseline!r} is no number", "write it as ESA does, e.g. '05.09'"
            ) from None
        return scale, _OFFSET if at_least else 0.0
    if silent == "metadata":
        raise UserError(
            f"{where}: the item does not say whether its values carry the +1000 offset of processing baseline 04.00",
            'write one of these in the item\'s properties: "s2:processing_baseline": "05.09" (or what the product\'s '
            'name says after N), or "earthsearch:boa_offset_applied": true when the offset was taken off or never '
            "there; or, if you know it of all silent items, set imagery.offset: none or subtract_1000",
        )
    return scale, _OFFSET if silent == "subtract_1000" else 0.0


def number(values: Mapping[str, Any], name: str, where: str) -> float | None:
    """A field of ``raster:bands`` or ``bands`` as a number, None where it is missing; `UserError` for anything else."""
    value = values.get(f"raster:{name}", values.get(name))
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where}: {name} {value!r} is no number", "mend the item") from None
