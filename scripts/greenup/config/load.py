"""From the YAML a user writes to a checked `Study`: named blocks filled in, every error with its mend."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from greenup.config.study import Study
from greenup.errors import UserError

LIBRARY = Path(__file__).resolve().parents[3] / "config"
"""Folder with the libraries of named blocks: datasets.yaml, models.yaml, tasks.yaml, methods/."""

# A block whose kind is changed is replaced, not merged: the keys of the old kind mean nothing to the new one.
_KINDS = ("sampler", "source", "rule", "name")


def load_study(path: str | Path, library: Path = LIBRARY) -> Study:
    """Read one study file. Raises `UserError` naming file, key, value and mend."""
    return resolve(_read_yaml(Path(path)), library=library, where=str(path))


def resolve(written: Mapping[str, Any], *, library: Path = LIBRARY, where: str = "configuration") -> Study:
    """Fill in the named blocks of the library and check the result.

    ``written`` is the parsed study file. A block under datasets, models or tasks starts from the library's block of the
    same name (or of the name given by ``like:``) and overrides it key by key; ``every_dataset:`` lies between the two.
    """
    raw = {k: v for k, v in written.items() if k != "every_dataset"}
    every = written.get("every_dataset") or {}
    for kind in ("datasets", "models", "tasks"):
        named = _read_yaml(library / f"{kind}.yaml")
        blocks = raw.get(kind) or {}
        if not isinstance(blocks, Mapping):
            raise UserError(f"{where}: {kind}: {blocks!r} is not a set of named blocks", f"write {kind}: {{name: ...}}")
        filled = {}
        for name, block in blocks.items():
            block = dict(block or {})
            base_name = block.pop("like", name)
            if base_name not in named and (base_name != name or not block):
                hint = _nearest(str(base_name), named)
                raise UserError(
                    f"{where}: {kind}.{name}: no block named {base_name!r} in config/{kind}.yaml",
                    f"{hint}, or write the block out here",
                )
            base = named.get(base_name, {})
            if kind == "datasets":
                filled[name] = merge(merge(base, every), block)
            elif kind == "models":
                filled[name] = _with_preset(merge(_named_method(base), _named_method(block)), library)
            else:
                filled[name] = merge(base, block)
        raw[kind] = filled
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise UserError(*_explain(error, where)) from None


def parse(kind: Any, value: Any) -> Any:
    """A block given to a job, as JSON text or as plain values, back in its type: ``parse(Sites, params.sites)``."""
    adapter = TypeAdapter(kind)
    return adapter.validate_json(value) if isinstance(value, str) else adapter.validate_python(value)


def merge(base: Any, over: Any) -> Any:
    """``over`` on top of ``base``, key by key in mappings; a mapping of another kind replaces the whole."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    if any(k in over and over[k] != base.get(k) for k in _KINDS):
        return dict(over)
    return {**base, **{k: merge(base[k], v) if k in base else v for k, v in over.items()}}


def _named_method(model: Mapping[str, Any]) -> dict[str, Any]:
    """``method: seco`` is short for ``method: {name: seco}``."""
    method = model.get("method")
    return {**model, "method": {"name": method}} if isinstance(method, str) else dict(model)


def _with_preset(model: dict[str, Any], library: Path) -> dict[str, Any]:
    """A method starts from config/methods/<name>.yaml."""
    method = model.get("method")
    if isinstance(method, Mapping) and "name" in method:
        preset = library / "methods" / f"{method['name']}.yaml"
        if preset.is_file():
            method = merge(_read_yaml(preset), method)
    return {**model, "method": method} if method is not None else model


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "check the path") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}", "mend the line named above") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file is not a set of keys", "write `key: value` lines")
    return value


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(known)}"


def _explain(error: ValidationError, where: str) -> tuple[str, str]:
    """The first few validation errors as one message and one mend."""
    lines, mends = [], []
    for item in error.errors()[:5]:
        # Discriminator values of unions (e.g. "grid" in datasets.x.sites.grid.limit) are no keys of the user's.
        parts = _without_tags([str(p) for p in item["loc"]])
        path = ".".join(parts)
        given = item.get("input")
        kind = item["type"]
        if kind == "extra_forbidden":
            lines.append(f"{path}: unknown key {parts[-1]!r}")
            mends.append(_nearest(parts[-1], _fields_at(parts[:-1], item["loc"])))
        elif kind == "missing":
            lines.append(f"{path}: this key is missing")
            mends.append(f"add {parts[-1]}:")
        elif kind in ("union_tag_invalid", "union_tag_not_found"):
            tag = item["ctx"]["discriminator"].strip("'")
            allowed = item["ctx"].get("expected_tags", "")
            value = given.get(tag) if isinstance(given, Mapping) else given
            lines.append(f"{path}.{tag}: {value!r} does not exist" if value else f"{path}.{tag}: this key is missing")
            mends.append(f"write {tag}: one of {allowed or 'the kinds in docs/configuration.md'}")
        elif kind == "value_error":
            text = str(item["ctx"]["error"])
            message, _, mend = text.partition("; ")
            lines.append(f"{path}: {message}" if path else message)
            mends.append(mend)
        else:
            shown = repr(given) if not isinstance(given, Mapping | BaseModel) else "this block"
            lines.append(f"{path}: {shown} is wrong")
            mends.append(item["msg"][0].lower() + item["msg"][1:])
    return f"{where}: " + "\n  ".join(lines), "; ".join(m for m in mends if m)


def _tags() -> frozenset[str]:
    """Every value a discriminator can take."""
    found: set[str] = set()

    def walk(schema: Any) -> None:
        if isinstance(schema, Mapping):
            mapping = schema.get("discriminator", {})
            if isinstance(mapping, Mapping):
                found.update(mapping.get("mapping", {}))
            for value in schema.values():
                walk(value)
        elif isinstance(schema, list):
            for value in schema:
                walk(value)

    walk(Study.model_json_schema())
    return frozenset(found)


def _without_tags(parts: list[str]) -> list[str]:
    tags = _tags()
    kept = []
    for i, part in enumerate(parts):
        # A tag stands behind the key of its union; names of the user's blocks stand right behind these three.
        is_tag = (
            part in tags and i > 0 and parts[i - 1] in ("sites", "phenology", "seasons", "imagery", "method", "labels")
        )
        if not is_tag:
            kept.append(part)
    return kept


def _fields_at(parts: list[str], loc: tuple[Any, ...]) -> list[str]:
    """The keys that exist where an unknown key was written."""
    schema = Study.model_json_schema()
    definitions = schema["$defs"]
    node: Any = schema
    for part in [str(p) for p in loc[:-1]]:
        node = _deref(node, definitions)
        if "discriminator" in node and part in node["discriminator"]["mapping"]:
            node = definitions[node["discriminator"]["mapping"][part].rsplit("/", 1)[-1]]
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        elif "additionalProperties" in node or "patternProperties" in node:
            node = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
    keys = list(_deref(node, definitions).get("properties", {}))
    return [*keys, "every_dataset"] if not parts else keys


def _deref(node: Any, definitions: Mapping[str, Any]) -> Any:
    while True:
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in node and any("$ref" in n or "discriminator" in n for n in node["anyOf"]):
            node = next(n for n in node["anyOf"] if "$ref" in n or "discriminator" in n)
        else:
            return node
