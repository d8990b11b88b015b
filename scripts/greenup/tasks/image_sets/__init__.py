"""Published image sets: labelled images of others, read as they were handed out.

`about` says what each is, where it is downloaded and which files it needs, and imports nothing heavy; `base` is what
every reader is; each set has a module of its own, imported when it is opened.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenup.config.image_sets import ImageSet
    from greenup.tasks.image_sets.base import ImageSetReader

READERS: dict[str, str] = {
    "eurosat": "eurosat.EuroSat",
    "so2sat": "so2sat.So2Sat",
    "bigearthnet": "bigearthnet.BigEarthNet",
    "treesatai": "treesatai.TreeSatAi",
    "geolifeclef": "geolifeclef.GeoLifeClef",
    "biomassters": "biomassters.BioMassters",
    "oscd": "oscd.Oscd",
}
"""Module and class that read each kind of set."""


def open_image_set(settings: ImageSet) -> ImageSetReader:
    """The reader of a set. Raises `UserError` naming what is missing, where it is downloaded and how large it is."""
    module, name = READERS[settings.kind].split(".")
    return getattr(import_module(f"{__name__}.{module}"), name)(settings)
