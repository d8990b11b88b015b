"""The reports of finished runs in headless Chromium: below 15 MB, quiet, readable wide and narrow, and they answer."""

import json
import re
from pathlib import Path

import pytest

from tests.pages import WIDTHS, opened


def check_report(browser, folder: Path, width: int) -> None:
    """Everything that a reader, a screen reader and a phone need of the report of a study."""
    report = folder / "report.html"
    assert report.stat().st_size < 15_000_000
    with opened(browser, report, width) as watched:
        page = watched.page
        watched.check_fits()
        watched.check_basics()
        # The map tells the dates of a site that has images.
        data = json.loads(page.locator("#site-map-data").text_content())["datasets"][0]
        page.locator(".map-view").focus()
        page.keyboard.press("ArrowRight")
        told = page.locator(".map-told").inner_text()
        i = data["sites"]["id"].index(re.match(r"Site (.+?), ", told)[1])
        dates = [image[2][:10] for image in data["images"][i] if image[1] == "ok"]
        assert data["images"][i] and all(date in told for date in dates)
        assert any(image[1] == "ok" and image[5] for images in data["images"] for image in images)
        # Every figure opens; every figure and table tells its command and where it comes from.
        assert page.locator(".part .again").count() == page.locator(".part .provenance").count() > 5
        page.locator(".zoom-open").first.click()
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("Escape")
        assert page.get_by_role("dialog").count() == 0
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        watched.check_fits()
        watched.check_basics()
        watched.check_quiet()


@pytest.mark.parametrize("width", WIDTHS)
def test_report_of_the_demo(browser, demo, width):
    check_report(browser, demo, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_report_of_real_pixels(browser, real, width):
    check_report(browser, real, width)
