"""The masks of the miniature Earth against the pixels that they speak of."""

import numpy as np
import pytest
from greenup.bands import BANDS, MINIATURE, S2_L2A, bands_at
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.miniature import MiniatureSource, masks
from test_miniature import PLACES, SEED, scenes


@pytest.fixture(scope="module")
def source() -> MiniatureSource:
    return MiniatureSource(SEED)


def read(source, place, nth, bands=MINIATURE, size=120, **span):
    grid = grid_for_site(*PLACES[place], size, (10, 20, 60))
    return source.read(scenes(source, *PLACES[place], grid, **span)["scene_id"].iloc[nth], grid, bands)


def band(pixels, name, bands=MINIATURE):
    native = BANDS[name].native_m
    return pixels.values[native][bands_at(bands, native).index(name)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("nth", [0, -1])
def test_masks_change_no_pixel(source, place, nth):
    """Bit for bit: a world that is frozen stays so whatever else is asked for."""
    alone, beside = (read(source, place, nth, bands, 48) for bands in (S2_L2A, MINIATURE))
    for name in S2_L2A:
        np.testing.assert_array_equal(band(alone, name, S2_L2A), band(beside, name))
    for m in (10, 20, 60):
        np.testing.assert_array_equal(alone.valid[m], beside.valid[m])


def test_masks_alone(source):
    some = read(source, "fields", -1, ("QA60", "SCL"))
    all_of_them = read(source, "fields", -1)
    assert list(some.values) == [20, 60]
    for name in ("QA60", "SCL"):
        np.testing.assert_array_equal(band(some, name, ("QA60", "SCL")), band(all_of_them, name))


@pytest.mark.parametrize("place", PLACES)
def test_classes_are_those_of_the_product(source, place):
    for nth in (0, 5, -1):
        pixels = read(source, place, nth)
        classes = band(pixels, "SCL")
        assert set(np.unique(classes[pixels.valid[20]])) <= {3, 4, 5, 6, 8, 9, 10, 11}
        assert not classes[~pixels.valid[20]].any()
        assert band(pixels, "CLDPRB").max() <= 100 and set(np.unique(band(pixels, "QA60"))) <= {0, 1024, 2048}


def test_clouds_are_where_pixels_are_bright(source):
    """Over dark summer fields under broken cloud: blue of cloud pixels far above that of the clear ones."""
    found = 0
    for nth in range(-1, -16, -1):
        pixels = read(source, "fields", nth)
        classes, probability = band(pixels, "SCL"), band(pixels, "CLDPRB")
        blue = band(pixels, "B2").reshape(60, 2, 60, 2).mean(axis=(1, 3))
        cloud, clear = np.isin(classes, (8, 9)), np.isin(classes, (4, 5, 6))
        np.testing.assert_array_equal(cloud, np.isin(classes, (8, 9)) & (probability >= 40))
        assert (probability[clear] <= 10).all()
        if min(cloud.sum(), clear.sum()) < 50:
            continue
        found += 1
        assert blue[cloud].min() > np.percentile(blue[clear], 90)
        opaque = band(pixels, "QA60") == 1024
        inside = cloud.reshape(20, 3, 20, 3).mean(axis=(1, 3))
        assert (inside[opaque] > 0.2).all() and (inside[band(pixels, "QA60") == 0] < 0.5).all()
    assert found >= 2


def test_ground_is_what_its_spectrum_says(source):
    """Clear scenes: plants have a high NDVI, snow a high NDSI, water reflects next to nothing in the infrared."""
    index = {4: [], 5: [], 6: [], 11: []}
    for place in PLACES:
        for span in ({}, {"first": "2019-01-10", "last": "2019-04-10"}):
            grid = grid_for_site(*PLACES[place], 120, (10, 20, 60))
            if scenes(source, *PLACES[place], grid, **span).empty:
                continue
            pixels = read(source, place, 0, **span)
            classes = band(pixels, "SCL")
            red, nir, green = (band(pixels, b).reshape(60, 2, 60, 2).mean(axis=(1, 3)) for b in ("B4", "B8", "B3"))
            swir = band(pixels, "B11").astype(float)
            for number, of in ((4, (nir - red) / (nir + red + 1)), (5, (nir - red) / (nir + red + 1)), (6, nir / 1e4)):
                index[number].append(of[classes == number])
            index[11].append(((green - swir) / (green + swir + 1))[classes == 11])
    index = {k: np.concatenate(v) for k, v in index.items()}
    assert all(len(v) > 100 for v in index.values()), {k: len(v) for k, v in index.items()}
    assert np.percentile(index[4], 5) > 0.3
    assert np.percentile(index[5], 95) < 0.55
    assert np.percentile(index[6], 90) < 0.2
    assert np.percentile(index[11], 5) > 0.3


def test_each_rule_by_hand():
    """One pixel a rule: cloud over all, its shadow over the ground, snow over water, water over plants."""
    n = len(masks.ENDMEMBERS)
    mixture = np.zeros((n, 1, 6), np.float32)
    for column, name in enumerate(("herb", "herb", "herb", "snow", "water", "sand")):
        mixture[masks.ENDMEMBERS.index(name), 0, column] = 1.0
    veil = masks.Veil(1, 6)
    veil.cloud[0] = [0.9, 0.2, 0, 0, 0, 0]
    veil.shadow[0] = [1, 0, 0.6, 0, 0, 0]
    surface, coarse = masks.Surface(mixture), masks.averaging(1, 6, 6)
    assert masks.scl(surface, veil, coarse)[0].tolist() == [9, 10, 3, 11, 6, 5]
    assert masks.qa60(surface, veil, coarse)[0].tolist() == [1024, 2048, 0, 0, 0, 0]
    assert masks.cloud_probability(surface, veil, coarse)[0].tolist() == [90, 20, 0, 0, 0, 0]
    veil.cloud[:] = veil.shadow[:] = 0
    assert masks.scl(surface, veil, coarse)[0].tolist() == [4, 4, 4, 11, 6, 5]
    mixture[:] = 0
    assert surface.water[0, 4] == 1.0, "light and cloud are laid on afterwards, in place"


def test_what_it_does_not_have(source):
    for name in ("B10", "VV", "CSPLUS"):
        with pytest.raises(UserError, match=f"miniature Earth has no band '{name}'\n  mend: choose from B1, "):
            read(source, "fields", 0, ("B2", name))


def test_beyond_the_swath(source):
    """Where nothing was seen, masks beside bands are invalid with them; masks alone say that they say nothing."""
    grid = grid_for_site(*PLACES["fields"], 60, (10, 20, 60))
    found = scenes(source, *PLACES["fields"], grid, "2018-01-01", "2021-12-31")["scene_id"]
    scene, (middle, _, _) = next((s, e) for s in found if (e := source._sky.scene(s, grid).edge) is not None)
    south = source._sky.scene(scene, grid).south
    edge = PatchGrid(grid.epsg, middle // 60 * 60 - 600, (south + 50_000) // 60 * 60, 120)
    beside = source.read(scene, edge, ("B5", "SCL", "CLDPRB"))
    alone = source.read(scene, edge, ("SCL", "CLDPRB"))
    seen = beside.valid[20]
    assert 0.2 < seen.mean() < 0.8 and alone.valid[20].all()
    assert not beside.values[20][:, ~seen].any()
    for i, unknown in enumerate((0, 65_535)):
        np.testing.assert_array_equal(alone.values[20][i][seen], beside.values[20][i + 1][seen])
        assert (alone.values[20][i][~seen] == unknown).all()
