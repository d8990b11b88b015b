"""A tiny dataset in memory, and a tiny SeCo on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fakes import FakeStore, tiny_model, write_statistics
from greenup.config import Model


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in the same order everywhere, and no quarrel over cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def files(tmp_path: Path, store: FakeStore) -> dict[str, Path]:
    """index.parquet and statistics.json of the tiny dataset."""
    store.index.to_parquet(tmp_path / "index.parquet")
    return {"index": tmp_path / "index.parquet", "statistics": write_statistics(tmp_path / "statistics.json", store)}


@pytest.fixture
def model() -> Model:
    return tiny_model()
