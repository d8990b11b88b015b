"""Images of a published folder: SSL4EO-S12, SSL4Eco, SeCo as they are downloaded."""

from greenup.imagery.published.source import PublishedSource

__all__ = ["PublishedSource"]
