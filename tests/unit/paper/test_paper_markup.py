import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from greenup.config.published import published_tables, read_names
from greenup.paper.paper_markup import views_to_html, views_to_latex, views_to_markdown, write_views
from greenup.paper.paper_tables import compare_with_published, tidy
from greenup.paper.paper_views import Cell, Column, Row, View, views
from greenup.paper.published import read_published

NAMES = read_names()
PUBLISHED = read_published(NAMES)
SOURCES = published_tables()


@pytest.fixture(params=["table3", "tableA9", "ssl4eo_table"])
def shown(request):
    table = compare_with_published(PUBLISHED[PUBLISHED["name"] == request.param], NAMES)
    return views(table, NAMES, tuple(t for t in SOURCES if t.name == request.param))


SMALL = View(
    "simulated",
    "Simulated images: ours",
    (Column("A & B", "R²", "linear probe", "a_b, n = 5,200, 1 fold"), Column("A & B", "R²", "k-NN, k = 1")),
    (Row("x_1", "own_1", (Cell("1.0 ± 0.1", "[0.9, 1.1]", 1, "‡"), Cell("−2.0", "", 2))),),
    ("100 % of <it>",),
)


class Shape(HTMLParser):
    """Open tags, and the width of every row with spans counted."""

    def __init__(self):
        super().__init__()
        self.open, self.widths, self.captions, self.text = [], [], 0, ""

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        attrs = dict(attrs)
        if tag == "table":
            self.widths.append([])
        elif tag == "tr":
            self.widths[-1].append(0)
        elif tag in ("td", "th"):
            self.widths[-1][-1] += int(attrs.get("colspan", 1))
        elif tag == "caption":
            self.captions += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_whole_and_every_row_as_wide_as_its_table(shown):
    page = Shape()
    page.feed(views_to_html(shown))
    assert page.open == []
    tables = [v for v in shown if v.rows]
    assert len(page.widths) == page.captions == len(tables)
    for widths, view in zip(page.widths, tables, strict=True):
        n = len(view.columns)
        # The head of the models spans three rows of heads.
        assert widths == [n + 1, n, n, *[n + 1] * len(view.rows)]
    for view in shown:
        assert view.title in page.text and all(note in page.text for note in view.notes)


def test_markdown_and_latex_have_as_many_cells_as_heads(shown):
    text, tex = views_to_markdown(shown), views_to_latex(shown)
    for view in shown:
        assert f"**{view.title}**" in text
    lines = [line for line in text.split("\n") if line.startswith("|")]
    widths = [len(v.columns) + 2 for v in shown if v.rows for _ in range(len(v.rows) + 2)]
    assert [line.count("|") for line in lines] == widths
    bodies = re.findall(r"\\midrule\n(.*?)\\bottomrule", tex, re.S)
    tables = [v for v in shown if v.rows]
    assert len(bodies) == len(tables)
    for body, view in zip(bodies, tables, strict=True):
        rows = body.strip().split("\n")
        assert [len(re.findall(r"(?<!\\)&", r)) for r in rows] == [len(view.columns)] * len(view.rows)
    assert not set("‡±−²×°") & set(tex)


def test_marks_and_signs_of_each_language():
    text, tex, page = (f([SMALL]) for f in (views_to_markdown, views_to_latex, views_to_html))
    assert "| x_1 (`own_1`) | **1.0 ± 0.1**<sup>‡</sup> [0.9, 1.1] | <u>−2.0</u> |" in text
    assert (
        r"x\_1 (\texttt{own\_1}) & \textbf{1.0 $\pm$ 0.1}\textsuperscript{\ddag{}} [0.9, 1.1] & \underline{$-$2.0} \\"
        in tex
    )
    assert r"\multicolumn{2}{c}{A \& B}" in tex and r"100 \% of" in tex
    assert '<th colspan="2" scope="colgroup">A &amp; B</th>' in page and "&lt;it&gt;" in page
    assert "<small>a_b<br>n = 5,200<br>1 fold</small>" in page
    assert '<strong>1.0 ± 0.1</strong><sup>‡</sup><span class="interval">[0.9, 1.1]</span>' in page
    # A note is no part of what scrolls.
    assert page.index("</div>") < page.index("100 % of")


@pytest.mark.parametrize("simulated", [False, True])
def test_files_say_what_is_simulated(tmp_path, simulated):
    probe = pd.DataFrame(
        {
            "model": "seco_eco",
            "task": "biomes",
            "protocol": "linear",
            "folds": "random",
            "fold": [0, 1],
            "metric": "macro_f1",
        }
        | {"value": [0.5, 0.6], "n_test": 100, "n_train": 900}
    )
    probe.attrs["simulated"] = simulated
    table = compare_with_published(PUBLISHED[PUBLISHED["name"] == "table3"], NAMES, [probe])
    out = SimpleNamespace(**{k: str(tmp_path / f"t.{k}") for k in ("csv", "md", "tex", "html")})
    write_views(views(table, NAMES, tuple(t for t in SOURCES if t.name == "table3")), tidy(table), out)
    for kind in ("md", "tex", "html"):
        assert ("Simulated images (miniature Earth)" in Path(getattr(out, kind)).read_text()) is simulated
    rows = pd.read_csv(out.csv)
    run = rows[(rows["of"] == "ours") & (rows["status"] == "run")]
    assert run["simulated"].tolist() == [simulated] and run["value"].tolist() == [55.0]
    assert len(rows) == 3 * len(table)
