"""APIs by name."""

import pytest
from greenup.bands import PRODUCTS
from greenup.errors import UserError
from greenup.imagery.presets import PRESETS, endpoint, signing

EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"
PLANETARY = "https://planetarycomputer.microsoft.com/api/stac/v1"


@pytest.mark.parametrize(
    ("url", "collection", "product", "expected"),
    [
        ("earth-search", None, "s2_l2a", (EARTH_SEARCH, "sentinel-2-l2a")),
        ("earth-search", "sentinel-2-c1-l2a", "s2_l2a", (EARTH_SEARCH, "sentinel-2-c1-l2a")),
        ("earth-search", None, "s2_l1c", (EARTH_SEARCH, "sentinel-2-l1c")),
        ("planetary-computer", None, "s2_l2a", (PLANETARY, "sentinel-2-l2a")),
        ("planetary-computer", None, "s1_grd", (PLANETARY, "sentinel-1-rtc")),
        ("https://stac.example", None, "s2_l2a", ("https://stac.example", "sentinel-2-l2a")),
        ("https://stac.example", "mine", "s1_grd", ("https://stac.example", "mine")),
    ],
)
def test_address_and_collection(url, collection, product, expected):
    assert endpoint(url, collection, product) == expected


@pytest.mark.parametrize(
    ("url", "product", "key"),
    [
        ("earth-search", "s1_grd", "imagery.product"),
        ("planetary-computer", "s2_l1c", "imagery.product"),
        ("https://stac.example", "s2_l1c", "imagery.collection"),
        ("https://stac.example", "s1_grd", "imagery.collection"),
        ("earthsearch", "s2_l2a", "imagery.url"),
    ],
)
def test_what_cannot_be_had_names_the_key(url, product, key):
    with pytest.raises(UserError, match=key) as caught:
        endpoint(url, None, product)
    assert caught.value.mend


def test_every_product_of_a_preset_is_there_or_explained():
    for preset in PRESETS.values():
        assert set(preset.collections) | set(preset.lacking) == set(PRODUCTS)
        assert not set(preset.collections) & set(preset.lacking)


@pytest.mark.parametrize(
    ("sign", "url", "expected"),
    [
        ("auto", PLANETARY, "planetary-computer"),
        ("auto", EARTH_SEARCH, "none"),
        ("auto", "https://mirror.example/planetarycomputer.microsoft.com", "none"),
        ("none", PLANETARY, "none"),
        ("planetary-computer", "http://127.0.0.1:1", "planetary-computer"),
    ],
)
def test_signing_by_the_address(sign, url, expected):
    assert signing(sign, url) == expected
