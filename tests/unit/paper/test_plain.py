import re
from types import SimpleNamespace

import pandas as pd
import pytest
from greenup.paper.markup import markdown_to_html
from greenup.paper.plain import PlainTable, latex, to_html, to_latex, to_markdown, write_plain

TABLE = PlainTable(
    ("name", "count"),
    (("", (("a_b", "1,000"), ("c | d", "–"))), ("others & more", (("<e>", "5 ± 1 %"),))),
    "A legend.",
    numeric=(1,),
)


def test_every_cell_is_in_every_form():
    html = to_html(TABLE)
    assert re.findall(r"<th scope=\"row\">(.*?)</th><td class=\"n\">(.*?)</td>", html) == [
        ("a_b", "1,000"),
        ("c | d", "–"),
        ("&lt;e&gt;", "5 ± 1 %"),
    ]
    assert '<th colspan="2" scope="rowgroup">others &amp; more</th>' in html and "A legend." in html
    lines = to_markdown(TABLE).splitlines()
    assert lines[:3] == ["| name | count |", "|---|---:|", "| a_b | 1,000 |"]
    assert lines[3] == r"| c \| d | – |" and "| **others & more** |  |" in lines
    assert markdown_to_html(to_markdown(TABLE)).count("<tr>") == 5
    tex = to_latex(TABLE)
    assert r"a\_b & 1,000 \\" in tex and r"\multicolumn{2}{l}{\textit{others \& more}} \\" in tex
    assert r"\begin{tabular}{lr}" in tex and r"<e> & 5 $\pm$ 1 \% \\" in tex


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5 % #1", r"a\_b \& 5 \% \#1"),
        ("$x$ {y}", r"\$x\$ \{y\}"),
        ("\\x", r"\textbackslash{}x"),
        ("60° S – 3 ± 1", r"60$^\circ$ S -- 3 $\pm$ 1"),
    ],
)
def test_latex(text, expected):
    assert latex(text) == expected


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        PlainTable(("a", "b"), (("", (("x",),)),))


def test_files(tmp_path):
    paths = {k: tmp_path / f"t.{k}" for k in ("csv", "md", "tex", "html")}
    write_plain(TABLE, pd.DataFrame({"name": ["a_b"], "count": [1000]}), SimpleNamespace(**paths))
    assert {k: p.read_text() for k, p in paths.items()} == {
        "csv": "name,count\na_b,1000\n",
        "md": to_markdown(TABLE),
        "tex": to_latex(TABLE),
        "html": to_html(TABLE),
    }
