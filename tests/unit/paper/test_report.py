import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from greenup.config import load_study
from greenup.errors import UserError
from greenup.paper.report import write_report
from greenup.paper.report_facts import COPERNICUS
from greenup.paper.report_parts import arranged, scrolling, title_of
from greenup.plan import STAGES, Plan
from PIL import Image

CONFIG = Path(__file__).resolve().parents[3] / "config"
# The smallest PNG: one grey pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


class Page(HTMLParser):
    """Checks nesting, and collects text, ids, links inside the page and everything that would be fetched."""

    VOID = ("meta", "img", "br", "link", "hr", "input", "path")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.anchors, self.fetched, self.heads, self.text = [], [], [], [], [], ""
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
        self.heads += [int(tag[1])] if tag in ("h1", "h2", "h3", "h4", "h5", "h6") else []
        assert tag not in ("iframe", "link", "object", "embed")
        if tag == "img":
            assert attrs["alt"].strip()
        if tag == "th":
            assert attrs.get("scope") in ("row", "col", "colgroup", "rowgroup"), self.text[-80:]

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
    head = text.split("<body>")[0].replace('http-equiv="Content-Security-Policy"', "")
    assert "http" not in head and "default-src 'none'" in head
    script = text.split("<script>")[1]
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket|eval)\b *\(", script)
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")
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
    assert page.heads[0] == 1 and page.heads.count(1) == 1
    assert all(below <= above + 1 for above, below in zip(page.heads, page.heads[1:], strict=False))
    assert found == order
    assert text.index("254,403") < text.index("20 Apr") < text.index("56.1 ± 0.7")
    words = " ".join(page.text.split())
    for rule, what in (
        ("table1", "Table 1: Datasets, drawn and published"),
        ("figA2", "Figure A-2: Labels of the tasks"),
    ):
        assert f"snakemake {rule} --cores all" in words and what in words
    assert "snakemake coverage" not in words
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
    assert "My table" in page.text and "forty-two" in page.text
    assert "Arctic map" in page.text and len(page.fetched) == 6


def test_a_missing_file_is_named_and_no_page_is_left(demo, parts, tmp_path):
    Path(parts["cards"][0]).unlink()
    with pytest.raises(UserError, match=r"README\.md"):
        render(demo, parts, tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_contact_sheets_stand_with_a_link_to_the_quality_report(demo, parts, tmp_path):
    sheet = tmp_path / "datasets" / "ssl4eco" / "quality" / "contact_sheet.jpg"
    sheet.parent.mkdir(parents=True)
    Image.new("RGB", (3, 2), "red").save(sheet, "JPEG")
    text, page = render(demo, parts, tmp_path, sheets=[str(sheet)])
    uri = next(u for u in page.fetched if u.startswith("data:image/jpeg;base64,"))
    assert base64.b64decode(uri.split(",")[1]) == sheet.read_bytes()
    assert "datasets/ssl4eco/quality.html" in page.anchors and "sheet-ssl4eco" in page.ids
    assert "Simulated images" in text[text.index('id="sheet-ssl4eco"') :][:3000]
    assert "contact-sheets" not in render(demo, parts, tmp_path)[1].ids


def test_every_part_tells_its_command_and_what_is_known_of_its_making(demo, parts, tmp_path):
    record = {
        "rule": "fig1",
        "inputs": [f"results/demo/sites/{i}.parquet" for i in range(14)],
        "params_digest": "sha256:12ab",
        "versions": {"numpy": "2.3.4", "pandas": "3.0.0"},
        "seed": 42,
        "commit": "0123456789abcdef",
        "dirty": True,
        "made": "2026-11-21T16:00:00Z",
        "upstream": {"jobs": 9, "commits": ["0123456789abcdef"], "unknown": 2},
        "command": "snakemake fig1 --forcerun fig1 --configfile config/demo.yaml --cores 1",
    }
    nothing = dict.fromkeys(record) | {"command": "snakemake table1 --configfile config/demo.yaml --cores 1"}
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps({"fig1": record, "table1": nothing}))
    text, _ = render(demo, parts, tmp_path, provenance=str(path))
    first = text[text.index('id="fig1"') : text.index('id="table1"')]
    for expected in (
        *("sites/0.parquet", "sites/11.parquet", "and 2 more", "sha256:12ab", "numpy 2.3.4, pandas 3.0.0", "42"),
        *("0123456789abcdef", "with uncommitted changes", "2026-11-21T16:00:00Z", "9, of 1 commit (0123456789ab)"),
        *("of 2 no run is recorded", "--forcerun fig1"),
    ):
        assert expected in first, expected
    assert "sites/12.parquet" not in first
    second = text[text.index('id="table1"') : text.index('id="seasons"')]
    assert second.count("not recorded") == 7 and record["commit"] not in second
    # Of parts without a record only the command is told.
    third = text[text.index('id="fig2"') :][:3000]
    assert "snakemake fig2 --cores all" in third and "Provenance" not in third
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match="no table of provenance"):
        render(demo, parts, tmp_path, provenance=str(path))


