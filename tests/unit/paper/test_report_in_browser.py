"""The report in headless Chromium: it asks for nothing, answers to pointer and keys, and fits wide and narrow."""

import json
import re
from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd
import pytest
from greenup.config import load_study
from greenup.paper.plain import PlainTable, to_html
from greenup.paper.report import write_report
from greenup.paper.site_map import site_map
from greenup.plan import STAGES
from PIL import Image

from tests.pages import WIDTHS, opened
from tests.unit.paper.test_site_map import ledger

CONFIG = Path(__file__).resolve().parents[3] / "config"
# A grey square of 2 x 2 pixels.
JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8yb"
    "qmx5moq6T/wAALCAACAAIBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
SCORES = """<div class="scroll"><table class="results"><thead>
<tr><th rowspan="2" scope="col">model</th><th colspan="2" scope="colgroup">biomes</th></tr>
<tr><th colspan="1" scope="colgroup">linear</th><th colspan="1" scope="colgroup">k-NN</th></tr></thead><tbody>
<tr><th scope="row">a</th><td>9.5 ± 0.1</td><td>–</td></tr>
<tr><th scope="row">b</th><td><strong>56.1 ± 0.7</strong></td><td>−3.2</td></tr>
<tr><th scope="row">c</th><td>not run</td><td>1,200</td></tr></tbody></table></div>
<p class="legend">Source: https://example.org/a-long-address-"""


@pytest.fixture
def report(world, tmp_path) -> Path:
    """A page with all kinds of parts: two maps (one of images, one of many sites), a figure, a wide table, scores."""
    places = world.sites.assign(biome="tundra")
    one = site_map(places, np.arange(12), world.seasons, ledger(world), {("5U_5R", "summer"): JPEG})
    rng = np.random.default_rng(0)
    many = pd.DataFrame({"lon": rng.uniform(-180, 180, 3000), "lat": rng.uniform(-60, 80, 3000)})
    many = many.assign(site_id=[f"many_{i}" for i in range(3000)], land_cover="barren", biome=None)
    two = site_map(many, np.arange(500), None, None, {})
    for name, data in (("ssl4eco", one), ("ssl4eco_full", two)):
        path = tmp_path / "paper/maps" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"name": name, "simulated": name == "ssl4eco", "view": "true colour", **data}))
    figure = tmp_path / "paper/figures/fig2.png"
    figure.parent.mkdir(parents=True)
    Image.fromarray(rng.integers(0, 256, (900, 1440, 3), dtype=np.uint8)).save(figure)
    figure.with_suffix(".csv").write_text("site_id\na\n")
    wide = PlainTable(
        ("dataset", *(f"a column {i}" for i in range(20))),
        (("ours", tuple((f"row {i}", *["word"] * 20) for i in (2, 10, 1))), ("theirs", (("z", *["1"] * 20),))),
    )
    scores = f"{SCORES}{'and-more-' * 20}</p>"
    tables = {"table1": to_html(wide), "results": scores, "tableA2": scores}
    for name, text in tables.items():
        path = tmp_path / "paper/tables" / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    card = tmp_path / "datasets/ssl4eco/README.md"
    card.parent.mkdir(parents=True)
    card.write_text("# Card\n\n| a | b |\n|---|---|\n| 1 | " + "long " * 60 + "|\n")
    record = {"rule": "fig2", "inputs": ["results/demo/" + "deep/" * 30 + "x.parquet"], "commit": "0" * 40, "seed": 1}
    (tmp_path / "provenance.json").write_text(json.dumps({"fig2": record}))
    write_report(
        load_study(CONFIG / "demo.yaml"),
        figures=[figure],
        tables=[tmp_path / "paper/tables" / f"{n}.html" for n in tables],
        cards=[card],
        maps=[tmp_path / "paper/maps" / f"{n}.json" for n in ("ssl4eco_full", "ssl4eco")],
        provenance=tmp_path / "provenance.json",
        lacking={"fig3": "models and tasks"},
        stages=list(STAGES),
        out=tmp_path / "report.html",
        configfile="config/demo.yaml",
    )
    return tmp_path / "report.html"


@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_quiet_and_fits(browser, report, width):
    with opened(browser, report, width) as page:
        page.check_fits()
        page.check_basics()
        # And with all that was folded.
        page.page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.check_fits()
        page.check_basics()
        page.check_quiet()


