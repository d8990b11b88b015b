import pickle

import numpy as np
import pytest
from greenup.bands import RGB, S2_L1C, S2_L2A, SECO_ECO
from greenup.config import Model
from greenup.errors import UserError
from greenup.pretrain.views import build_views
from greenup.randomness import generator
from scipy.stats import binomtest

METHODS = ("seco", "moco", "moco_tp", "moco_seasonal", "mocov3", "dino", "mae", "data2vec")
FLAT = {"jitter": 0.0, "grey": 0.0, "blur": 0.0, "flip": 0.0}


def build(name, channels=("B2",), **method):
    method = {"crop_px": 32, **({"local_px": 16, "local_views": 3} if name == "dino" else {}), **method}
    return Model.model_validate(
        {
            "dataset": "d",
            "backbone": "vit_tiny",
            "patch_px": 8,
            "channels": channels,
            "method": {"name": name, **method},
        }
    )


class Images:
    """Flat images whose value tells their date; notes what is read."""

    def __init__(self, channels=1):
        self.channels, self.reads = channels, []

    def __call__(self, i):
        self.reads.append(i)
        return np.full((self.channels, 48, 48), 1000 * (i + 1), np.uint16)


def dates_seen(group):
    """Which date each view of a group of flat, unchanged images is of."""
    return [int(v) for v in group[:, 0, 0, 0] // 1000 - 1]


@pytest.mark.parametrize("channels", [("VV", "VH"), RGB, SECO_ECO, S2_L2A, S2_L1C], ids=len)
@pytest.mark.parametrize("name", METHODS)
def test_shapes_of_every_method_and_number_of_channels(name, channels):
    make = build_views(build(name, channels))
    n = len(channels)
    images = generator(0, "images").integers(0, 9000, (4, n, 50, 48)).astype(np.uint16)
    groups, mask = make(images.__getitem__, 4, generator(1))
    many = {"seco": 4, "mae": 1, "data2vec": 1}.get(name, 2)
    expected = [(many, n, 32, 32), *([(3, n, 16, 16)] if name == "dino" else [])]
    assert [g.shape for g in groups] == expected
    assert all(g.dtype == np.uint16 and g.flags.c_contiguous for g in groups)
    if name in ("mae", "data2vec"):
        assert mask.shape == (4, 4) and mask.dtype == bool
        assert mask.sum() == (round(0.7 * 16) if name == "mae" else round(120 / 196 * 16))
    else:
        assert mask is None


@pytest.mark.parametrize("name", METHODS)
def test_the_same_draw_gives_the_same_views_in_whatever_process(name):
    make = build_views(build(name, SECO_ECO))
    images = generator(0, "images").integers(0, 9000, (4, 9, 48, 48)).astype(np.uint16)
    once = make(images.__getitem__, 4, generator(1))
    make(images.__getitem__, 3, generator(2))
    for again in (make, pickle.loads(pickle.dumps(make)), build_views(build(name, SECO_ECO))):
        views = again(images.__getitem__, 4, generator(1))
        for a, b in zip(once.groups, views.groups, strict=True):
            np.testing.assert_array_equal(a, b)
        assert (views.mask is None) == (once.mask is None)
        assert views.mask is None or (views.mask == once.mask).all()
    other = make(images.__getitem__, 4, generator(3))
    assert not np.array_equal(other.groups[0], once.groups[0])


def test_seco_views_keep_their_roles():
    """Only k0 and k2 change colours; k0 comes from t1, k1 from t2, q and k2 from t0."""
    make = build_views(build("seco", colours=FLAT))
    for i in range(20):
        images = Images()
        q, k0, k1, k2 = dates_seen(make(images, 3, generator(4, i)).groups[0])
        assert q == k2 and {q, k0, k1} == {0, 1, 2}
        assert sorted(images.reads) == [0, 1, 2]
    make = build_views(build("seco", colours={**FLAT, "jitter": 1.0}))
    views = np.array([make(Images(), 3, generator(4, i)).groups[0][:, 0, 0, 0] for i in range(20)])
    plain = views % 1000 == 0
    assert plain[:, [0, 2]].all() and not plain[:, [1, 3]].any()


@pytest.mark.parametrize(
    ("name", "distinct"),
    [("moco", 1), ("moco_tp", 2), ("moco_seasonal", 2), ("mocov3", 2), ("mae", 1), ("data2vec", 1)],
)
def test_dates_of_views(name, distinct):
    make = build_views(build(name, colours=FLAT))
    firsts = []
    for i in range(400):
        images = Images()
        dates = dates_seen(make(images, 4, generator(5, i)).groups[0])
        assert len(set(dates)) == distinct == len(images.reads)
        firsts.append(dates[0])
    for date in range(4):
        assert binomtest(firsts.count(date), 400, 1 / 4).pvalue > 1e-4


def test_dates_of_dino():
    make = build_views(build("dino", colours=FLAT, blurs=[0, 0, 0], solarizes=[0, 0, 0]))
    for i in range(20):
        images = Images()
        large, small = make(images, 4, generator(6, i)).groups
        dates = [*dates_seen(large), *set(dates_seen(small))]
        assert len(dates) == len(set(dates)) == len(images.reads) == 3
    large, small = make(Images(), 1, generator(6)).groups
    assert set(dates_seen(large)) == set(dates_seen(small)) == {0}
    assert len(build_views(build("dino", local_views=0))(Images(), 4, generator(6)).groups) == 1


def test_dates_repeat_under_compat_only():
    make = build_views(build("moco_seasonal", colours=FLAT, compat=["dates_with_replacement"]))
    draws = [dates_seen(make(Images(), 4, generator(7, i)).groups[0]) for i in range(600)]
    assert binomtest(sum(a == b for a, b in draws), 600, 1 / 4).pvalue > 1e-4


def blurred(view):
    """Whether a view of noise has lost what changes from pixel to pixel."""
    return np.abs(np.diff(view.astype(float), axis=-1)).mean()


def test_dino_and_mocov3_blur_and_solarize_their_views_differently():
    dino = build_views(
        build("dino", colours={**FLAT, "sigma": [2, 2]}, crop_scale=[1, 1], blurs=[1, 0, 1], solarizes=[0, 1, 0])
    )
    noise = generator(8).integers(6000, 9000, (1, 48, 48)).astype(np.uint16)
    large, small = dino(lambda i: noise, 1, generator(9)).groups
    assert blurred(large[0]) < 0.4 * blurred(large[1]) and all(blurred(v) < 0.4 * blurred(large[1]) for v in small)
    assert large[1].max() <= 4000 and large[0].min() >= 6000 and small.min() >= 6000
    moco = build_views(
        build("mocov3", colours={**FLAT, "blur": 1, "sigma": [2, 2]}, second_colours=FLAT, crop_scale=[1, 1])
    )
    first, second = moco(lambda i: noise, 1, generator(9)).groups[0]
    assert blurred(first) < 0.4 * blurred(second)


def test_views_are_cropped_and_changed_independently():
    """Windows and colours of the two views of one date have nothing to do with one another."""
    ramp = np.broadcast_to(np.linspace(1000, 9000, 64).astype(np.uint16), (1, 64, 64))
    make = build_views(build("moco", colours=FLAT))
    means = np.array([make(lambda i: ramp, 1, generator(10, i)).groups[0].mean(axis=(1, 2, 3)) for i in range(400)])
    assert means.std(axis=0).min() > 300
    # The correlation of 400 independent pairs has standard error 0.05.
    assert abs(np.corrcoef(means.T)[0, 1]) < 0.2
    make = build_views(build("moco", colours={**FLAT, "jitter": 1.0}))
    means = np.array([make(Images(), 1, generator(10, i)).groups[0].mean(axis=(1, 2, 3)) for i in range(400)])
    assert abs(np.corrcoef(means.T)[0, 1]) < 0.2


def test_compat_reaches_the_colours():
    image = np.full((2, 48, 48), 8000, np.uint16)
    jitter = {**FLAT, "jitter": 1.0, "contrast": 0.0}

    def views(**method):
        make = build_views(build("moco", ("B8", "NDVI"), colours=jitter, **method))
        return np.array([make(lambda i: image, 1, generator(11, i)).groups[0] for i in range(20)])[..., 0, 0]

    assert (views()[..., 1] == 8000).all() and (views()[..., 0] != 8000).all()
    # Both in one step of float32: rounded alike.
    both = views(compat=["ndvi_as_reflectance"])
    np.testing.assert_array_equal(both[..., 0], both[..., 1])
    wrapped = views(compat=["integer_wrap"])
    assert wrapped.max() <= 10_000 and views()[..., 0].max() > 10_000
    dino = build("dino", colours=FLAT, blurs=[0, 0, 0], solarizes=[0, 1, 0], compat=["solarize_below"])
    dark = np.full((1, 48, 48), 2000, np.uint16)
    assert (build_views(dino)(lambda i: dark, 1, generator(0)).groups[0][1] == 8000).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="saturation and hue"):
        build_views(build("moco_tp", SECO_ECO, colours={"saturation": 0.4, "hue": 0.1}))
    with pytest.raises(UserError, match="hides 16, none or all"):
        build_views(build("mae", mask_ratio=0.99))
    with pytest.raises(UserError, match="hides 0, none or all"):
        build_views(build("data2vec", masked=0.01))
    with pytest.raises(TypeError, match="random_init"):
        build_views(Model.model_validate({"dataset": "d", "method": {"name": "random_init"}}))
    with pytest.raises(ValueError, match="without images"):
        build_views(build("seco"))(Images(), 0, generator(0))


def test_small_grids_have_small_blocks_and_large_ones_those_of_beit():
    assert build_views(build("data2vec", crop_px=32)).mask.least == 1
    assert build_views(build("data2vec", crop_px=112)).mask.least == 16
    assert build_views(build("data2vec", crop_px=224)).mask.least == 16