def test_what_a_study_does_not_make_says_what_it_needs(demo, parts, tmp_path):
    lacking = {"tableA1": "phenology", "fig3": "models and tasks"}
    _, page = render(demo, parts, tmp_path, lacking=lacking)
    words = " ".join(page.text.split())
    # One that is there is not lacking.
    assert "Figure 3 fig3 models and tasks" in words and "tableA1 phenology" not in words
    assert "lacking" not in render(demo, parts, tmp_path)[1].ids


def test_files_behind_a_part_are_linked_where_they_lie(demo, parts, tmp_path):
    _, page = render(demo, parts, tmp_path)
    assert "paper/figures/fig1.csv" in page.anchors and "paper/figures/fig1.pdf" not in page.anchors


def test_a_written_caption_takes_the_place_of_the_general_one(demo, parts, tmp_path):
    (tmp_path / "paper/figures/fig1.md").write_text(
        "**Figure 1.** **Sites of <mine>.** Dots.\n\n**In this run.** n = 4,321.\n\nFiles: fig1.png; secret.\n"
    )
    text, page = render(demo, parts, tmp_path)
    part = text[text.index('id="fig1"') : text.index('id="table1"')]
    assert "<p><strong>Sites of &lt;mine&gt;.</strong> Dots.</p>" in part and "n = 4,321." in part
    assert "secret" not in part and "<strong>Figure 1.</strong>" not in part
    assert 'alt="Figure 1: Where the sites lie. Sites of &lt;mine&gt;."' in part
    assert "paper/figures/fig1.md" in page.anchors


def test_tables_scroll_in_named_boxes_that_keys_reach():
    assert scrolling("<table></table>", "A & B") == (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table: A &amp; B"><table></table></div>'
    )
    two = scrolling('<div class="scroll">1</div><p></p><div class="scroll">2</div>', "T")
    assert re.findall('aria-label="(.*?)"', two) == ["Table: T, 1 of 2", "Table: T, 2 of 2"]
    assert two.count("<div") == 2


def test_each_target_of_the_papers_has_a_place_and_a_title():
    plan = Plan(load_study(CONFIG / "demo.yaml"))
    placed, others = arranged(plan.paper_targets)
    assert others == []
    assert sorted(n for shown, folded in placed.values() for n in (*shown, *folded)) == sorted(plan.paper_targets)
    assert placed["results-of-models"][1][0] == "tableA2" and placed["results-of-models"][1][-1] == "tableA10"
    assert placed["other-papers"][0] == ["ssl4eo_table", "seco_table"]
    titles = [title_of(n) for n in plan.paper_targets]
    assert len(set(titles)) == len(titles)
    assert title_of("tableA2").startswith("Table A-2: ") and title_of("arctic_map") == "Arctic map"
