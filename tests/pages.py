"""Pages in headless Chromium: what every page of ours is held to, for tests of small pages and of finished runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WIDTHS = (1280, 400)
"""Widths of the window (pixels) at which nothing may reach beyond it."""

BASICS = Path(__file__).with_name("basics.js").read_text(encoding="utf-8")
"""What a reader who does not see, or not well, needs: all that is against it, in words."""


def chromium() -> str:
    """Path of Chromium. Skips loudly without it or without Playwright, fails where CI requires them."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("GREENUP_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        lacking = "Playwright is not installed: pip install playwright"
    else:
        if found:
            return found
        lacking = "Chromium is not found: apt-get install chromium, or set GREENUP_CHROMIUM"
    if os.environ.get("GREENUP_REQUIRE_BROWSER") == "1":
        pytest.fail(lacking)
    pytest.skip(lacking)


class Watched:
    """A page of a browser, and what was said on its console or asked of the network while it was open."""

    def __init__(self, page, path: Path) -> None:
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.resolve().as_uri())
        page.wait_for_load_state()
        self.own = path.resolve().as_uri()

    def check_quiet(self) -> None:
        """Nothing was asked for but the page itself and what it holds; nothing was said."""
        assert [u for u in self.asked if u.split("#")[0] != self.own and not u.startswith(("data:", "blob:"))] == []
        assert self.said == []

    def check_fits(self) -> None:
        """Nothing reaches beyond the window."""
        wide = self.page.evaluate(
            "() => [...document.querySelectorAll('body *')]"
            ".filter((e) => Math.max(e.getBoundingClientRect().right, e.scrollWidth) > innerWidth + 1)"
            ".filter((e) => !e.closest('.scroll, pre, figure, .map-panel, svg'))"
            ".map((e) => e.outerHTML.slice(0, 120)).slice(-5)"
        )
        size = self.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert size[0] <= size[1], (size, wide)

    def check_basics(self) -> None:
        """`BASICS`."""
        assert self.page.evaluate(BASICS) == []


@contextmanager
def opened(browser, path: Path, width: int = 1280, **options) -> Iterator[Watched]:
    """A page in a window of this width, without a network; ``options`` of Playwright's ``new_context``."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
    try:
        yield Watched(context.new_page(), path)
    finally:
        context.close()