def test_the_map_answers_to_keys(browser, report, world):
    with opened(browser, report) as watched:
        page = watched.page
        view, told = page.locator(".map-view"), page.locator(".map-told")
        view.focus()
        page.keyboard.press("ArrowRight")
        first = told.inner_text()
        site = re.match(r"Site (\w+)", first)[1]
        mine = world.index[world.index["site_id"] == site].set_index("season")["time"]
        for season, time in mine.items():
            assert f"{season} {time:%Y-%m-%d}" in first
            assert f"{time:%Y-%m-%d %H:%M} UTC" in page.locator(".map-panel").inner_text()
        assert all(
            scene in page.locator(".map-panel").inner_text()
            for scene in world.index.query("site_id == @site")["scene_id"]
        )
        # From site to site: each lies where the arrow points, and where there is none it stays.
        at_site, reached = world.sites.set_index("site_id"), [site]
        for arrow, axis, sign in (("Right", "lon", 1), ("Down", "lat", -1), ("Left", "lon", -1), ("Up", "lat", 1)):
            for _ in range(4):
                page.keyboard.press(f"Arrow{arrow}")
                now = re.match(r"Site (\w+)", told.inner_text())[1]
                assert now == reached[-1] or sign * (at_site[axis][now] - at_site[axis][reached[-1]]) > 0, (arrow, now)
                reached.append(now)
        assert len(set(reached)) >= 5
        whole = page.locator("svg.live").get_attribute("viewBox")
        page.keyboard.press("+")
        box = [float(v) for v in page.locator("svg.live").get_attribute("viewBox").split()]
        assert box[2] == pytest.approx(float(whole.split()[2]) / 1.6)
        page.keyboard.press("Shift+ArrowLeft")
        assert float(page.locator("svg.live").get_attribute("viewBox").split()[0]) < box[0]
        page.keyboard.press("0")
        assert page.locator("svg.live").get_attribute("viewBox") == whole
        page.keyboard.press("Escape")
        assert told.inner_text() == "" and "press an arrow key" in page.locator(".map-panel").inner_text()
        watched.check_quiet()


def at(page, x: float, y: float) -> tuple[float, float]:
    """A place of the map (units) in the window."""
    return tuple(
        page.evaluate(
            "([x, y]) => { const matrix = document.querySelector('svg.live').getScreenCTM();"
            " const p = new DOMPoint(x, y).matrixTransform(matrix); return [p.x, p.y]; }",
            [x, y],
        )
    )


def test_the_map_answers_to_the_pointer(browser, report):
    with opened(browser, report) as watched:
        page = watched.page
        page.locator(".map-view").scroll_into_view_if_needed()
        data = json.loads(page.locator("#site-map-data").text_content())["datasets"][0]
        i = data["sites"]["id"].index("5U_5R")
        x, y = at(page, data["sites"]["x"][i], data["sites"]["y"][i])
        panel = page.locator(".map-panel")
        page.mouse.move(x + 2, y)
        assert "5U_5R" in panel.inner_text()
        # The picture of its summer, with words for who does not see it.
        assert page.locator(".thumb").count() == 1
        assert page.locator(".thumb").evaluate("(e) => e.naturalWidth") == 2
        assert re.fullmatch(r"summer image of site 5U_5R, \d{4}-\d\d-\d\d", page.locator(".thumb").get_attribute("alt"))
        page.mouse.move(x + 200, y + 90)
        assert "5U_5R" not in panel.inner_text()
        # A click keeps it.
        page.mouse.click(x, y)
        page.mouse.move(x + 200, y + 90)
        assert "5U_5R" in panel.inner_text() and "5U_5R" in page.locator(".map-told").inner_text()
        # The wheel zooms about the pointer, dragging moves.
        page.mouse.move(x, y)
        page.mouse.wheel(0, -400)
        patience = monotonic() + 20
        # `wait_for_function` runs eval, which the page's policy forbids.
        while not float(page.locator("svg.live").get_attribute("viewBox").split()[2]) < 19000:
            assert monotonic() < patience, "the wheel does not zoom"
            page.wait_for_timeout(20)
        now = at(page, data["sites"]["x"][i], data["sites"]["y"][i])
        assert np.hypot(now[0] - x, now[1] - y) < 3
        page.mouse.down()
        page.mouse.move(x - 60, y - 30, steps=4)
        page.mouse.up()
        moved = at(page, data["sites"]["x"][i], data["sites"]["y"][i])
        np.testing.assert_allclose(moved, [x - 60, y - 30], atol=4)
        watched.check_quiet()


def test_another_dataset_and_other_colours(browser, report):
    with opened(browser, report) as watched:
        page = watched.page
        assert page.locator("#map-kind option").all_inner_texts() == ["land cover", "biome", "images found"]
        page.select_option("#map-kind", "images")
        assert page.locator(".map-legend li").all_inner_texts() == ["of every season (11)", "of some seasons (1)"]
        page.select_option("#map-set", "ssl4eco_full")
        assert page.locator("#map-kind option").all_inner_texts() == ["land cover", "biome"]
        assert page.locator("#map p[data-set]:visible").count() == 1
        assert "3,000 sites; 500 of them" in page.locator("#map p[data-set]:visible").inner_text()
        # Squares of the density lie below the dots.
        shades = json.loads(page.locator("#site-map-data").text_content())["shades"]
        drawn = page.locator("svg.live path[fill^='#']").evaluate_all("(all) => all.map((e) => e.getAttribute('fill'))")
        assert drawn == shades
        watched.check_quiet()


