"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.pages import chromium

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


# Of a module and no longer: tests that fork, or end processes, are not run beside its event loop.
@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by Playwright. Skips loudly without it, fails where CI requires it."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, who runs the jobs of CI.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()
