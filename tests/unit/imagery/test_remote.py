"""Links, and what GDAL's errors mean."""

import pytest
from greenup.errors import UserError
from greenup.imagery.base import PassingError, SceneMissing
from greenup.imagery.pixels import Unreadable
from greenup.imagery.remote import Plain, read_error


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://host/a.tif", "/vsicurl/https://host/a.tif"),
        ("s3://sentinel-s2-l1c/tiles/B02.jp2", "/vsis3/sentinel-s2-l1c/tiles/B02.jp2"),
        ("/data/a.tif", "/data/a.tif"),
    ],
)
def test_links_as_gdal_reads_them(href, expected):
    assert Plain()(href) == expected
    assert not Plain().renew()


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("HTTP response code: 404", SceneMissing, None),
        ("HTTP error code : 410", SceneMissing, None),
        ("HTTP response code: 403", UserError, None),
        ("HTTP response code: 429", PassingError, "quota"),
        ("HTTP response code: 503", PassingError, "error"),
        ("Could not resolve host: nowhere", PassingError, "error"),
        ("TIFFReadEncodedTile() failed", PassingError, "error"),
        ("InvalidCredentials: No valid AWS credentials found", UserError, None),
    ],
)
def test_gdals_words_are_told_apart(text, kind, cause):
    error = Unreadable("https://host/a.tif", "s1")
    error.__cause__ = OSError("Read failed")
    error.__cause__.__cause__ = OSError(f"'/vsicurl/https://host/a.tif?sig=secret': {text}")
    meant = read_error(error)
    assert type(meant) is kind
    assert getattr(meant, "cause", None) == cause
    assert "https://host/a.tif" in str(meant)
    assert "secret" not in str(meant)
