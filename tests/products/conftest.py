"""Tests of what a finished run made: `GREENUP_STUDY=demo python -m pytest tests/products/test_demo.py`."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def demo() -> Path:
    return _finished("demo", "make demo")


@pytest.fixture(scope="session")
def real() -> Path:
    return _finished("real_sample", "make real SAMPLES=<folder>")


def _finished(study: str, how: str) -> Path:
    folder = REPOSITORY / "results" / study
    if not (folder / "report.html").exists():
        pytest.fail(f"{folder} holds no finished run; {how} first")
    return folder
