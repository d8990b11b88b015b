import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from greenup.config import load_study
from greenup.errors import UserError
from greenup.paper.report import COPERNICUS, write_report
from greenup.plan import STAGES

CONFIG = Path(__file__).resolve().parents[3] / "config"
# The smallest PNG: one grey pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


class Page(HTMLParser):
    """Checks nesting, and collects text, ids, links inside the page and everything that would be fetched."""

    VOID = ("meta", "img", "br", "link", "hr", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.anchors, self.fetched, self.text = [], [], [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.anchors.append(attrs["href"])
        elif "href" in attrs:
            self.fetched.append(attrs["href"])
        self.fetched += [attrs[k] for k in ("src", "srcset", "data", "poster", "action") if k in attrs]
        assert tag not in ("script", "iframe", "link", "object", "embed")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.text += " " if tag in ("td", "th") else ""

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


@pytest.fixture
def parts(tmp_path):
    """Files of a finished study: five figures with their numbers, three tables, a card."""
    figures = []
    for name, numbers in (
        ("fig1", {"dataset": ["ssl4eco", "ssl4eo_s12"], "sites": [4000, 321], "share": [1.0, 1.0]}),
        ("fig2", {"site_id": ["a"]}),
        ("figA2", {"task": ["biomes"]}),
        (
            "training",
            {
                "model": "seco_eco",
                "epoch": [1, 2],
                "held_out_loss": [9.25, 7.5],
                "embedding_std": [0.05, 0.08],
                "samples_per_second": [50, 60],
            },
        ),
        (
            "quality",
            {
                "quantity": "status",
                "dataset": ["ssl4eco", "ssl4eco", "biome_points"],
                "season": ["spring", "spring", "summer"],
                "bin": ["ok", "cloudy", "ok"],
                "count": [1234, 66, 700],
            },
        ),
    ):
        path = tmp_path / "paper" / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
        pd.DataFrame(numbers).to_csv(path.with_suffix(".csv"), index=False)
        figures.append(str(path))
    tables = []
    for name, cell in (("results", "56.1 ± 0.7"), ("tableA1", "20 Apr"), ("table1", "254,403")):
        tables.append(str(tmp_path / f"{name}.html"))
        Path(tables[-1]).write_text(f"<table><tr><td>{cell}</td></tr></table>")
    card = tmp_path / "datasets" / "ssl4eco" / "README.md"
    card.parent.mkdir(parents=True)
    card.write_text("# Dataset card\n\nHas <b> and **bold**.\n")
    return {"figures": figures, "tables": tables, "cards": [str(card)], "stages": list(STAGES)}


@pytest.fixture
def demo():
    return load_study(CONFIG / "demo.yaml")


def render(study, parts, tmp_path, **changed) -> tuple[str, Page]:
    out = tmp_path / "report.html"
    write_report(study, **{**parts, **changed}, out=out)
    text = out.read_text()
    return text, Page(text)


def test_the_page_needs_nothing_else(demo, parts, tmp_path):
    text, page = render(demo, parts, tmp_path)
    assert len(page.fetched) == 5 and all(u.startswith("data:image/png;base64,") for u in page.fetched)
    assert all(base64.b64decode(u.split(",")[1]) == PNG for u in page.fetched)
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert "http" not in text.split("<body>")[0]
    assert {a[1:] for a in page.anchors if a.startswith("#")} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_a_simulated_study_says_so_first_and_a_real_one_is_attributed(demo, parts, tmp_path):
    _, page = render(demo, parts, tmp_path)
    assert "SIMULATED" in page.text[:200]
    assert COPERNICUS not in page.text
    real = load_study(CONFIG / "paper.yaml")
    _, page = render(real, parts, tmp_path)
    assert "SIMULATED" not in page.text and "imulated" not in page.text and COPERNICUS in page.text


def test_everything_of_the_study_is_there(demo, parts, tmp_path):
    text, page = render(demo, parts, tmp_path, configfile="my/demo.yaml")
    words = " ".join(page.text.split())
    for expected in (
        "1,934",  # images there, of the ledgers' counts
        "97 %",
        "1,234 66 1,300",
        "9.25 → 7.50",
        "56.1 ± 0.7",
        "4,321",
        "sites compared, of 2 samplings",
        "Has <b> and bold.",
        "queue: 64",
        "evi",
        "snakemake --cores all --configfile my/demo.yaml",
    ):
        assert expected in words, expected
    for stage in STAGES:
        assert f"snakemake {stage} --cores all --configfile my/demo.yaml" in words
    assert re.search(r"python\s+3\.\d+\.\d+", words) and re.search(r"numpy\s+\d", words)
    assert "<strong>bold</strong>" in text and "Has <b>" not in text


def test_parts_stand_in_their_sections_in_order(demo, parts, tmp_path):
    text, page = render(demo, parts, tmp_path)
    order = [
        "sites",
        "fig1",
        "table1",
        "seasons",
        "fig2",
        "tableA1",
        "tasks",
        "figA2",
        "results",
        "training",
        "quality",
    ]
    found = [i for i in page.ids if i in order]
    assert found == order
    assert text.index("254,403") < text.index("20 Apr") < text.index("56.1 ± 0.7")
    words = " ".join(page.text.split())
    for rule, what in (("table1", "table1: Datasets, drawn and published"), ("figA2", "figA2: Labels of the tasks")):
        assert f"snakemake {rule} --cores all" in words and what in words
    assert "coverage_figure" not in words
    # One without its section's other parts.
    _, page = render(demo, parts, tmp_path, figures=[], tables=[parts["tables"][1]])
    assert "seasons" in page.ids and "sites" not in page.ids and "tasks" not in page.ids


def test_same_inputs_same_page(demo, parts, tmp_path):
    assert render(demo, parts, tmp_path)[0] == render(demo, parts, tmp_path)[0]


def test_absent_parts_are_left_out_or_say_why(demo, parts, tmp_path):
    bare = demo.model_copy(update={"tasks": {}, "models": {}})
    _, page = render(bare, parts, tmp_path, figures=[], tables=[], cards=[])
    words = " ".join(page.text.split())
    assert page.fetched == [] and "sites" not in page.ids and "data" not in page.ids
    assert "no downstream task" in words and "No model of this study is trained" in words
    assert {a[1:] for a in page.anchors} <= set(page.ids)


def test_what_a_user_writes_is_shown_as_text(demo, parts, tmp_path):
    note = "<img src=https://x.org/a.png> & more"
    study = demo.model_copy(update={"paper": demo.paper.model_copy(update={"note": note})})
    _, page = render(study, parts, tmp_path)
    assert note in page.text and len(page.fetched) == 5


def test_further_figures_are_shown(demo, parts, tmp_path):
    more = tmp_path / "arctic_map.png"
    more.write_bytes(PNG)
    table = tmp_path / "my_table.html"
    table.write_text("<table><tr><td>forty-two</td></tr></table>")
    parts = {**parts, "figures": [*parts["figures"], str(more)], "tables": [*parts["tables"], str(table)]}
    _, page = render(demo, parts, tmp_path)
    assert "my table" in page.text and "forty-two" in page.text
    assert "arctic map" in page.text and len(page.fetched) == 6


def test_a_missing_file_is_named_and_no_page_is_left(demo, parts, tmp_path):
    Path(parts["cards"][0]).unlink()
    with pytest.raises(UserError, match=r"README\.md"):
        render(demo, parts, tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_contact_sheets_stand_with_a_link_to_the_quality_report(demo, parts, tmp_path):
    sheet = tmp_path / "datasets" / "ssl4eco" / "quality" / "contact_sheet.jpg"
    sheet.parent.mkdir(parents=True)
    sheet.write_bytes(b"\xff\xd8 a picture")
    text, page = render(demo, parts, tmp_path, sheets=[str(sheet)])
    uri = next(u for u in page.fetched if u.startswith("data:image/jpeg;base64,"))
    assert base64.b64decode(uri.split(",")[1]) == sheet.read_bytes()
    assert "datasets/ssl4eco/quality.html" in page.anchors and "sheet-ssl4eco" in page.ids
    assert "Simulated images" in text[text.index('id="sheet-ssl4eco"') :][:3000]
    assert "contact-sheets" not in render(demo, parts, tmp_path)[1].ids
