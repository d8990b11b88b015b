"""What all pages share: one style, captions, pictures inside the page; a page is one file that needs no other."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from greenup.errors import UserError
from greenup.files import write_text
from greenup.paper.markup import rst_to_html

FOLDER = Path(__file__).parent

CAPTIONS = Path(__file__).resolve().parents[3] / "rules" / "report"
"""Folder of the captions, which Snakemake's own report shows too."""

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


def write_page(out: str | Path, template: str, page: dict[str, Any]) -> None:
    """Fill in a template of this folder and write it whole or not at all. Texts are escaped unless marked safe."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    write_text(out, environment.get_template(template).render(page))


def script(*names: str) -> str:
    """Scripts of this folder as one function, in the order given, for a page that holds them."""
    text = '(() => {\n"use strict";\n' + "\n".join(read_text(FOLDER / name) for name in names) + "})();\n"
    if "</script" in text:
        raise ValueError(f"one of {names} would end the script element that holds it")
    return text


def caption(name: str, *, simulated: bool, approximated: bool = False) -> str:
    """The caption of a figure or table as HTML, from the text that Snakemake's report uses; empty if it has none."""
    path = CAPTIONS / f"{name}.rst"
    if not path.is_file():
        return ""
    # Snakemake renders captions with its `snakemake` object; the few params they may use are given here alike.
    job = SimpleNamespace(params=SimpleNamespace(simulated=simulated, approximated=approximated))
    return rst_to_html(jinja2.Template(read_text(path)).render(snakemake=job))


def data_uri(path: str | Path) -> str:
    """A picture (PNG or JPEG) as an address that holds it. Raises `UserError` for one that cannot be read."""
    path = Path(path)
    try:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})", "run the workflow again to make it") from error
    return f"data:{_TYPES[path.suffix]};base64,{data}"


def read_text(path: str | Path) -> str:
    """A UTF-8 text. Raises `UserError` for one that cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "run the workflow again to make it") from error
