"""The file of a shard: round trips, damage anywhere in it, files that are none, what is written only when needed."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pandas as pd
import pytest
import xxhash
from greenup.bands import BANDS
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches import chunks, container
from greenup.patches.container import Form, Row, ShardFile, ShardWriter, pixel_checksum, writing
from hypothesis import given, settings
from hypothesis import strategies as st

STORED = [n for n, b in BANDS.items() if not b.derived]


def make(path: Path, form: Form, images: list[tuple[Pixels, PatchGrid, float | None]]) -> list[Row]:
    rows = []
    with writing(path, form, len(images)) as out:
        for i, (pixels, grid, cloud) in enumerate(images):
            time = pd.Timestamp("2021-05-06T10:20:30.123456Z") + pd.Timedelta(days=i)
            rows.append(Row(f"s{i}", "sommer é", f"scene {i}", time, grid, pixel_checksum(pixels), 0.5, cloud))
            out.put(i, rows[-1], pixels)
    return rows


def drawn(rng: np.random.Generator, form: Form, holes: dict[int, float], top: int = 65_535) -> Pixels:
    values, valid = {}, {}
    for m in form.resolutions:
        shape = form.shape(m)
        valid[m] = rng.random(shape[1:]) >= holes.get(m, 0.0)
        values[m] = rng.integers(0, top + 1, shape, np.uint16) * valid[m]
    return Pixels(values, valid)


def same(a: Pixels, b: Pixels) -> bool:
    return sorted(a.values) == sorted(b.values) and all(
        np.array_equal(a.values[m], b.values[m]) and np.array_equal(a.valid[m], b.valid[m]) for m in a.values
    )


@settings(max_examples=40, deadline=None)
@given(
    bands=st.lists(st.sampled_from(STORED), min_size=1, max_size=8, unique=True),
    size_px=st.integers(1, 40),
    resampled=st.booleans(),
    own=st.booleans(),
    holes=st.dictionaries(st.sampled_from([10, 20, 60]), st.sampled_from([0.0, 0.4, 1.0])),
    cloud=st.one_of(st.none(), st.floats(0, 100)),
    count=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_round_trip(tmp_path_factory, bands, size_px, resampled, own, holes, cloud, count, seed):
    rng = np.random.default_rng(seed)
    form = Form(tuple(bands), size_px, True, "test", "somewhere", resampled)
    folder = tmp_path_factory.mktemp("container")
    images = []
    for i in range(count):
        grid = PatchGrid(32601 + i, 60.0 * i, 600.0, size_px)
        if own:
            grid = PatchGrid(4326, float(rng.uniform(-180, 180)), float(rng.uniform(-90, 90)), size_px, 1e-4 / 3, 9e-5)
        images.append((drawn(rng, form, holes if i % 2 == 0 else {}), grid, cloud if i else None))
    rows = make(folder / "a.h5", form, images)
    with ShardFile(folder / "a.h5") as file:
        assert file.form == form and len(file) == count
        for i, (pixels, grid, _) in enumerate(images):
            assert same(file.read(i), pixels) and file.is_intact(i)
            assert file.row(i) == rows[i] and file.grid(i) == grid
            for m in form.resolutions:
                assert file.invalid(m)[i] == (~pixels.valid[m]).sum()
                only = file.read(i, (m,))
                assert list(only.values) == [m] and np.array_equal(only.values[m], pixels.values[m])
        # Copied backwards into another file, and back again: the same file to the byte, unwritten masks included.
        with writing(folder / "b.h5", form, count) as out:
            for i in range(count):
                out.copy(count - 1 - i, rows[i], file, i)
    with ShardFile(folder / "b.h5") as file, writing(folder / "c.h5", form, count) as out:
        for i in range(count):
            assert same(file.read(count - 1 - i), images[i][0])
            out.copy(i, rows[i], file, count - 1 - i)
    assert (folder / "c.h5").read_bytes() == (folder / "a.h5").read_bytes()


@pytest.fixture
def shard(tmp_path):
    """Two images, the second with holes at 20 m; path, rows and pixels."""
    form, rng = Form(("B4", "B8", "B5", "B9", "SCL"), 18, True, "made up", "somewhere"), np.random.default_rng(4)
    images = [drawn(rng, form, {}, 3_000), drawn(rng, form, {20: 0.3}, 3_000)]
    path = tmp_path / "0000.h5"
    rows = make(path, form, [(p, PatchGrid(32631, 600.0, 1200.0, 18), 3.5) for p in images])
    return path, rows, images


def test_masks_are_written_only_where_something_is_invalid(shard):
    path, _, images = shard
    with h5py.File(path) as file:
        assert [file[f"valid_{m}"].id.get_num_chunks() for m in (10, 20, 60)] == [0, 1, 0]
        # Any HDF5 reader sees whole masks.
        assert (file["valid_10"][:] == 1).all() and file["valid_60"].shape == (2, 3, 3)
        np.testing.assert_array_equal(file["valid_20"][1], images[1].valid[20])


def test_a_whole_image_is_read_without_its_masks(shard, monkeypatch):
    path, _, images = shard
    with ShardFile(path) as file:
        read = []
        monkeypatch.setattr(
            container, "unpack", lambda chunk, *about: (read.append(about), chunks.unpack(chunk, *about))[1]
        )
        assert same(file.read(0), images[0])
        assert read == [((2, 18, 18), 2), ((2, 9, 9), 2), ((1, 3, 3), 2)]
        assert [mask for _, mask in file.packed(0).values()] == [None] * 3
        read.clear()
        file.read(1, (20,))
        assert read == [((2, 9, 9), 2), ((9, 9), 1)]


def test_checksums_are_those_that_the_layout_describes(shard):
    """Recomputed with h5py and xxhash alone, as docs/store.md says."""
    path, rows, _ = shard
    with h5py.File(path) as file:
        assert file.attrs["checksums"] == b"XXH3-128"
        for i in (0, 1):
            parts = []
            for m in (10, 20, 60):
                data = file[f"pixels_{m}"][i].tobytes()
                if file[f"invalid_{m}"][i]:
                    data += file[f"valid_{m}"][i].tobytes()
                parts.append(xxhash.xxh3_128_hexdigest(data))
                assert file[f"checksum_{m}"].asstr()[i] == parts[-1]
                packed = file[f"pixels_{m}"].id.read_direct_chunk((i, 0, 0, 0))[1]
                if file[f"invalid_{m}"][i]:
                    packed += file[f"valid_{m}"].id.read_direct_chunk((i, 0, 0))[1]
                assert file[f"packed_{m}"].asstr()[i] == xxhash.xxh3_128_hexdigest(packed)
            assert file["checksum"].asstr()[i] == xxhash.xxh3_128_hexdigest("".join(parts).encode()) == rows[i].checksum


def test_other_readers_unpack_the_same_pixels(shard):
    """By HDF5's own Blosc filter, which knows nothing of our packing."""
    path, _, images = shard
    with h5py.File(path) as file:
        assert file["pixels_10"]._filters.keys() == {str(hdf5plugin.Blosc.filter_id)} == {"32001"}
        for i, pixels in enumerate(images):
            for m in (10, 20, 60):
                np.testing.assert_array_equal(file[f"pixels_{m}"][i], pixels.values[m])
                np.testing.assert_array_equal(file[f"valid_{m}"][i], pixels.valid[m])


