"""From the YAML a user writes to a checked `Study`: named blocks filled in, every error with its mend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from greenup.config.ablation import expand
from greenup.config.explain import explain, nearest
from greenup.config.study import Study
from greenup.errors import UserError
from greenup.redact import credentials_in

LIBRARY = Path(__file__).resolve().parents[3] / "config"
"""Folder with the libraries of named blocks: datasets.yaml, models.yaml, image_sets.yaml, tasks.yaml, finetune.yaml,
methods/."""

# The key that says of what kind a block is. `name` comes last: the window of a season rule has a name too.
_KINDS = ("sampler", "source", "rule", "name")


def load_study(path: str | Path, library: Path = LIBRARY) -> Study:
    """Read one study file. Raises `UserError` naming file, key, value and mend."""
    return resolve(_read_yaml(Path(path)), library=library, where=str(path))


def resolve(written: Mapping[str, Any], *, library: Path = LIBRARY, where: str = "configuration") -> Study:
    """Fill in the named blocks of the library and check the result.

    ``written`` is the parsed study file. A block under datasets, models, image_sets or tasks starts from the library's
    block of the same name (or of the name given by ``like:``) and overrides it key by key; ``every_dataset:`` lies
    between the two. A block ``ablation`` adds the datasets and models of its grid to those written.
    Raises `UserError` with every error found, each placed at the key that the user wrote.
    """
    # Configuration is copied into records, job scripts, cards and the report, so none may stand in it.
    if secret := next(credentials_in(written), None):
        raise UserError(
            f"{where}: {secret}: holds a password, token or signature",
            "leave it out of the address; logins are read from ~/.netrc or the environment (docs/security.md)",
        )
    given = written
    if written.get("ablation") is not None:
        written, grid = expand(written, where, _read_yaml(library / "datasets.yaml"), merge)
        written = {**written, "ablation": grid}
    raw = {k: v for k, v in written.items() if k != "every_dataset"}
    every = _block(written.get("every_dataset"), f"{where}: every_dataset")
    if "like" in every:
        raise UserError(f"{where}: every_dataset.like: a base is chosen dataset by dataset", "write it in each dataset")
    for kind in ("datasets", "models", "image_sets", "tasks"):
        if kind not in raw:
            continue
        named = _read_yaml(library / f"{kind}.yaml")
        raw[kind] = {}
        for name, block in _block(written[kind], f"{where}: {kind}").items():
            block = _block(block, f"{where}: {kind}.{name}")
            base = _base(block.pop("like", None), str(name), named, bool(block), f"{where}: {kind}.{name}", kind)
            if kind == "datasets":
                raw[kind][name] = merge(merge(base, every), block)
            elif kind == "models":
                raw[kind][name] = _with_preset(merge(_named_method(base), _named_method(block)), library)
            else:
                raw[kind][name] = merge(base, block)
    if "evaluation" in raw:
        raw["evaluation"] = _with_finetune_recipes(raw["evaluation"], library, f"{where}: evaluation")
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise explain(error, where, given) from None


def library_blocks(kind: str, library: Path = LIBRARY) -> dict[str, dict[str, Any]]:
    """The named blocks of one kind (datasets, models, image_sets, tasks) as the library writes them."""
    return _read_yaml(library / f"{kind}.yaml")


def parse(kind: Any, value: Any) -> Any:
    """A block given to a job, as JSON text or as plain values, back in its type: ``parse(Sites, params.sites)``."""
    adapter = TypeAdapter(kind)
    return adapter.validate_json(value) if isinstance(value, str) else adapter.validate_python(value)


def merge(base: Any, over: Any) -> Any:
    """``over`` on top of ``base``, key by key in mappings.

    A mapping of another kind (another sampler, source, rule or name) replaces the whole: the keys of the old kind mean
    nothing to the new one.
    """
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    kind = next((k for k in _KINDS if k in base), None)
    if kind in over and over[kind] != base[kind]:
        return dict(over)
    return {**base, **{k: merge(base[k], v) if k in base else v for k, v in over.items()}}


def _block(value: Any, where: str) -> dict[str, Any]:
    """A set of keys as a dictionary of its own; an empty one where nothing is written."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: cannot be {value!r}", "write a block of keys, `key: value`")
    return dict(value)


def _base(like: Any, name: str, named: Mapping[str, Any], has_keys: bool, where: str, kind: str) -> dict[str, Any]:
    """The library's block that a block starts from: that of its own name, or the one asked for by ``like:``."""
    if like is None:
        if name not in named and not has_keys:
            raise UserError(
                f"{where}: no block named {name!r} in config/{kind}.yaml",
                f"{nearest(name, named)}; or add like: or the block's own keys",
            )
        return named.get(name) or {}
    if not isinstance(like, str) or like not in named:
        raise UserError(f"{where}.like: no block named {like!r} in config/{kind}.yaml", nearest(str(like), named))
    return named[like]


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


def _with_finetune_recipes(evaluation: Any, library: Path, where: str) -> Any:
    """Recipes of fine-tuning start from the block of config/finetune.yaml that their ``like:`` names; those of single
    models without one, from evaluation.protocols.finetune."""
    evaluation = _block(evaluation, where)
    protocols = evaluation.get("protocols")
    cells = evaluation.get("finetune")
    if not (isinstance(protocols, Mapping) or isinstance(cells, Mapping)):
        return evaluation
    named = _read_yaml(library / "finetune.yaml")

    def filled(written: Any, place: str, base: Mapping[str, Any]) -> dict[str, Any]:
        block = _block(written, place)
        like = block.pop("like", None)
        return merge(base if like is None else _base(like, "", named, True, place, "finetune"), block)

    common: dict[str, Any] = {}
    if isinstance(protocols, Mapping) and "finetune" in protocols:
        common = filled(protocols["finetune"], f"{where}.protocols.finetune", {})
        evaluation["protocols"] = {**protocols, "finetune": common}
    if isinstance(cells, Mapping) and isinstance(cells.get("recipes"), Mapping):
        place = f"{where}.finetune.recipes"
        recipes = {m: filled(r, f"{place}.{m}", common) for m, r in cells["recipes"].items()}
        evaluation["finetune"] = {**cells, "recipes": recipes}
    return evaluation


class _Loader(yaml.SafeLoader):
    """YAML in which a key stands once: a second `datasets:` would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}", "mend the line named above") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file is not a set of keys", "write `key: value` lines")
    return value
