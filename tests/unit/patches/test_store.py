"""The store: what was put in comes out, coarse bands where they belong, damage named."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pandas as pd
import pytest
from fake_source import fake_pixels
from greenup.bands import BANDS, S2_L2A, bands_at, native_resolutions
from greenup.errors import UserError
from greenup.files import read_table, write_table
from greenup.grids import PatchGrid
from greenup.imagery.base import UNKNOWN_MASK, Pixels
from greenup.patches.container import Form, Row, ShardFile, pixel_checksum, writing
from greenup.patches.resample import ndvi
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX
from hypothesis import given, settings
from hypothesis import strategies as st

ABOUT = {"simulated": True, "attribution": "test"}


def make_store(root, images, bands, size_px, resampled=False) -> PatchStore:
    """A store of one shard with these images: (site_id, season) -> (Pixels, grid)."""
    form = Form(tuple(bands), size_px, True, "test", resampled=resampled)
    path = root / "patches" / "d" / "0000.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with writing(path, form, len(images)) as out:
        for i, ((site, season), (pixels, grid)) in enumerate(images.items()):
            time = pd.Timestamp("2021-05-06T10:20:30.123456Z")
            seen = form.valid_fraction(pixels)
            out.put(i, Row(site, season, f"scene {i}", time, grid, pixel_checksum(pixels), seen), pixels)
            rows.append(
                {
                    "site_id": site, "season": season, "lon": 1.0, "lat": 2.0, "stratum": "x", "land_cover": None,
                    "weight": 1.0, "shard": 0, "row": i, "file": "patches/d/0000.h5", "scene_id": f"scene {i}",
                    "time": time, "cloud": None, "valid_fraction": 1.0,
                }
            )  # fmt: skip
    index = root / "datasets" / "d" / "index.parquet"
    write_table(index, pd.DataFrame(rows), INDEX, **ABOUT)
    return PatchStore(index)


def random_pixels(rng, bands, grid, top=65_535, holes=0.0) -> Pixels:
    values, valid = {}, {}
    for m in native_resolutions(bands):
        side = grid.shape(m)
        valid[m] = rng.random((side, side)) >= holes
        values[m] = rng.integers(0, top + 1, (len(bands_at(bands, m)), side, side), np.uint16) * valid[m]
    return Pixels(values, valid)


@settings(max_examples=25, deadline=None)
@given(
    size_px=st.integers(1, 40),
    bands=st.lists(st.sampled_from(S2_L2A), min_size=1, unique=True),
    top=st.sampled_from([0, 1, 10_000, 65_535]),
    holes=st.sampled_from([0.0, 0.3, 1.0]),
    names=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, max_size=3, unique=True
    ),
    seed=st.integers(0, 2**32),
)
def test_round_trip(tmp_path_factory, size_px, bands, top, holes, names, seed):
    rng = np.random.default_rng(seed)
    images = {}
    for i, name in enumerate(names):
        grid = PatchGrid(32600 + i + 1, 60.0 * rng.integers(0, 9_000), 60.0 * rng.integers(0, 150_000), size_px)
        images[name, "spring"] = random_pixels(rng, bands, grid, top, holes), grid
    store = make_store(tmp_path_factory.mktemp("store"), images, bands, size_px)
    for (site, season), (pixels, grid) in images.items():
        got, got_grid = store.read_native(site, season)
        assert got_grid == grid
        assert sorted(got.values) == sorted(pixels.values)
        for m, values in pixels.values.items():
            assert got.values[m].dtype == np.uint16 and got.valid[m].dtype == np.bool_
            np.testing.assert_array_equal(got.values[m], values)
            np.testing.assert_array_equal(got.valid[m], pixels.valid[m])
        row = store.row(site, season)
        assert row.checksum == pixel_checksum(pixels)
        assert row.time == pd.Timestamp("2021-05-06T10:20:30.123456Z")
        # Bands of 10 m come as they are, in the order asked for, 0 where anything asked for is invalid.
        channels = tuple(rng.permutation(bands).tolist())
        image, valid = store.read(site, season, channels)
        assert image.shape == (len(bands), size_px, size_px) and image.dtype == np.uint16
        np.testing.assert_array_equal(valid, expected_mask(pixels, size_px))
        for name, band in zip(channels, image, strict=True):
            assert not band[~valid].any()
            if BANDS[name].native_m == 10:
                np.testing.assert_array_equal(band[valid], pixels.values[10][bands_at(bands, 10).index(name)][valid])


def expected_mask(pixels: Pixels, size_px: int) -> np.ndarray:
    """Pixel by pixel, by coordinates."""
    mask = np.ones((size_px, size_px), bool)
    for m, valid in pixels.valid.items():
        for r in range(size_px):
            for c in range(size_px):
                mask[r, c] &= valid[int((r + 0.5) * 10 // m), int((c + 0.5) * 10 // m)]
    return mask


def test_ndvi_is_that_of_the_published_files(tmp_path):
    bands, grid = ("B4", "B8"), PatchGrid(32631, 600.0, 1200.0, 64)
    pixels = random_pixels(np.random.default_rng(3), bands, grid, 9_000)
    pixels.values[10][:, 0, :4] = [[0, 5, 7, 65_535], [0, 0, 7, 65_535]]
    image, _ = make_store(tmp_path, {("a", "s"): (pixels, grid)}, bands, 64).read("a", "s", ("NDVI", "B4"))
    red, nir = pixels.values[10].astype(np.float64)
    # As the released downloader writes it, but for the 1e-5 in its denominator.
    with np.errstate(invalid="ignore"):
        truth = np.nan_to_num(np.clip((nir - red) / (nir + red), 0, None)) * 10_000
    np.testing.assert_array_equal(image[0], np.floor(truth + 1e-9).astype(np.uint16))
    np.testing.assert_array_equal(image[1], pixels.values[10][0])


def test_masks_are_read_as_they_are_and_hide_nothing(tmp_path):
    """Classes are repeated, never interpolated; a mask without a value leaves the bands beside it valid."""
    bands, grid = ("B4", "B5", "SCL", "CLDPRB", "QA60", "CSPLUS"), PatchGrid(32631, 600.0, 1200.0, 13)
    pixels = random_pixels(np.random.default_rng(5), bands, grid, 11)
    # No QA60 in this scene, and a gap at 20 m.
    pixels.values[60][:] = UNKNOWN_MASK["QA60"]
    pixels.valid[20][1, 2] = False
    pixels.values[20][:, 1, 2] = 0
    store = make_store(tmp_path, {("a", "s"): (pixels, grid)}, bands, 13)
    assert store.bands == bands
    at = np.arange(13) // 2
    seen, classes, percent = (x[np.ix_(at, at)] for x in (pixels.valid[20], *pixels.values[20][1:]))

    image, valid = store.read("a", "s", ("SCL", "B4", "QA60", "CSPLUS", "CLDPRB"))
    assert valid.all()
    np.testing.assert_array_equal(image[0], classes)
    np.testing.assert_array_equal(image[1], pixels.values[10][0])
    assert (image[2] == 65_535).all()
    np.testing.assert_array_equal(image[3], pixels.values[10][1])
    # In the gap the stored 0 would say clear.
    np.testing.assert_array_equal(image[4], np.where(seen, percent, 65_535))
    scaled, _ = store.read("a", "s", ("SCL", "QA60", "CLDPRB", "B4"), physical=True)
    assert np.isnan(scaled[1]).all() and not np.isnan(scaled[[0, 3]]).any()
    np.testing.assert_array_equal(np.isnan(scaled[2]), ~seen)

    image, valid = store.read("a", "s", ("B5", "SCL"))
    np.testing.assert_array_equal(valid, seen)
    np.testing.assert_array_equal(image[1], classes * seen)
    for alone, mask in (("SCL", seen), ("QA60", np.ones((13, 13), bool)), ("CSPLUS", np.ones((13, 13), bool))):
        np.testing.assert_array_equal(store.read("a", "s", (alone,))[1], mask)


def test_share_of_valid_pixels_is_that_of_what_was_measured():
    """A mask at the finest resolution, there or not, says nothing of the bands."""
    bands, grid = ("CSPLUS", "B5", "B9"), PatchGrid(32631, 600.0, 1200.0, 12)
    pixels = random_pixels(np.random.default_rng(5), bands, grid, 11)
    pixels.valid[10][:] = False
    pixels.valid[20][0] = False
    assert Form(bands, 12, True, "test").valid_fraction(pixels) == 5 / 6
    assert Form(("CSPLUS",), 12, True, "test").valid_fraction(pixels) == 0.0


@settings(max_examples=20, deadline=None)
@given(
    channels=st.lists(st.sampled_from(sorted(BANDS)), min_size=1, max_size=6, unique=True),
    seed=st.integers(0, 2**32),
    holes=st.sampled_from([0.0, 0.3]),
)
def test_any_channels_in_any_order(tmp_path_factory, channels, seed, holes):
    """What is read together is what is read alone, where both are valid; physical values are the stored ones scaled."""
    bands, grid = [n for n, b in BANDS.items() if not b.derived], PatchGrid(32601, 60.0, 1200.0, 17)
    pixels = random_pixels(np.random.default_rng(seed), bands, grid, 12_000, holes)
    store = make_store(tmp_path_factory.mktemp("store"), {("a", "s"): (pixels, grid)}, bands, 17)
    image, valid = store.read("a", "s", channels)
    scaled, same = store.read("a", "s", channels, physical=True)
    np.testing.assert_array_equal(valid, same)
    assert scaled.dtype == np.float32 and np.isnan(scaled[:, ~valid]).all()
    for name, band, value in zip(channels, image, scaled, strict=True):
        alone, there = store.read("a", "s", (name,))
        both = valid & there
        np.testing.assert_array_equal(band[both], alone[0][both])
        if BANDS[name].kind == "mask":
            # Where others are valid and the mask is not, it says that it says nothing.
            assert (band[valid & ~there] == UNKNOWN_MASK[name]).all()
        assert not band[~valid].any()
        truth = band[valid] / BANDS[name].scale + BANDS[name].offset
        if UNKNOWN_MASK.get(name):
            truth[band[valid] == UNKNOWN_MASK[name]] = np.nan
        np.testing.assert_allclose(value[valid], truth, rtol=3e-7, atol=1e-5)


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_what_others_resampled_is_read_as_it_is(tmp_path, holes):
    """All bands at 10 m on a grid in degrees: bit-equal through the reader, nothing interpolated."""
    bands, size = ("B1", "B4", "B5", "B8", "B11", "SCL"), 19
    grid = PatchGrid(4326, 2.25, 41.5, size, 1.2e-4, 9e-5)
    rng = np.random.default_rng(2)
    valid = rng.random((size, size)) >= holes
    pixels = Pixels({10: rng.integers(1, 65_536, (len(bands), size, size), np.uint16) * valid}, {10: valid})
    store = make_store(tmp_path, {("a", "s"): (pixels, grid)}, bands, size, resampled=True)
    assert store.row("a", "s").grid == grid == store.read_native("a", "s")[1]
    image, seen = store.read("a", "s", (*bands[::-1], "NDVI"))
    np.testing.assert_array_equal(seen, valid)
    np.testing.assert_array_equal(image[:-1], pixels.values[10][::-1])
    np.testing.assert_array_equal(image[-1], ndvi(pixels.values[10][1], pixels.values[10][3]))
    scaled, _ = store.read("a", "s", ("B1",), physical=True)
    np.testing.assert_array_equal(scaled[0][valid], pixels.values[10][0][valid].astype(np.float32) / np.float32(1e4))
    assert np.isnan(scaled[0][~valid]).all()


def test_backscatter_in_decibels(tmp_path):
    grid = PatchGrid(32631, 600.0, 1200.0, 4)
    stored = np.array([[34_000, 0], [40_000, 25_000]], np.uint16).repeat(2, 0).repeat(2, 1)
    valid = stored > 0
    pixels = Pixels({10: np.stack([stored, stored // 2])}, {10: valid})
    store = make_store(tmp_path, {("a", "s"): (pixels, grid)}, ("VV", "VH"), 4)
    image, mask = store.read("a", "s", ("VH", "VV"), physical=True)
    np.testing.assert_array_equal(mask, valid)
    assert image[1, 0, 0] == -12.0 and image[1, 3, 0] == 0.0 and image[1, 3, 3] == -30.0 and image[0, 0, 0] == -46.0
    assert np.isnan(image[:, 0, 3]).all()
    many, _ = store.read_many([("a", "s")], ("VV",), physical=True)
    assert many.dtype == np.float32 and many[0, 0, 0, 0] == -12.0


@pytest.fixture
def store(tmp_path):
    bands = ("B2", "B4", "B8", "B5", "B9")
    grids = {(f"s{i}", "summer"): PatchGrid(32631, 600.0 * i, 5_000_000.0, 30) for i in range(4)}
    images = {k: (fake_pixels(k[0], g, bands, holed=k[0] == "s2"), g) for k, g in grids.items()}
    return make_store(tmp_path, images, bands, 30)


def test_wrong_requests_are_named(store):
    with pytest.raises(KeyError, match="no image of site 's9', season 'summer'"):
        store.read("s9", "summer", ("B2",))
    with pytest.raises(UserError, match=r"channel 'B11' is not stored.*\n.*B2, B4, B8, B5, B9, NDVI, EVI"):
        store.read("s0", "summer", ("B11",))
    with pytest.raises(UserError, match="channel 'SCL' is not stored"):
        store.read("s0", "summer", ("B2", "SCL"))
    with pytest.raises(UserError, match="unknown band 'B02'"):
        store.read("s0", "summer", ("B02",))
    with pytest.raises(ValueError, match="root="):
        PatchStore(store.index)
    assert PatchStore(store.index, root=store.root).read("s0", "summer", ("B2",))[0].any()


def test_read_many_is_read(store):
    keys = [(f"s{i}", "summer") for i in (2, 0, 3)]
    images, valid = store.read_many(keys, ("NDVI", "B9", "B2"))
    for key, image, mask in zip(keys, images, valid, strict=True):
        one = store.read(*key, ("NDVI", "B9", "B2"))
        np.testing.assert_array_equal(image, one[0])
        np.testing.assert_array_equal(mask, one[1])


def _sum(store, site, queue) -> None:
    queue.put(int(store.read(site, "summer", ("B2", "B5", "NDVI"))[0].sum(dtype=np.int64)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_from_an_opened_store(store, method):
    truth = sorted(int(store.read(f"s{i}", "summer", ("B2", "B5", "NDVI"))[0].sum(dtype=np.int64)) for i in range(4))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    workers = [context.Process(target=_sum, args=(store, f"s{i}", queue)) for i in range(4)]
    for worker in workers:
        worker.start()
    assert sorted(queue.get(timeout=60) for _ in workers) == truth
    for worker in workers:
        worker.join(60)
    assert pickle.loads(pickle.dumps(store)).read("s1", "summer", ("B2",))[0].any()


def test_a_file_open_for_writing_elsewhere_is_read_without_locks(store):
    import fcntl

    path = store.root / "patches" / "d" / "0000.h5"
    with path.open("rb+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert store.read("s0", "summer", ("B2",))[0].any()


@pytest.mark.parametrize("damage", ["cut", "chunk", "head", "gone", "stale"])
def test_damage_is_named_with_its_mend(store, damage):
    path = store.root / "patches" / "d" / "0000.h5"
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif damage == "chunk":
        with ShardFile(path) as file:
            place = file.handle["pixels_10"].id.get_chunk_info(1)
        raw[place.byte_offset + place.size // 2] ^= 0x10
        path.write_bytes(raw)
    elif damage == "head":
        path.write_bytes(b"\0" * 64 + raw[64:])
    elif damage == "gone":
        path.unlink()
    else:
        index = read_table(store.root / "datasets" / "d" / "index.parquet", INDEX)
        store = PatchStore(index.assign(row=index["row"].to_numpy()[::-1]), root=store.root)
    with pytest.raises(UserError, match=r"0000\.h5") as raised:
        store.read("s1", "summer", ("B2",))
    mends = {"gone": "run the workflow", "stale": "index is older"}
    assert mends.get(damage, "snakemake repair") in str(raised.value)


def test_more_shards_than_may_be_open(finished, monkeypatch):
    from test_describe import describe

    monkeypatch.setattr("greenup.patches.store._MAX_OPEN", 1)
    describe(finished)
    store = PatchStore(finished.index)
    keys = store.index[["site_id", "season"]].to_numpy().tolist()
    truth = {tuple(k): store.row(*k).checksum for k in keys}
    for key in [*keys[::-1], *keys[::3]]:
        assert pixel_checksum(store.read_native(*key)[0]) == truth[tuple(key)]
        assert len(store._opened) == 1


def test_threads_share_a_store(finished, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from test_describe import describe

    monkeypatch.setattr("greenup.patches.store._MAX_OPEN", 1)
    describe(finished)
    store = PatchStore(finished.index)
    keys = [tuple(k) for k in store.index[["site_id", "season"]].to_numpy().tolist()] * 5
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: pixel_checksum(store.read_native(*k)[0]), keys))
    assert found == [store.row(*k).checksum for k in keys]
