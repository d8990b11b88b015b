"""The caption beside a figure, as Markdown: what it shows, what is in it in this run, and what it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import jinja2
import pandas as pd

from greenup.files import write_text
from greenup.paper.facts import facts_of
from greenup.paper.page import CAPTIONS, read_text
from greenup.paper.style import readable

_FIGURE = re.compile(r"^fig(A?)(\d+)$")
_NAMED = 6  # files named, of those that a figure was made from
_ROOT = CAPTIONS.parents[1]


class Job(Protocol):
    """What of Snakemake's ``snakemake`` object is used here."""

    input: Any
    output: Any
    params: Any


def write_caption(job: Job, data: pd.DataFrame, *, simulated: bool) -> None:
    """Write ``job.output.md``, a caption to paste into a paper: paragraphs of Markdown, a line each.

    The text of rules/report/<figure>.rst with the job's params filled in, sentences on ``data`` (the numbers beside the
    figure), whether any of it is simulated, and the files: the figure's own and those it was made from. The figure is
    named by the file: fig3.md is Figure 3. Raises `UserError` where a figure has no text.
    """
    path = Path(job.output.md)
    found = _FIGURE.match(path.stem)
    label = f"Figure {found[1] and 'A-'}{found[2]}" if found else f"Figure ({readable(path.stem)})"
    paragraphs = [f"**{label}.** {_words(path.stem, job.params, simulated=simulated)}"]
    if facts := facts_of(path.stem, data):
        paragraphs.append(f"**In this run.** {' '.join(facts)}")
    flags = data["simulated"].astype(bool) if "simulated" in data and len(data) else pd.Series([simulated])
    paragraphs.append(_simulated(flags))
    made = f"Files: {path.stem}.png, {path.stem}.pdf; the numbers: {path.stem}.csv ({len(data):,} rows)."
    paragraphs.append(f"{made} Made from {_named(map(str, job.input))}.")
    write_text(path, "\n\n".join(paragraphs) + "\n")


def _words(name: str, params: Any, *, simulated: bool) -> str:
    given = {**dict(params.items()), "simulated": simulated}
    text = jinja2.Template(read_text(CAPTIONS / f"{name}.rst")).render(
        snakemake=SimpleNamespace(params=SimpleNamespace(**given))
    )
    return "\n\n".join(" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip()))


def _simulated(flags: pd.Series) -> str:
    if not flags.any():
        return "**Simulated:** no."
    if flags.all():
        return "**Simulated:** yes (miniature Earth); its values say nothing of the real Earth."
    return "**Simulated:** in part (miniature Earth); the column `simulated` of the numbers says which."


def _place(file: str) -> str:
    path = Path(file)
    return (path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path).as_posix()


def _named(files: Iterable[str]) -> str:
    """Some of the files, those of the repository from its root."""
    shown = [f"`{_place(f)}`" for f in dict.fromkeys(files)]
    more = [f"{len(shown) - _NAMED} more"] if len(shown) > _NAMED else []
    return ", ".join(shown[:_NAMED] + more) or "no file"
