"""Every kind of imagery block opens its source with all of its keys."""

import sys
import types

import pytest
from greenup.config import Runtime, parse
from greenup.config.data import Imagery
from greenup.imagery import open_source
from greenup.imagery.miniature import MiniatureSource


class Opened:
    """Keeps what it was opened with."""

    def __init__(self, *arguments, **named):
        self.arguments, self.named = arguments, named


CASES = [
    (
        {"source": "archive", "path": "data/a"},
        ("archive", "ArchiveSource"),
        (("data/a",), {"product": "s2_l2a", "offset": "metadata"}),
    ),
    (
        {"source": "archive", "path": "data/a.parquet", "product": "s2_l1c", "offset": "subtract_1000"},
        ("archive", "ArchiveSource"),
        (("data/a.parquet",), {"product": "s2_l1c", "offset": "subtract_1000"}),
    ),
    (
        {"source": "stac", "url": "earth-search", "offset": "none", "sign": "none"},
        ("stac", "StacSource"),
        (
            ("earth-search", None),
            {"sign": "none", "product": "s2_l2a", "offset": "none", "requests": 7},
        ),
    ),
    (
        {"source": "earthengine", "product": "s1_grd"},
        ("earthengine", "EarthEngineSource"),
        (("s1_grd", None), {"requests": 7}),
    ),
    (
        {"source": "earthengine", "collection": "COPERNICUS/S2_SR"},
        ("earthengine", "EarthEngineSource"),
        (("s2_l2a", "COPERNICUS/S2_SR"), {"requests": 7}),
    ),
]


@pytest.mark.parametrize(("block", "where", "expected"), CASES, ids=lambda v: str(v)[:40])
def test_blocks_open_their_source(monkeypatch, block, where, expected):
    module = types.ModuleType(where[0])
    setattr(module, where[1], Opened)
    monkeypatch.setitem(sys.modules, f"greenup.imagery.{where[0]}", module)
    source = open_source(parse(Imagery, block), Runtime(requests=7))
    assert (source.arguments, source.named) == expected


def test_the_miniature_earth():
    source = open_source(parse(Imagery, {"source": "miniature", "seed": 3}))
    assert isinstance(source, MiniatureSource)
    assert source.seed == 3