def test_chunks_of_other_writers_are_read(shard):
    """Packed by HDF5's filter: other bytes perhaps, the same pixels."""
    path, _, images = shard
    with h5py.File(path) as file, h5py.File(path.with_name("other.h5"), "w") as other:
        values = file["pixels_10"][0]
        other.create_dataset("x", data=values[None], chunks=(1, *values.shape), **chunks.FILTER)
        chunk = other["x"].id.read_direct_chunk((0, 0, 0, 0))[1]
    np.testing.assert_array_equal(chunks.unpack(chunk, values.shape, 2), images[0].values[10])


@pytest.mark.parametrize("dtype", ["u1", "<u2"])
def test_packing(dtype):
    values = np.random.default_rng(0).integers(0, 200, (3, 40, 41)).astype(dtype)
    for part in (values, values[:, ::2, ::3], values.transpose(2, 0, 1)):
        chunk = chunks.pack(part)
        found = chunks.unpack(chunk, part.shape, values.itemsize)
        assert found.dtype == dtype and found.flags.writeable and np.array_equal(found, part)
        assert chunk == chunks.pack(part.copy())
    with pytest.raises(ValueError, match="its chunk does not hold"):
        chunks.unpack(chunks.pack(values), (3, 40, 40), values.itemsize)
    noise = np.random.default_rng(0).integers(0, 2**16, (50, 50)).astype("<u2")
    np.testing.assert_array_equal(chunks.unpack(chunks.pack(noise), noise.shape, 2), noise)
    assert not numcodecs.blosc.use_threads


