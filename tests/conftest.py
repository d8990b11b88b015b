"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No timing is asserted: a loaded machine is no failure.
settings.register_profile("greenup", deadline=None)
settings.load_profile("greenup")


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real sample data (GREENUP_SAMPLES). Skips loudly without it, fails where CI requires it."""
    folder = os.environ.get("GREENUP_SAMPLES", "")
    if folder and Path(folder).is_dir():
        return Path(folder)
    message = f"real samples not found: set GREENUP_SAMPLES to their folder (is {folder!r}); see config/samples.csv"
    if os.environ.get("GREENUP_REQUIRE_SAMPLES") == "1":
        pytest.fail(message)
    pytest.skip(message)
