"""What a source remarks on the pixels it reads, each remark once."""

from __future__ import annotations

import logging
import threading

import numpy as np

# Bands in which land, water and shadow have dark pixels almost everywhere; the near infrared of a forest has none.
_VISIBLE = ("B2", "B3", "B4")
_DARK_QUANTILE = 0.001
_OFFSET = 1000

_log = logging.getLogger(__name__)


class Notes:
    """Remarks of one source, safe among threads. Nothing here changes a pixel."""

    def __init__(self) -> None:
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def once(self, key: str, message: str, *arguments: object) -> None:
        """Warn, unless this source has said so before."""
        with self._lock:
            if key in self._made:
                return
            self._made.add(key)
        _log.warning(message, *arguments)

    def lacks(self, scene_id: str, mask: str) -> None:
        """A scene without an optional mask, whose band then says that nothing is known."""
        self.once(
            f"lacks {mask}",
            "%s: no asset holds the mask %s; nothing is known of it there, nor in others like it",
            scene_id,
            mask,
        )

    def look_for_offset(self, scene_id: str, bands: dict[str, np.ndarray], valid: np.ndarray) -> None:
        """Warn when a patch from which no offset was taken off has no dark pixel.

        ``bands``: stored values (rows, columns) of bands whose metadata name no offset. Values of processing baseline
        04.00 and later begin near 1000, so that the 0.1 % quantile of the darkest visible band above 1000 is a sign of
        an offset that the metadata hide; cloud, snow and bright sand are others, hence only a warning.
        """
        visible = [v[valid] for name, v in bands.items() if name in _VISIBLE]
        if not visible or not visible[0].size:
            return
        darkest = min(float(np.quantile(v, _DARK_QUANTILE)) for v in visible)
        if darkest > _OFFSET:
            self.once(
                "offset",
                "%s: no dark pixel (0.1 %% quantile of the darkest visible band %.0f) although the metadata say that "
                "no offset is left: bright ground, cloud, or values that still carry the +1000 of baseline 04.00",
                scene_id,
                darkest,
            )