def test_the_checksum_tells_masks_values_and_resolutions_apart():
    ones = np.ones((1, 2, 2), np.uint16)
    variants = [
        Pixels({10: ones}, {10: np.ones((2, 2), bool)}),
        Pixels({10: ones}, {10: np.array([[1, 1], [1, 0]], bool)}),
        Pixels({10: ones}, {10: np.array([[1, 1], [0, 1]], bool)}),
        Pixels({10: ones * 2}, {10: np.ones((2, 2), bool)}),
        Pixels({10: ones, 20: ones}, {10: np.ones((2, 2), bool), 20: np.ones((2, 2), bool)}),
    ]
    assert len({pixel_checksum(v) for v in variants}) == len(variants)
    # However the array lies in memory.
    turned = np.arange(12, dtype=np.uint16).reshape(1, 3, 4).transpose(0, 2, 1)[:, ::2]
    mask = np.ones((2, 3), bool)
    assert pixel_checksum(Pixels({10: turned}, {10: mask})) == pixel_checksum(Pixels({10: turned.copy()}, {10: mask}))


def test_pixels_of_another_checksum_are_not_written(shard, tmp_path):
    _, rows, images = shard
    form = Form(("B4", "B8", "B5", "B9", "SCL"), 18, True, "made up", "somewhere")
    with pytest.raises(ValueError, match="row 0: the pixels given do not have the checksum given"), \
         writing(tmp_path / "b.h5", form, 1) as out:  # fmt: skip
        out.put(0, rows[1], images[0])
    writer = ShardWriter(tmp_path / "c.h5", form, 2)
    writer.put(1, rows[1], images[1])
    with pytest.raises(ValueError, match="row 0 was not written"):
        writer.close()
    writer.abandon()


# ------------------------------------------------------------------------------------------------------------ damage
def outcome(path: Path, rows: list[Row], images: list[Pixels]) -> str:
    """What a reader makes of an altered file; fails when it gets other pixels or other rows without a word."""
    try:
        with ShardFile(path) as file:
            for i, (row, pixels) in enumerate(zip(rows, images, strict=True)):
                intact = file.is_intact(i)
                try:
                    found = file.read(i)
                except UserError as error:
                    assert str(path) in error.message and f"row {i}" in error.message and "repair" in str(error)
                    assert not intact
                    return "row"
                assert intact and same(found, pixels) and file.row(i) == row
    except UserError as error:
        assert str(path) in error.message and "snakemake repair" in str(error)
        return "file"
    return "same"


def test_any_altered_byte_is_noticed_or_harmless(shard):
    """300 seeded places, one bit each: never other pixels, rows or attributes, never a crash."""
    path, rows, images = shard
    raw = path.read_bytes()
    with ShardFile(path) as file:
        form = file.form
    seen = {}
    for at in np.random.default_rng(8).choice(len(raw), 300, replace=False).tolist():
        altered = bytearray(raw)
        altered[at] ^= 1 << (at % 8)
        path.write_bytes(altered)
        said = outcome(path, rows, images)
        seen[said] = seen.get(said, 0) + 1
        if said == "same":
            with ShardFile(path) as file:
                assert file.form == form
    # Empty space of HDF5's structures is harmless; pixels and columns never are.
    assert seen["row"] > 20 and seen["file"] > 20


