"""Figures and page of a dataset's quality report: what is plotted against the tables it was plotted from."""

import base64
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from greenup.paper import dataset_figures, dataset_map, dataset_report
from greenup.paper.contact_sheet import draw_contact_sheet
from greenup.paper.dataset_tables import tables_of
from greenup.paper.plain import to_html
from greenup.patches.quality import Facts, strata

from tests.unit.paper.dataset_files import facts_of, ledger_rows, site_rows
from tests.unit.paper.test_contact_sheet import Store
from tests.unit.paper.test_report import Page

SEASONS = ("spring", "summer", "autumn", "winter")
STATISTICS = {
    "channels": {
        "B4": {"mean": 1200.0, "std": 300.0, "p02": 200.0, "p50": 1100.0, "p98": 4000.0},
        "VV": {"mean": 35_000.0, "std": 1500.0, "p02": 32_000.0, "p50": 35_100.0, "p98": 38_000.0},
    }
}


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> Facts:
    sites = site_rows(40)
    return facts_of(tmp_path_factory.mktemp("study"), sites, ledger_rows(sites, SEASONS, lost=0.6))


def bars(axes):
    return [p for c in axes.containers for p in c]


def test_the_map_shows_every_site_in_two_colours(facts):
    figure, numbers = dataset_map.draw_map(facts, strata(facts, None, dataset_map.KINDS))
    there = [c for c in figure.axes[0].collections if len(c.get_offsets()) and c.get_sizes().size]
    has = int((facts.sites["images"] > 0).sum())
    assert 0 < has < 40
    assert [len(c.get_offsets()) for c in there] == [len(facts.sites) - has, has]
    assert not np.array_equal(there[0].get_facecolor()[0], there[1].get_facecolor()[0])
    assert figure.axes[0].texts[1].get_text() == f"sites with images ({has} of 40)"
    covers = numbers[numbers["kind"] == "land_cover"]
    widths = [p.get_width() for p in bars(figure.axes[2])][len(covers) :]
    np.testing.assert_allclose(widths, 100 * covers["image_share"])


def test_many_sites_are_hexagons_of_density_and_of_loss():
    count = 5_000
    rng = np.random.default_rng(1)
    sites = pd.DataFrame({"lon": rng.uniform(-120, 120, count), "lat": rng.uniform(-50, 60, count)})
    images = (rng.random(count) < 0.75).astype(int)
    sites = sites.assign(site_id=[str(i) for i in range(count)], land_cover="a", climate_zone="b", images=images)
    facts = Facts(pd.DataFrame(), sites, True, "")
    figure, _ = dataset_map.draw_map(facts, strata(facts, None, dataset_map.KINDS))
    lost = next(c for c in figure.axes[1].collections if c.get_array() is not None)
    assert lost.get_array().min() >= 0 and lost.get_array().max() <= 100
    assert figure.axes[1].texts[1].get_text() == f"sites without ({int((images == 0).sum()):,})"
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) < count
    plt.close("all")


def test_images_a_site_and_causes(facts):
    figure, numbers = dataset_figures.draw_images(facts)
    counts = facts.sites["images"].value_counts().reindex(range(5), fill_value=0)
    assert [p.get_height() for p in figure.axes[0].patches] == counts.tolist()
    words = "\n".join(t.get_text() for t in figure.axes[2].texts)
    assert "cloudy: none below 20 % cloud (… candidates); the least is … %" in words
    assert numbers.loc[numbers["panel"] == "c", "count"].sum() == (facts.rows["status"] != "ok").sum()
    for y in range(4):
        row = [p for p in figure.axes[1].patches if abs(p.get_y() + p.get_height() / 2 - y) < 0.01]
        assert sum(p.get_width() for p in row) == pytest.approx(100)


def test_cloud_counts_every_image_once(facts):
    figure, numbers = dataset_figures.draw_cloud(facts)
    known = facts.images["cloud"].notna().sum()
    assert np.nansum([p.get_height() for p in figure.axes[0].patches]) == known
    labels = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert f"unknown: {len(facts.images) - known}" in labels
    assert numbers.loc[numbers["panel"] == "a", "count"].sum() == len(facts.images)
    assert [p.get_height() for p in figure.axes[1].patches] == pytest.approx(
        (100 * numbers.loc[numbers["panel"] == "b", "share"]).tolist()
    )


def test_offset_of_each_season(facts):
    figure, numbers = dataset_figures.draw_offset(facts)
    for axes, season in zip(figure.axes, SEASONS, strict=True):
        mine = facts.images.loc[facts.images["season"] == season, "days_from_middle"]
        assert numbers.loc[(numbers["season"] == season) & numbers["low"].notna(), "count"].sum() == len(mine)
        assert axes.lines[0].get_xdata()[0] == pytest.approx(mine.median())
        assert f"{season} (n = {len(mine)})" in [t.get_text() for t in axes.texts]


def test_dates_add_up(facts):
    figure, numbers = dataset_figures.draw_dates(facts)
    shown = np.ma.filled(figure.axes[0].collections[0].get_array(), np.nan)
    assert np.nansum(shown) == numbers["count"].sum() == len(facts.images)
    for axes, hemisphere in zip(figure.axes[1:], ("north", "south"), strict=True):
        south = facts.images["lat"] < 0
        assert sum(p.get_height() for p in axes.patches) == (south if hemisphere == "south" else ~south).sum()


