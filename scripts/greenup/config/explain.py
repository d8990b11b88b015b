"""Validation errors as a user reads them: where it stands in the study file, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from greenup.config.study import Study
from greenup.errors import UserError

_SHOWN = 8
"""Errors told at once; a study with more is rather a wrong file."""

# What to write where a value has the wrong type, by pydantic's error type; the others take pydantic's own words.
_WRITE = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "date_from_datetime_parsing": "write a date such as 2021-09-22",
    "date_type": "write a date such as 2021-09-22",
    "dict_type": "write a set of named blocks, `name: {...}`",
    "finite_number": "write a finite number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "model_type": "write a block of keys, `key: value`",
    "string_pattern_mismatch": "write a name of small letters, digits and _ that begins with a letter",
    "string_type": "write a text (in quotes, if it looks like a number)",
    "tuple_type": "write a list, [first, second, ...]",
}


def explain(error: ValidationError, where: str, written: Mapping[str, Any]) -> UserError:
    """All that is wrong with a study, as one `UserError`: file, key, value and mend of each, nothing said twice.

    ``written`` is what the user wrote, before the named blocks were filled in: an error is placed at the key that the
    user can change, so that one in ``every_dataset`` is told once and not for every dataset.
    """
    found: dict[tuple[str, str], None] = {}
    for item in error.errors():
        message, mend = _explain_one(item, written)
        found.setdefault((f"{where}: {message}", mend))
    return join(list(found))


def join(errors: list[tuple[str, str]]) -> UserError:
    """Several messages with their mends as one error, each mend below its message."""
    left_out = len(errors) - _SHOWN
    texts = [str(UserError(message, mend)) for message, mend in errors[:_SHOWN]]
    message, mend = errors[min(len(errors), _SHOWN) - 1]
    if left_out > 0:
        mend += f"\n  ({left_out} more)"
    return UserError("\n".join([*texts[:-1], message]), mend)


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean 'seed'?``, or all that one may write."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(known)}"


def _explain_one(item: Mapping[str, Any], written: Mapping[str, Any]) -> tuple[str, str]:
    parts, node = _walk(item["loc"])
    given, kind = item.get("input"), item["type"]
    if kind == "extra_forbidden":
        parent, node = _walk(item["loc"][:-1])
        known = list(node.get("properties", {})) + ([] if parent else ["every_dataset"])
        return f"{_place(parts, written)}: unknown key {parts[-1]!r}", nearest(parts[-1], known)
    if kind == "missing" and isinstance(item["loc"][-1], int):
        path = _place(parts[:-1], written)
        values = node.get("minItems", "more")
        return f"{path}: {list(given)} has {len(given)} values", f"write a list of {values}"
    if kind == "missing":
        return f"{_place_missing(parts, written)}: this key is missing", f"add {parts[-1]}:{_example(node)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = item["ctx"]["discriminator"].strip("'")
        choices = list(node["discriminator"]["mapping"])
        if kind == "union_tag_not_found":
            path = _place_missing([*parts, tag], written)
            return f"{path}: this key is missing", f"add {tag}: with one of {', '.join(choices)}"
        path = _place([*parts, tag], written)
        value = str(given[tag] if isinstance(given, Mapping) else getattr(given, tag))
        return f"{path}: {value!r} does not exist", f"choose from: {', '.join(choices)}"
    if kind == "value_error":
        # Our own validators: what is wrong, a semicolon, what to do.
        message, _, mend = str(item["ctx"]["error"]).partition("; ")
        path = _place(parts, written)
        return f"{path}: {message}" if path else message, mend
    path = _place(parts, written)
    if kind == "literal_error":
        choices = [str(c) for c in node.get("enum", [node.get("const")])]
        return f"{path}: {given!r} does not exist", f"choose from: {', '.join(choices)}"
    if kind in ("model_attributes_type", "model_type") and "discriminator" in node:
        tag, choices = node["discriminator"]["propertyName"], list(node["discriminator"]["mapping"])
        name = given if given in choices else choices[0]
        return f"{path}: cannot be {given!r}", f"write a block, {parts[-1]}: {{{tag}: {name}}}"
    if kind == "too_short" and not given:
        return f"{path}: nothing is named here", "name at least one"
    if kind == "too_long":
        return f"{path}: {list(given)} has {len(given)} values", f"write a list of {item['ctx']['max_length']}"
    if kind.startswith(("greater_than", "less_than")):
        mend = f"write a number {kind.replace('_', ' ')} {' '.join(f'{v:g}' for v in item['ctx'].values())}"
        return f"{path}: cannot be {given!r}", mend.replace("than equal", "than or equal to")
    shown = "this block" if isinstance(given, Mapping | BaseModel) else repr(given)
    return f"{path}: cannot be {shown}", _WRITE.get(kind, item["msg"][0].lower() + item["msg"][1:])


# ------------------------------------------------------------------------------------------------ where it was written
def _place(parts: list[str], written: Mapping[str, Any]) -> str:
    """The path of the key that the user wrote, or would write, for a path of the filled-in study."""
    if len(parts) > 2 and parts[0] == "datasets":
        block = written.get("datasets", {}).get(parts[1])
        if not _has(block, parts[2:]) and _has(written.get("every_dataset"), parts[2:]):
            return ".".join(["every_dataset", *parts[2:]])
    if parts[:1] == ["models"] and parts[2:] == ["method", "name"]:
        block = written.get("models", {}).get(parts[1])
        if isinstance(block, Mapping) and isinstance(block.get("method"), str):
            parts = parts[:-1]
    return ".".join(parts)


def _place_missing(parts: list[str], written: Mapping[str, Any]) -> str:
    """The path of a key that nobody wrote: in the block where its neighbours stand."""
    block = _place(parts[:-1], written)
    return f"{block}.{parts[-1]}" if block else parts[-1]


def _has(block: Any, parts: list[str]) -> bool:
    """Whether the user wrote this key of a block (a position in a list counts as its list)."""
    for part in parts:
        if isinstance(block, list):
            return True
        if not isinstance(block, Mapping) or part not in block:
            return False
        block = block[part]
    return True


# ------------------------------------------------------------------------------------------------- what stands there
@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return Study.model_json_schema()


def _walk(loc: tuple[Any, ...]) -> tuple[list[str], dict[str, Any]]:
    """The keys of a pydantic location and the JSON schema found there.

    Pydantic puts the kind of a block into its location (``sites.grid.limit``), ``[key]`` behind a refused name, and the
    tag of a value of several types (``[bbox]``): these are no keys of the user's and are left out.
    """
    node, parts = _follow(_schema()), []
    for part in map(str, loc):
        if part in (mapping := node.get("discriminator", {}).get("mapping", {})):
            node = _follow({"$ref": mapping[part]})
            continue
        if part.startswith("["):
            continue
        parts.append(part)
        if part in node.get("properties", {}):
            node = _follow(node["properties"][part])
        elif "patternProperties" in node:
            node = _follow(next(iter(node["patternProperties"].values())))
        elif isinstance(node.get("additionalProperties"), Mapping):
            node = _follow(node["additionalProperties"])
    return parts, node


def _follow(node: dict[str, Any]) -> dict[str, Any]:
    """Resolve references, and take the block out of `block or nothing`."""
    while True:
        if "$ref" in node:
            node = _schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            node = next(n for n in node["anyOf"] if n.get("type") != "null")
        elif "oneOf" in node and "discriminator" not in node:
            node = node["oneOf"][0]
        else:
            return node


def _example(node: Mapping[str, Any]) -> str:
    """How the value of a missing key could look."""
    if "discriminator" in node:
        tag = node["discriminator"]
        return f" {{{tag['propertyName']}: ...}} with one of {', '.join(tag['mapping'])}"
    if "enum" in node:
        return f" with one of {', '.join(map(str, node['enum']))}"
    if node.get("examples"):
        return f" such as {node['examples'][0]}"
    return ""