def test_cut_at_any_length(shard):
    path, rows, images = shard
    raw = path.read_bytes()
    for length in [*range(0, len(raw), 997), len(raw) - 1]:
        path.write_bytes(raw[:length])
        assert outcome(path, rows, images) == "file"


def test_a_chunk_at_another_row_is_noticed(shard, tmp_path):
    """Sound chunks, sound sums of HDF5, but of another image: only the checksum of the row can tell."""
    path, *_ = shard
    with h5py.File(path, "r+") as file:
        pixels = file["pixels_10"].id
        for a, b in itertools.permutations([0, 1]):
            if a < b:
                chunks = [pixels.read_direct_chunk((i, 0, 0, 0)) for i in (a, b)]
                pixels.write_direct_chunk((a, 0, 0, 0), chunks[1][1], chunks[1][0])
                pixels.write_direct_chunk((b, 0, 0, 0), chunks[0][1], chunks[0][0])
    with ShardFile(path) as file:
        assert not file.is_intact(0)
        with pytest.raises(UserError, match=r"row 1 cannot be read .at 10 m it does not match its checksum"):
            file.read(1)
        file.read(1, (20,))


def _rewrite(path: Path, name: str, values: np.ndarray | None) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if values is not None:
            file.create_dataset(name, data=values)


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda p: p.write_bytes(b"II*\0 this is a GeoTIFF"), "the file cannot be read"),
        (lambda p: p.write_bytes(b""), "the file cannot be read"),
        (lambda p: _rewrite(p, "pixels_20", None), "the file cannot be read .*pixels_20"),
        (lambda p: _rewrite(p, "cloud", None), "the file cannot be read .*cloud"),
        (lambda p: _rewrite(p, "pixels_10", np.zeros((2, 2, 9, 9), "u2")), r"\(2, 2, 9, 9\), expected uint16"),
        (lambda p: _rewrite(p, "valid_20", np.zeros((2, 9, 9), "f4")), "is float32"),
        (lambda p: _rewrite(p, "west", np.zeros(2)), "beside the pixels does not match its checksum"),
    ],
)
def test_files_that_are_no_shard_are_named(shard, alter, says):
    path, *_ = shard
    alter(path)
    with pytest.raises(UserError, match=says) as raised:
        ShardFile(path)
    assert str(path) in raised.value.message and "snakemake repair" in str(raised.value)


def test_text_has_fixed_length(shard):
    """Text of variable length stands in HDF5's global heap, which has no checksum: damaged, HDF5 may loop for ever."""
    path, *_ = shard
    with h5py.File(path) as file:
        types = [d.dtype for d in file.values()]
        types += [holder.attrs.get_id(n).dtype for holder in (file, *file.values()) for n in holder.attrs]
    texts = [found for t in types if (found := h5py.check_string_dtype(t)) is not None]
    assert len(texts) > 10 and all(t.length for t in texts)


def test_attributes_are_covered_by_the_checksum(shard):
    path, *_ = shard
    with h5py.File(path, "r+") as file:
        file.attrs["origin"] = np.bytes_(b"elsewhere")
    with pytest.raises(UserError, match="beside the pixels does not match"):
        ShardFile(path)


def test_another_version_is_refused_with_its_mend():
    """Written by the release whose layout was version 1."""
    path = Path(__file__).parent / "files" / "twelve_bands_v1.h5"
    with pytest.raises(UserError, match="layout version 1, this greenup reads version 3") as raised:
        ShardFile(path)
    assert "`snakemake repair`" in str(raised.value) and "delete" not in str(raised.value)
    assert path.name in raised.value.message
