"""The miniature Earth: a simulated sky over real land, rendered on demand from a seed.

Real: land cover and climate zone of every place (`greenup.sites.packaged`). Simulated, and said to be so wherever it
shows: weather, relief, plants and their seasons, clouds, light, pixels. Everything is a function of (seed, place,
time), never of a site's name or of the patch it is looked at through: two datasets that look at one spot see the same
ground, and overlapping patches agree.

What tells places apart lies in texture and season; soil colour, leaf brightness, light and haze are drawn apart from
the labels and blur each band's mean. The simulator was written from what is known of the Earth and shaped against two
references only (`benchmarks/miniature_reference.py`): a linear probe on each patch's band means and standard
deviations, which must leave room, and a small supervised network, which must find more. It is frozen: `VERSION`
stands in every scene id, and a change that moves a pixel must raise it.

    noise     lattice noise in world coordinates      land      what grows at a place, its climate and relief
    plants    the course of green over the year       dates     the four dates of many years at once
    trees     genera and their niches                 spectra   the spectra that pixels mix
    ground    a patch before any date: cover, relief  parcels   fields, streets, dunes
    sky       tiles, orbits, clouds, light            render    a patch on a date
    source    the source itself: search, read, curves, labels
"""

from greenup.imagery.miniature.source import MiniatureSource
from greenup.imagery.miniature.version import VERSION

__all__ = ["VERSION", "MiniatureSource"]
