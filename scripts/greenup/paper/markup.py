"""The little Markdown and reStructuredText that cards and captions use, as HTML; all else is shown as written."""

from __future__ import annotations

import html
import re

_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_CODE = re.compile(r"``(.+?)``|`([^`]+)`")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EM = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_URL = re.compile(r"^(https?://|mailto:|#|[\w./-]+$)")


def inline(text: str) -> str:
    """Code, strong, emphasis and links within a line; all else is escaped. Links of other kinds than http stay text."""
    # Code is taken out first: nothing inside it is markup.
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(f"<code>{html.escape(match[1] or match[2], quote=False)}</code>")
        return f"\0{len(kept) - 1}\0"

    def link(match: re.Match[str]) -> str:
        if not _URL.match(html.unescape(match[2])):
            return match[0]
        return f'<a href="{match[2]}">{match[1]}</a>'

    text = _CODE.sub(keep, text.replace("\0", ""))
    text = html.escape(text)
    text = _LINK.sub(link, text)
    text = _STRONG.sub(r"<strong>\1</strong>", text)
    text = _EM.sub(r"<em>\1</em>", text)
    return re.sub(r"\0(\d+)\0", lambda m: kept[int(m[1])], text)


def rst_to_html(text: str) -> str:
    """Paragraphs with inline markup: all that captions are allowed."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n".join(f"<p>{inline(' '.join(b.split()))}</p>" for b in blocks if b.strip())


def markdown_to_html(text: str, *, top: int = 3) -> str:
    """Headings (the first level becomes h``top``), paragraphs, quotes, lists, tables, fenced code; no YAML head."""
    lines = re.sub(r"\A---\n.*?\n---\n", "", text.replace("\r\n", "\n"), flags=re.S).split("\n")
    out: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        if not line.strip():
            i += 1
        elif line.startswith("```"):
            stop = next((j for j in range(i + 1, len(lines)) if lines[j].startswith("```")), len(lines))
            code = html.escape("\n".join(lines[i + 1 : stop]), quote=False)
            out.append(f"<pre><code>{code}</code></pre>")
            i = stop + 1
        elif match := re.match(r"(#{1,6})\s+(.*)", line):
            level = min(6, top - 1 + len(match[1]))
            out.append(f"<h{level}>{inline(match[2].rstrip('# '))}</h{level}>")
            i += 1
        elif (
            line.lstrip().startswith("|") and i + 1 < len(lines) and re.fullmatch(r"\s*\|?[\s:|-]+\|?\s*", lines[i + 1])
        ):
            stop = _run(lines, i, lambda text: text.lstrip().startswith("|"))
            out.append(_table(lines[i:stop]))
            i = stop
        elif line.startswith(">"):
            stop = _run(lines, i, lambda text: text.startswith(">"))
            quoted = " ".join(part[1:].strip() for part in lines[i:stop])
            out.append(f"<blockquote><p>{inline(quoted)}</p></blockquote>")
            i = stop
        elif _item(line):
            stop = _run(lines, i, lambda text: bool(_item(text)) or (text.startswith("  ") and bool(text.strip())))
            out.append(_list(lines[i:stop]))
            i = stop
        else:
            stop = _run(
                lines,
                i,
                lambda text: bool(text.strip()) and not re.match(r"#{1,6}\s|```|>|\s*\|", text) and not _item(text),
            )
            stop = max(stop, i + 1)
            out.append(f"<p>{inline(' '.join(part.strip() for part in lines[i:stop]))}</p>")
            i = stop
    return "\n".join(out)


def _run(lines: list[str], start: int, belongs) -> int:
    """Index behind the run of lines from ``start`` that belong together."""
    return next((j for j in range(start, len(lines)) if not belongs(lines[j])), len(lines))


def _item(line: str) -> re.Match[str] | None:
    return re.match(r"([-*+]|\d+[.)])\s+(.*)", line)


def _list(lines: list[str]) -> str:
    items: list[str] = []
    for line in lines:
        if match := _item(line):
            items.append(match[2])
        else:
            items[-1] += " " + line.strip()
    tag = "ol" if lines[0][0].isdigit() else "ul"
    return f"<{tag}>" + "".join(f"<li>{inline(i)}</li>" for i in items) + f"</{tag}>"


def _table(lines: list[str]) -> str:
    def row(line: str) -> list[str]:
        # A pipe inside code or behind a backslash is no border.
        cells = re.split(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", line.strip().strip("|"))
        return [inline(c.strip().replace("\\|", "|")) for c in cells]

    head = "".join(f'<th scope="col">{c}</th>' for c in row(lines[0]))
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row(line)) + "</tr>" for line in lines[2:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