def test_values_in_physical_units(facts):
    figure, numbers = dataset_figures.draw_values(facts, STATISTICS)
    offsets = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(offsets, facts.images[["east_m", "north_m"]])
    table = numbers[numbers["panel"] == "b"].set_index("channel")
    assert table.loc["B4", ["mean", "p98"]].tolist() == pytest.approx([0.12, 0.4])
    assert table.loc["VV", ["mean", "std", "p02"]].tolist() == pytest.approx([-10.0, 3.0, -16.0])


def test_one_site_one_image_unknown_cloud(tmp_path):
    sites = site_rows(1).assign(shard=0)
    rows = ledger_rows(sites, ("summer",), lost=0.0).assign(cloud=None, days_from_middle=None)
    facts = facts_of(tmp_path, sites, rows)
    words = [t.get_text() for t in dataset_figures.draw_cloud(facts)[0].axes[0].texts]
    assert "cloud is unknown\nof all 1 images" in words
    assert "not known" in [t.get_text() for t in dataset_figures.draw_offset(facts)[0].axes[0].texts]
    for draw in (dataset_figures.draw_images, dataset_figures.draw_dates):
        draw(facts)[0].canvas.draw()
    dataset_map.draw_map(facts, strata(facts, None, dataset_map.KINDS))[0].canvas.draw()


def test_tables_hold_the_same_numbers(facts):
    layers = strata(facts, None, dataset_map.KINDS)
    rows = facts.rows[facts.rows["site_id"].isin(["s001", "s002"])].assign(scene_id="S")
    _, sheet = draw_contact_sheet(
        rows.astype({"season": str}), Store(), ("B2", "B3", "B4"), simulated=True, attribution=""
    )
    found = tables_of(facts, layers, STATISTICS, sheet)
    assert list(found) == list(dataset_report.TITLES)
    status = found["images"][1]
    assert status.groups[0][1][-1][-1] == str(len(facts.rows))
    assert sum(int(r[-1]) for r in found["dates"][0].groups[0][1]) == len(facts.images)
    page = "".join(to_html(t) for tables in found.values() for t in tables)
    Page(page)
    assert "0.1200" in page and "-10.00" in page


def test_the_page_needs_nothing_else(facts, tmp_path, monkeypatch, capsys):
    """The whole report of a small dataset, with pixels from a stand-in for the store."""
    import json

    from greenup.files import write_table
    from greenup.schemas import INDEX

    from tests.unit.paper.dataset_files import write_dataset

    sites = site_rows(12)
    rows = ledger_rows(sites, SEASONS)
    root = tmp_path / "results/s"
    paths = write_dataset(root, sites, rows)
    ok = rows[rows["status"] == "ok"].merge(sites.drop(columns="shard"), on="site_id").assign(file="x.h5", orbit=None)
    index = root / "datasets/d/index.parquet"
    write_table(index, ok[[c.name for c in INDEX.columns if c.name in ok]], INDEX, simulated=True, attribution="x")
    (root / "statistics.json").write_text(json.dumps(STATISTICS))
    store = Store()
    store.close = lambda: None
    monkeypatch.setattr(dataset_report, "PatchStore", lambda *_: store)
    patches = dataset_report.Patches(size_px=48, bands=("B2", "B3", "B4", "B8"))
    made = []
    for name in ("one", "two"):
        folder = root / name / "quality"
        about = {"seed": 5, "index": index, "statistics": root / "statistics.json"}
        dataset_report.write_quality("d", patches, **paths, **about, page=folder.parent / "q.html", folder=folder)
        made.append({p.name: p.read_bytes() for p in [*folder.iterdir(), folder.parent / "q.html"]})
    assert made[0] == made[1], "same inputs, same bytes"
    assert set(made[0]) == {
        *(f"{n}.{k}" for n in dataset_report.TITLES for k in ("png", "pdf", "csv")), "contact_sheet.jpg", "q.html"
    }  # fmt: skip
    text = made[0]["q.html"].decode()
    page = Page(text)
    assert len(page.fetched) == 7 and all(u.startswith("data:image/") for u in page.fetched)
    assert base64.b64decode(page.fetched[5].split(",")[1]) == made[0]["contact_sheet.png"]
    assert "SIMULATED" in page.text and "made up for a test" in page.text
    assert {a[1:] for a in page.anchors} <= set(page.ids)
    assert text.count("<h1>") == 1 and text.count("<h2>") == 7 and text.count('alt="') == 7 and 'alt=""' not in text
    assert len(store.asked) <= 2 * 40
    sheet = pd.read_csv(root / "one/quality/contact_sheet.csv")
    assert sheet["simulated"].all() and sheet["site_id"].nunique() == 10


def test_titles_and_files_of_the_plan_agree():
    from greenup.plan import QUALITY_FIGURES

    assert tuple(dataset_report.TITLES) == QUALITY_FIGURES
    captions = Path(dataset_report.__file__).parents[3] / "rules/report"
    for name in QUALITY_FIGURES:
        assert (captions / (f"{name}.rst" if name == "contact_sheet" else f"dataset_{name}.rst")).is_file()
