import base64
import io

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.paper.pictures import load_pictures
from PIL import Image


def noise(path, side: int, seed: int = 0):
    """A picture that cannot be made much smaller without loss."""
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 4), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def opened(picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",")[1])))


def test_pictures_that_fit_stay_as_they_are(tmp_path):
    paths = [noise(tmp_path / "a.png", 30), noise(tmp_path / "b.png", 20)]
    for picture, path in zip(load_pictures(paths), paths, strict=True):
        assert base64.b64decode(picture.uri.removeprefix("data:image/png;base64,")) == path.read_bytes()
    assert [(p.width, p.height) for p in load_pictures(paths)] == [(30, 30), (20, 20)]


def test_the_largest_are_made_smaller_until_all_fit(tmp_path):
    paths = [noise(tmp_path / "large.png", 1500), noise(tmp_path / "small.png", 100)]
    budget = 1_500_000
    large, small = load_pictures(paths, budget)
    assert len(large.uri) + len(small.uri) <= budget
    assert large.uri.startswith("data:image/jpeg") and small.uri.startswith("data:image/png")
    with opened(large) as image:
        assert image.format == "JPEG" and image.size == (large.width, large.height)
        assert 900 <= image.width <= 1500
    assert load_pictures(paths, budget) == [large, small]


def test_where_nothing_helps_the_smallest_are_taken_and_it_is_said(tmp_path, caplog):
    picture = load_pictures([noise(tmp_path / "large.png", 1000)], 1000)[0]
    assert picture.width == 900 and "more than the 1000" in caplog.text


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_what_cannot_be_read_is_named(tmp_path, content):
    if content:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.png"):
        load_pictures([tmp_path / "x.png"])
