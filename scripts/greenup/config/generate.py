"""Writes config/schema.json and config/default.yaml from the models of the configuration.

``python -m greenup.config.generate`` writes both files, ``--check`` says whether they still fit the models. The schema
describes what a user writes, where blocks may be partial because the library fills them in; editors that speak the YAML
language server complete and check a study with it. The YAML shows every key with its default, its meaning and its
values; the kinds of a block that are not active stand beside the active one behind ``#|``.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic.fields import FieldInfo

from greenup.config.block import Block
from greenup.config.load import LIBRARY
from greenup.config.methods import Method
from greenup.config.study import Study

WIDTH = 110
OTHER_KIND = "#| "
"""Stands before every line of a kind of block that is not active; without it the line is YAML."""

# The name of the one block shown of each set of named blocks.
_NAMES = {"datasets": "my_dataset", "models": "my_model", "image_sets": "my_images", "tasks": "my_task"}

_HEAD = """\
# Every key of a study: meaning, allowed values, unit, default.
#
# Written by `python -m greenup.config.generate` from scripts/greenup/config/; do not edit by hand. A reference to copy
# from: a study names only what it changes (see README.md beside this file). It is valid as it stands, and a test reads
# it. Lines that begin with `#|` are the other kinds of the block above them: take one instead, without the mark.
"""

_EVERY = """\
# Keys put into every dataset, over the library's and under the dataset's own, e.g. {patches: {size_px: 128}}.
every_dataset: {}
"""

_LIKE = "Start from this block of config/{kind}.yaml instead of from the one of this block's own name."


# ---------------------------------------------------------------------------------------------------------- JSON schema
def study_schema() -> dict[str, Any]:
    """JSON schema of a study file as written: blocks may be partial or empty, and have `like:`."""
    schema = copy.deepcopy(Study.model_json_schema())
    for name, definition in schema["$defs"].items():
        # What a block lacks comes from the library, so nothing is required here but the kind of a new kind of block.
        definition.pop("required", None)
        definition.pop("title", None)
        assert definition.get("additionalProperties") is False or "enum" in definition, name
    _loosen(schema)
    properties = schema["properties"]
    properties["every_dataset"] = {
        "$ref": "#/$defs/Dataset",
        "description": "Keys put into every dataset, over the library's and under the dataset's own.",
    }
    for kind in _NAMES:
        blocks_of_kind = [block.__name__ for block in _kinds(_named_block(kind))]
        for block in blocks_of_kind:
            named = copy.deepcopy(schema["$defs"][block])
            named["properties"]["like"] = {"type": "string", "description": _LIKE.format(kind=kind)}
            schema["$defs"][f"Named{block}"] = named
        properties[kind]["patternProperties"] = {
            pattern: {"anyOf": [*({"$ref": f"#/$defs/Named{block}"} for block in blocks_of_kind), {"type": "null"}]}
            for pattern in properties[kind]["patternProperties"]
        }
        properties[kind]["additionalProperties"] = False
    recipe = {"type": "string", "description": "Start from this recipe of config/finetune.yaml."}
    schema["$defs"]["FinetuneProtocol"]["properties"]["like"] = recipe
    for block in ("Model", "NamedModel"):
        method = schema["$defs"][block]["properties"]["method"]
        method["anyOf"].append({"enum": [_tag(kind)[1] for kind in _kinds(Method)]})
    schema["title"] = "greenup study"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _loosen(node: Any) -> None:
    """A partial block may fit several kinds; pydantic's exact unions and titles say more than a study file does."""
    if isinstance(node, dict):
        node.pop("discriminator", None)
        if isinstance(node.get("title"), str):
            node.pop("title")
        if "oneOf" in node:
            node["anyOf"] = node.pop("oneOf")
        for value in node.values():
            _loosen(value)
    elif isinstance(node, list):
        for value in node:
            _loosen(value)


# ------------------------------------------------------------------------------------------------------- annotated YAML
def default_yaml() -> str:
    """The annotated YAML: a valid study that shows every key of every block and every kind of block."""
    lines = _HEAD.splitlines()
    for name, field in Study.model_fields.items():
        if name == "datasets":
            lines += ["", *_EVERY.splitlines()]
        if name in _NAMES:
            first, *others = _kinds(_named_block(name))
            lines += ["", *_comment(first.__doc__ or ""), f"{name}:", f"  {_NAMES[name]}:"]
            lines += [f"    # {_LIKE.format(kind=name)}", f"    {OTHER_KIND}like: ..."]
            lines += _indent(_block_lines(first), 4)
            for kind in others:
                body = [*_comment(f"{_tag(kind)[1]}: {kind.__doc__}"), *_block_lines(kind)]
                lines += ["    #", *(f"    {OTHER_KIND}{line}" for line in body)]
        else:
            lines += ["", *_field_lines(name, field)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _block_lines(block: type[Block], given: Block | None = None) -> list[str]:
    """The keys of a block; ``given``: the block that stands there by default, whose values may differ from its
    kind's."""
    lines: list[str] = []
    # What tells the kind of a block comes first, also where the kind inherits keys.
    for name, field in sorted(block.model_fields.items(), key=lambda item: not _is_tag(item[1])):
        lines += _field_lines(name, field if given is None else _with_default(field, getattr(given, name)))
    return lines


def _with_default(field: FieldInfo, value: Any) -> FieldInfo:
    field = copy.copy(field)
    field.default, field.default_factory = value, None
    return field


def _field_lines(name: str, field: FieldInfo) -> list[str]:
    """A field with its comment; a block goes on below, followed by its other kinds."""
    kinds = _kinds(field)
    if _is_tag(field):
        return [f"{name}: {_shown(field)}"]
    if not kinds:
        about = f"{_sentence(field.description or '')} {_allowed(field)}".strip()
        return [*_comment(about), f"{name}: {_flow(_shown(field))}".rstrip()]
    optional = " May be left out." if not field.is_required() and field.default is None else ""
    if len(kinds) == 1:
        given = field.default if isinstance(field.default, Block) else None
        return [*_comment(kinds[0].__doc__ or ""), f"{name}:", *_indent(_block_lines(kinds[0], given), 2)]
    lines = _comment(f"{_sentence(field.description or '')}{optional}")
    for i, kind in enumerate(kinds):
        body = [*_comment(f"{_tag(kind)[1]}: {kind.__doc__}"), *_block_lines(kind)]
        if i == 0:
            lines += [f"{name}:", *_indent(body, 2)]
        else:
            lines += ["  #", *(f"  {OTHER_KIND}{line}" for line in body)]
    return lines


def _shown(field: FieldInfo) -> Any:
    """The default, or the example of a field that has none or whose default is nothing."""
    if field.default_factory is not None:
        return field.default_factory()
    if not field.is_required() and not (field.default is None and field.examples):
        return field.default
    annotation = _bare(field.annotation)
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)[0]
    return field.examples[0]