def test_the_table_of_sites_stands_for_the_map(browser, report):
    with opened(browser, report) as watched:
        page = watched.page
        page.locator(".map-list > summary").click()
        assert page.locator("#map-turning").inner_text() == "1 to 12 of 12 sites"
        page.fill("#map-find", "cropland")
        assert page.locator("#map-turning").inner_text() == "1 to 2 of 2 sites"
        row = page.locator("#map-table tbody tr").first.inner_text()
        assert "cropland" in row and re.search(r"spring: \d{4}-\d\d-\d\d; summer: ", row)
        page.locator("#map-table tbody button").first.click()
        assert page.locator(".map-told").inner_text().startswith("Site ")
        assert page.evaluate("document.activeElement.className").startswith("map-view")
        page.select_option("#map-set", "ssl4eco_full")
        page.fill("#map-find", "")
        page.locator("#map-behind").click()
        assert page.locator("#map-turning").inner_text() == "21 to 40 of 500 sites"
        watched.check_quiet()


def test_figures_open_over_the_window_and_escape_closes(browser, report):
    for width in WIDTHS:
        with opened(browser, report, width) as watched:
            page = watched.page
            page.get_by_role("button", name="Enlarge: Figure 2: Seasons and images").focus()
            page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog", name="Figure 2: Seasons and images")
            assert dialog.is_visible()
            dialog.locator(".zoom-level").get_by_text("100 %", exact=True).wait_for()
            picture, stage = page.locator(".zoom-stage img").bounding_box(), page.locator(".zoom-stage").bounding_box()
            assert picture["width"] <= stage["width"] and picture["height"] <= stage["height"]
            page.keyboard.press("+")
            dialog.get_by_role("button", name="Zoom in").click()
            assert page.locator(".zoom-level").inner_text() == "225 %"
            larger = page.locator(".zoom-stage img").bounding_box()
            assert larger["width"] == pytest.approx(2.25 * picture["width"], rel=0.01)
            # The middle stays in the middle.
            assert page.locator(".zoom-stage").evaluate("(e) => e.scrollLeft") > 0
            page.keyboard.press("Escape")
            assert not dialog.is_visible()
            assert page.evaluate("document.activeElement.className") == "zoom-open"
            watched.check_fits()
            watched.check_quiet()


def test_tables_are_sorted_by_number_and_back(browser, report):
    with opened(browser, report) as watched:
        page = watched.page

        def names(part: str) -> list[str]:
            return page.locator(f"#{part} tbody th[scope=row]").all_inner_texts()

        linear = page.locator("#results thead th", has_text="linear")
        for order, expected in (("ascending", "abc"), ("descending", "bac"), ("none", "abc")):
            linear.get_by_role("button").click()
            assert linear.get_attribute("aria-sort") == order
            assert names("results") == list(expected)  # what was not run stands last
        knn = page.locator("#results thead th", has_text="k-NN")
        knn.get_by_role("button").press("Enter")
        assert names("results") == ["b", "c", "a"] and linear.get_attribute("aria-sort") == "none"
        # A head over several columns is none to sort by.
        assert page.locator("#results thead th", has_text="biomes").get_by_role("button").count() == 0
        page.locator("#table1 thead th", has_text="dataset").get_by_role("button").click()
        assert names("table1") == ["row 1", "row 2", "row 10", "z"]  # each group by itself
        watched.check_quiet()


def test_folded_parts_open_by_their_links_and_on_paper(browser, report):
    with opened(browser, report) as watched:
        page = watched.page
        assert not page.locator("#tableA2 table").is_visible()
        page.locator("nav a[href='#tableA2']").click()
        page.locator("#tableA2 table").wait_for(state="visible")
        folded = page.locator("details:not([open])").count()
        assert folded > 2
        page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
        assert page.locator("details:not([open])").count() == 0
        page.evaluate("() => { dispatchEvent(new Event('afterprint')); }")
        assert page.locator("details:not([open])").count() == folded
        page.emulate_media(media="print")
        for gone in (".map-controls", ".map-panel", ".map-help", ".skip"):
            assert not page.locator(gone).first.is_visible(), gone
        assert page.locator("svg.live").is_visible()
        paper = page.pdf(format="A4")
        assert paper.startswith(b"%PDF") and len(paper) > 20_000
        watched.check_quiet()


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_it_is_a_page_with_pictures_a_still_map_and_a_table(browser, report, width):
    with opened(browser, report, width, java_script_enabled=False) as watched:
        page = watched.page
        assert page.locator("figure img").first.bounding_box()["width"] > 300
        assert page.locator(".map-view svg").bounding_box()["width"] > 300
        assert not page.locator(".map-controls").is_visible() and not page.locator("#map-find").is_visible()
        page.locator(".map-list > summary").click()
        assert "5U_5R" in page.locator("#map-table").inner_text()
        watched.check_fits()
        assert watched.said == []


def test_the_first_key_leads_past_the_contents(browser, report):
    with opened(browser, report) as watched:
        watched.page.keyboard.press("Tab")
        assert watched.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        watched.page.keyboard.press("Enter")
        assert watched.page.evaluate("document.activeElement.id") == "main"
