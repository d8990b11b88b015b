import html
import re

import pytest
from docutils.core import publish_parts
from greenup.paper.markup import inline, markdown_to_html, rst_to_html
from greenup.paper.page import CAPTIONS

REAL = ("fig1", "table1", "coverage", "sampling_check", "workflow", "errata", "table2")
"""Captions of what is real in every study."""


def plain(text):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**a b** c", "<strong>a b</strong> c"),
        ("an *em* and 2 * 3 * 4", "an <em>em</em> and 2 * 3 * 4"),
        ("`a<b>` ``**x**``", "<code>a&lt;b&gt;</code> <code>**x**</code>"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[docs](https://x.org/a_b)", '<a href="https://x.org/a_b">docs</a>'),
        ("[no](javascript:alert(1))", "[no](javascript:alert(1))"),
        ('[q](https://x.org/"onload="x)', '<a href="https://x.org/&quot;onload=&quot;x">q</a>'),
    ],
)
def test_inline(text, expected):
    assert inline(text) == expected


@pytest.mark.parametrize("path", sorted(CAPTIONS.glob("*.rst")), ids=lambda p: p.stem)
def test_captions_read_the_same_as_by_docutils(path):
    import jinja2

    for simulated in (True, False):
        text = jinja2.Template(path.read_text()).render(
            snakemake={"params": {"simulated": simulated, "approximated": simulated}}
        )
        assert "placeholder" not in text and len(text) > 150
        assert ("imulated" in text.split("\n")[0]) is (simulated and path.stem not in REAL)
        theirs = publish_parts(text, writer="html", settings_overrides={"report_level": 1, "halt_level": 1})["body"]
        assert plain(rst_to_html(text)) == plain(theirs)


CARD = """---
a: b
---
# Title

> **Note** on
> two lines.

Text of
two lines.
## Part
| a | b |
|---|---|
| 1 | `x|y` |

- one
  more
- two

1. first

```yaml
a: <b>
```
end"""


def test_a_card():
    head, body = '<tr><th scope="col">a</th><th scope="col">b</th></tr>', "<tr><td>1</td><td><code>x|y</code></td></tr>"
    assert markdown_to_html(CARD).split("\n") == [
        "<h3>Title</h3>",
        "<blockquote><p><strong>Note</strong> on two lines.</p></blockquote>",
        "<p>Text of two lines.</p>",
        "<h4>Part</h4>",
        f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>',
        "<ul><li>one more</li><li>two</li></ul>",
        "<ol><li>first</li></ol>",
        "<pre><code>a: &lt;b&gt;</code></pre>",
        "<p>end</p>",
    ]


@pytest.mark.parametrize("text", ["", "|", "| a", "```", "#", "- ", "---", "| a |\n| b |", "***", "\0", "1.\n"])
def test_odd_input_ends(text):
    assert isinstance(markdown_to_html(text), str)
