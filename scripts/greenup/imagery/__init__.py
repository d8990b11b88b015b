"""Image sources. Two methods make one: *search* (sites x intervals -> scenes) and *read* (scene x grid -> pixels)."""

from __future__ import annotations

from greenup.config.data import (
    ArchiveImagery,
    EarthEngineImagery,
    Imagery,
    MiniatureImagery,
    PublishedImagery,
    StacImagery,
)
from greenup.config.study import Runtime
from greenup.imagery.base import ImagerySource, PassingError, Pixels, SceneMissing


def open_source(imagery: Imagery, runtime: Runtime | None = None) -> ImagerySource:
    """The image source of a configuration block. Credentials are checked here, not when planning."""
    runtime = runtime or Runtime()
    # Each source is imported only where it is used: a job on the miniature Earth loads neither ee nor pystac.
    match imagery:
        case MiniatureImagery():
            from greenup.imagery.miniature import MiniatureSource

            return MiniatureSource(imagery.seed)
        case ArchiveImagery():
            from greenup.imagery.archive import ArchiveSource

            return ArchiveSource(imagery.path, product=imagery.product, offset=imagery.offset)
        case StacImagery():
            from greenup.imagery.stac import StacSource

            return StacSource(
                imagery.url,
                imagery.collection,
                sign=imagery.sign,
                product=imagery.product,
                offset=imagery.offset,
                requests=runtime.requests,
            )
        case EarthEngineImagery():
            from greenup.imagery.earthengine import EarthEngineSource

            return EarthEngineSource(imagery.product, imagery.collection, requests=runtime.requests)
        case PublishedImagery():
            from greenup.imagery.published import PublishedSource

            return PublishedSource(imagery, requests=runtime.requests)
    raise TypeError(imagery)


__all__ = ["ImagerySource", "PassingError", "Pixels", "SceneMissing", "open_source"]
