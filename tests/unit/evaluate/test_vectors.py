"""Embeddings as a file: the same rows back, by this reader, by pandas, and within little more memory than they have."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from greenup.errors import UserError
from greenup.evaluate import vectors
from greenup.evaluate.vectors import Vectors, check_weights, read_vectors, write_vectors
from greenup.files import read_table, write_table
from greenup.schemas import EMBEDDINGS

ABOUT = {"simulated": False, "attribution": "nobody"}


@pytest.mark.parametrize("piece_bytes", [1, 4000, 1 << 25])
def test_round_trip_in_any_pieces(tmp_path, monkeypatch, piece_bytes):
    monkeypatch.setattr(vectors, "_PIECE_BYTES", piece_bytes)
    values = np.random.default_rng(0).normal(size=(301, 33)).astype("float32")
    values[7, 3], values[8, 4] = -0.0, 1e-40
    ids = [f"s{i % 200}" for i in range(301)]
    seasons = ["" if i < 200 else "winter" for i in range(301)]
    path = tmp_path / "e.parquet"
    assert write_vectors(path, ids, seasons, np.split(values, [1, 100, 101]), **ABOUT, weights_checksum="ab") == 301
    got = read_vectors(path)
    assert got.site_ids.tolist() == ids and got.seasons.tolist() == seasons and got.about["weights_checksum"] == "ab"
    assert got.values.dtype == np.float32 and got.values.tobytes() == values.tobytes()
    table = read_table(path, EMBEDDINGS)
    assert table["site_id"].tolist() == ids and np.stack(table["embedding"]).tobytes() == values.tobytes()
    assert table.attrs["weights_checksum"] == "ab" and table.attrs["attribution"] == "nobody"


def test_tables_of_lists_are_read_too(tmp_path):
    table = pd.DataFrame({"site_id": ["a", "b"], "season": "x", "embedding": [np.ones(3, "f4"), np.arange(3.0)]})
    write_table(tmp_path / "e.parquet", table, EMBEDDINGS, **ABOUT)
    got = read_vectors(tmp_path / "e.parquet")
    assert got.site_ids.tolist() == ["a", "b"] and got.values.tolist() == [[1, 1, 1], [0, 1, 2]]
    same = Vectors.of_table(read_table(tmp_path / "e.parquet", EMBEDDINGS))
    assert same.values.tobytes() == got.values.tobytes() and same.about == got.about


def test_bad_files_are_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_vectors(tmp_path / "nowhere.parquet")
    path = tmp_path / "e.parquet"
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match="damaged or not Parquet"):
        read_vectors(path)
    for rows, message in (
        ([[1.0, 2.0], [3.0]], "different lengths"),
        ([[1.0, 2.0], None], "a vector is missing"),
        ([["a"], ["b"]], "not numbers"),
    ):
        pq.write_table(pa.table({"site_id": ["a", "b"], "season": ["", ""], "embedding": rows}), path)
        with pytest.raises(UserError, match=message):
            read_vectors(path)
    pq.write_table(pa.table({"site_id": ["a"], "embedding": [[1.0]]}), path)
    with pytest.raises(UserError, match="column 'season' is missing"):
        read_vectors(path)


def test_an_interrupted_file_is_not_there(tmp_path):
    path = tmp_path / "e.parquet"

    def parts():
        yield np.ones((2, 3), "float32")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_vectors(path, ["a", "b", "c"], [""] * 3, parts(), **ABOUT)
    with pytest.raises(ValueError, match="2 vectors for 3 images"):
        write_vectors(path, ["a", "b", "c"], [""] * 3, [np.ones((2, 3), "float32")], **ABOUT)
    with pytest.raises(UserError, match="stands twice"):
        write_vectors(path, ["a", "a"], ["", ""], [np.ones((2, 3), "float32")], **ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_that_of_the_numbers(tmp_path):
    """20 000 x 512 numbers are 41 MB; as Python lists they would be 330 MB and more."""
    path = tmp_path / "e.parquet"
    parts = (np.full((500, 512), i, "float32") for i in range(40))
    write_vectors(path, map(str, range(20_000)), [""] * 20_000, parts, **ABOUT)
    code = (
        "import resource, sys, numpy; from greenup.evaluate.vectors import read_vectors; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        "v = read_vectors(sys.argv[1]).values; assert v.shape == (20000, 512) and v[-1, 0] == 39; "
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    environment = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
    grown = subprocess.run(
        [sys.executable, "-c", code, path], check=True, env=environment, capture_output=True, text=True
    )
    assert float(grown.stdout) < 150, f"{grown.stdout} MB"


def test_images_are_found_in_any_order_and_not_copied_in_their_own():
    table = pd.DataFrame({"site_id": ["a", "a", "b"], "season": ["summer", "winter", ""], "embedding": list(np.eye(3))})
    made = Vectors.of_table(table)
    assert made.of_images(table[::-1]).tolist() == np.eye(3)[::-1].tolist()
    assert made.of_images(table) is made.values
    with pytest.raises(UserError, match=r"1 of 2 surveys have none, e\.g\. b"):
        made.of_images(pd.DataFrame({"site_id": ["a", "b"], "season": ["winter", "winter"]}), "surveys")


def test_embeddings_of_other_weights_are_refused(tmp_path):
    """As from a file that was copied from another study, newer than the model's."""
    config, path = tmp_path / "config.json", tmp_path / "e.parquet"
    config.write_text('{"weights_checksum": "aaaa"}')
    for checksum in ({}, {"weights_checksum": None}, {"weights_checksum": "aaaa"}):
        write_vectors(path, ["x"], [""], [np.ones((1, 2))], **ABOUT, **checksum)
        check_weights(read_vectors(path).about, config, path)
    write_vectors(path, ["x"], [""], [np.ones((1, 2))], **ABOUT, weights_checksum="bbbb")
    for about in (read_vectors(path).about, read_table(path, EMBEDDINGS).attrs):
        with pytest.raises(UserError, match=r"e\.parquet: made by weights bbbb, but .*config\.json is of weights aaaa"):
            check_weights(about, config, path)