def _flow(value: Any) -> str:
    """A value on one line of YAML; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _allowed(field: FieldInfo) -> str:
    """What a value may be, in words: `One of a, b.`, `Number > 0.`, `Whole number >= 1.`"""
    annotation = _bare(field.annotation)
    required = " Has no default." if field.is_required() else ""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return f"One of {', '.join(map(str, arguments))}.{required}"
    bounds = [
        f"{sign} {getattr(m, attribute):g}"
        for m in field.metadata
        for attribute, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
        if getattr(m, attribute, None) is not None
    ]
    if origin is tuple:
        inner = arguments[0]
        if typing.get_origin(inner) is Literal:
            return f"List of {', '.join(map(str, typing.get_args(inner)))}.{required}"
        if typing.get_origin(inner) is dict:
            return f"List of named entries.{required}"
        return f"List of {_TYPES[_bare(inner)]}s.{required}".replace("texts", "names")
    if origin is dict:
        return f"Named entries.{required}"
    if origin in (types.UnionType, typing.Union):
        return f"List of numbers, or text.{required}"
    if annotation is str:
        return required.strip()
    return " ".join([_TYPES[annotation].capitalize(), " and ".join(bounds)]).strip() + "." + required


_TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false", date: "date"}


# -------------------------------------------------------------------------------------------------- looking into models
def _bare(annotation: Any) -> Any:
    """A type without `Annotated`, and without `or None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        if len(rest) == 1:
            return _bare(rest[0])
    return annotation


def _kinds(field: Any) -> list[type[Block]]:
    """The kinds of block that a field may hold, none for a plain value."""
    annotation = _bare(field.annotation if isinstance(field, FieldInfo) else field)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return [a for a in map(_bare, typing.get_args(annotation)) if isinstance(a, type) and issubclass(a, Block)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Block) else []


def _named_block(name: str) -> Any:
    """What a study holds by name under a key: a block, or a union of its kinds."""
    return typing.get_args(_bare(Study.model_fields[name].annotation))[1]


def _is_tag(field: FieldInfo) -> bool:
    return typing.get_origin(field.annotation) is Literal and len(typing.get_args(field.annotation)) == 1


def _tag(kind: type[Block]) -> tuple[str, str]:
    """The key that tells the kind of a block and its value there: the first literal of one value."""
    name, field = next((n, f) for n, f in kind.model_fields.items() if _is_tag(f))
    return name, typing.get_args(field.annotation)[0]


def blocks() -> Iterator[type[Block]]:
    """Every block that a study can hold, each once."""
    seen: dict[type[Block], None] = {}
    stack: list[type[Block]] = [Study]
    while stack:
        block = stack.pop()
        if block in seen:
            continue
        seen[block] = None
        for field in block.model_fields.values():
            inner = typing.get_args(_bare(field.annotation)) if typing.get_origin(field.annotation) is dict else ()
            stack += [*_kinds(field), *(kind for a in inner for kind in _kinds(a))]
    yield from seen


# ---------------------------------------------------------------------------------------------------------------- lines
def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text.endswith(".") else f"{text}."


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH - 8)]


def _indent(lines: list[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


# -------------------------------------------------------------------------------------------------------------- program
def generated() -> dict[str, str]:
    """File name below config/ -> content."""
    return {"schema.json": json.dumps(study_schema(), indent=2) + "\n", "default.yaml": default_yaml()}


def main(arguments: list[str] | None = None, folder: Path = LIBRARY) -> int:
    """Write both files, or with ``--check`` compare them: 0 when they fit, 1 when one has drifted."""
    parser = argparse.ArgumentParser(prog="python -m greenup.config.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file has drifted")
    check = parser.parse_args(arguments).check
    drifted = []
    for name, content in generated().items():
        path = folder / name
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != content):
            drifted.append(path)
        elif not check:
            path.write_text(content, encoding="utf-8")
    for path in drifted:
        print(f"{path}: does not fit the models; run: python -m greenup.config.generate", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
