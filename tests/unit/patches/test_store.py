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
from greenup.imagery.base import Pixels
from greenup.patches.container import Form, Row, ShardFile, pixel_checksum, valid_fraction, writing
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX
from hypothesis import given, settings
from hypothesis import strategies as st

ABOUT = {"simulated": True, "attribution": "test"}


def make_store(root, images, bands, size_px) -> PatchStore:
    """A store of one shard with these images: (site_id, season) -> (Pixels, grid)."""
    form = Form(tuple(bands), size_px, True, "test")
    path = root / "patches" / "d" / "0000.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with writing(path, form, len(images)) as out:
        for i, ((site, season), (pixels, grid)) in enumerate(images.items()):
            time = pd.Timestamp("2021-05-06T10:20:30.123456Z")
            out.put(
                i, Row(site, season, f"scene {i}", time, grid, pixel_checksum(pixels), valid_fraction(pixels)), pixels
            )
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


@pytest.fixture
def store(tmp_path):
    bands = ("B2", "B4", "B8", "B5", "B9")
    grids = {(f"s{i}", "summer"): PatchGrid(32631, 600.0 * i, 5_000_000.0, 30) for i in range(4)}
    images = {k: (fake_pixels(k[0], g, bands, holed=k[0] == "s2"), g) for k, g in grids.items()}
    return make_store(tmp_path, images, bands, 30)


def test_wrong_requests_are_named(store):
    with pytest.raises(KeyError, match="no image of site 's9', season 'summer'"):
        store.read("s9", "summer", ("B2",))
    with pytest.raises(UserError, match=r"channel 'B11' is not stored.*\n.*B2, B4, B8, B5, B9, NDVI"):
        store.read("s0", "summer", ("B11",))
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
