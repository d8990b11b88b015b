"""Configuration of an ablation: a grid of samplings, season rules, methods and bands, each cell a model of the study.

`expand` turns the block into plain datasets and models before the study is read, so that every rule knows them like
any other. A cell is called ablation_<sampling>_<seasons>_<method>_<bands>, its dataset ablation_<sampling>_<seasons>:
cells that differ in method or bands alone share their images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator

from greenup.bands import S2_L2A, SECO_ECO, check_bands
from greenup.config.block import Block
from greenup.errors import UserError

AXES: tuple[str, ...] = ("sampling", "seasons", "methods", "bands")
"""The axes of the grid, in the order of a cell's name."""

PREFIX = "ablation"
"""First word of the name of every dataset and model of the grid."""

SAMPLINGS: dict[str, str] = {"grid": "ssl4eco", "cities": "ssl4eo_s12", "ecoregion": "ecoregion"}
"""Value of the axis `sampling` -> dataset of config/datasets.yaml whose sites these are."""

SEASONS: dict[str, str] = {"evi": "ssl4eco", "calendar": "ssl4eco_calendar", "quarters": "ssl4eo_s12", "random": "seco"}
"""Value of the axis `seasons` -> dataset of config/datasets.yaml whose season rule this is."""

METHODS: tuple[str, ...] = ("seco", "moco", "moco_seasonal", "moco_tp", "mocov3", "dino", "mae", "data2vec")
"""Values of the axis `methods`."""

BANDS: dict[str, tuple[str, ...]] = {
    "b9": SECO_ECO,
    "b12": tuple(S2_L2A),
    "b10": tuple(b for b in S2_L2A if b not in ("B1", "B9")),
    "rgb": ("B4", "B3", "B2"),
}
"""Value of the axis `bands` -> channels: SSL4Eco's nine with NDVI, all twelve of Level-2A, those of at least 20 m, and
red, green and blue."""

_DATASET, _MODEL = "ssl4eco", "seco_eco"

Merge = Callable[[Any, Any], Any]

_LIST_OR_BLOCK = WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}]})

Value = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
# What a user writes may be a list of names; `expand` makes a mapping of it.
Named = Annotated[dict[Value, dict[str, Any]], _LIST_OR_BLOCK]
Channels = Annotated[dict[Value, tuple[str, ...]], _LIST_OR_BLOCK]


@dataclass(frozen=True)
class Cell:
    """One cell of the grid (and one seed): its model, its dataset, and its value on each axis."""

    model: str
    dataset: str
    sampling: str
    seasons: str
    methods: str
    bands: str
    seed: int | None = None

    def value(self, axis: str) -> str:
        return getattr(self, axis)

    @property
    def key(self) -> tuple[str, ...]:
        """Its values on all axes: what its trainings have in common."""
        return tuple(self.value(axis) for axis in AXES)


class Ablation(Block):
    """A grid of samplings, season rules, methods and bands: more datasets and models, one model a cell."""

    sampling: Named = Field(examples=[{"grid": {"limit": 1000}}])
    """Samplings: grid, cities, ecoregion, each with keys of its `sites` block; a list of names where none is changed.
    Another name needs its own keys."""
    seasons: Named = Field(examples=[{"evi": {}, "calendar": {}}])
    """Season rules: evi, calendar, quarters, random, each with keys of its `seasons` block; or a list of names."""
    methods: Named = Field(examples=[{"seco": {}}])
    """Methods of pretraining, each with keys of its `method` block; or a list of names."""
    bands: Channels = Field(examples=[{"b9": [*SECO_ECO]}])
    """Channels: b9 (SSL4Eco's), b12 (all of Level-2A), b10 (those of at least 20 m), rgb, or a name of your own with a
    list of channels; a list of names where all are known."""
    exclude: tuple[dict[str, str], ...] = ()
    """Cells left out: all that have these values, e.g. {sampling: cities, seasons: evi}."""
    seeds: tuple[int, ...] = ()
    """A training of every cell for each; the study's seed alone when empty."""
    dataset: dict[str, Any] = Field(default_factory=dict)
    """Keys of every dataset of the grid, over config/datasets.yaml's ssl4eco and every_dataset; phenology goes to those
    of rule evi alone."""
    model: dict[str, Any] = Field(default_factory=dict)
    """Keys of every model of the grid, over config/models.yaml's seco_eco; those of its method go to every method."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or any(s < 0 for s in seeds):
            raise ValueError(f"{list(seeds)}: seeds must differ and not be negative; write e.g. [1, 2, 3]")
        return seeds

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells that are not left out, in the order of the axes, seed by seed."""
        found = []
        for values in product(*(getattr(self, axis) for axis in AXES)):
            at = dict(zip(AXES, values, strict=True))
            if any(all(at[axis] == value for axis, value in left_out.items()) for left_out in self.exclude):
                continue
            dataset = "_".join((PREFIX, at["sampling"], at["seasons"]))
            name = "_".join((PREFIX, *values))
            for seed in self.seeds or (None,):
                model = name if seed is None else f"{name}_s{seed}"
                found.append(Cell(model, dataset, **at, seed=seed))
        return tuple(found)


# -------------------------------------------------------------------------------------------------------------- expand
def expand(
    written: Mapping[str, Any], where: str, library: Mapping[str, Any], merge: Merge
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study as written with the datasets and models of its grid, and the block with every axis as a mapping.

    ``written``: a parsed study file with a block ``ablation``; ``library``: the blocks of config/datasets.yaml;
    ``merge``: how a block goes over another. Raises `UserError` naming file, key, value and mend: an axis without a
    value or not there, a value that does not exist, a value left out that is not on its axis, a grid of which nothing
    is left, and a dataset or model that has the name of a cell's.
    """
    place = f"{where}: ablation"
    block = written["ablation"]
    if not isinstance(block, Mapping):
        raise UserError(f"{place}: cannot be {block!r}", f"write a block with {', '.join(AXES)}")
    block = {**block, **{axis: _axis(axis, block.get(axis), place) for axis in AXES}}
    _check_exclude(block, place)
    common = {key: _mapping(block.get(key), f"{place}.{key}") for key in ("dataset", "model")}
    grid = Ablation.model_construct(
        **{axis: block[axis] for axis in AXES},
        exclude=tuple(block.get("exclude") or ()),
        # Seeds that will not do are told when the whole study is checked.
        seeds=tuple(dict.fromkeys(seeds)) if isinstance(seeds := block.get("seeds"), list | tuple) else (),
    )
    if not grid.cells:
        raise UserError(f"{place}.exclude: leaves no cell of the grid", "leave out fewer")
    datasets, models, drawn = {}, {}, {}
    for cell in grid.cells:
        if cell.model in models:
            raise UserError(f"{place}: two cells are called {cell.model!r}", "rename a value of an axis")
        if cell.dataset not in datasets:
            first = drawn.setdefault(cell.sampling, cell.dataset)
            datasets[cell.dataset] = _dataset(cell, grid, common["dataset"], library, merge, first)
        models[cell.model] = _model(cell, grid, common["model"], merge)
    full = dict(written)
    for kind, made in (("datasets", datasets), ("models", models)):
        given = _mapping(written.get(kind), f"{where}: {kind}")
        if both := set(given) & set(made):
            raise UserError(f"{where}: {kind}.{min(both)}: the ablation makes one of this name", "rename yours")
        full[kind] = {**given, **made}
    return full, {**block, **common}


def _axis(axis: str, given: Any, place: str) -> dict[str, Any]:
    """An axis as value -> what the user changes of it (of bands: the channels)."""
    known = {"sampling": SAMPLINGS, "seasons": SEASONS, "methods": dict.fromkeys(METHODS), "bands": BANDS}[axis]
    place = f"{place}.{axis}"
    if not given:
        raise UserError(f"{place}: the axis has no value", f"name at least one of {', '.join(known)}")
    if isinstance(given, str) or not isinstance(given, list | tuple | Mapping):
        raise UserError(f"{place}: cannot be {given!r}", f"write a list of {', '.join(known)}")
    values = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
    if len(values) < len(given):
        raise UserError(f"{place}: {list(given)} names a value twice", "name each once")
    for name, block in values.items():
        own = {"sampling": "sampler", "seasons": "rule", "methods": "name", "bands": "a list of channels"}[axis]
        if axis == "bands":
            values[name] = _channels(name, block, place)
            continue
        values[name] = _mapping(block, f"{place}.{name}")
        if name not in known and own not in values[name]:
            raise UserError(
                f"{place}: {name!r} does not exist", f"choose from: {', '.join(known)}, or give it keys with {own}:"
            )
    return values


def _channels(name: str, given: Any, place: str) -> list[str]:
    if given is None:
        if name not in BANDS:
            known = ", ".join(BANDS)
            raise UserError(f"{place}: {name!r} does not exist", f"choose from: {known}, or write {name}: [B4, B3, B2]")
        return list(BANDS[name])
    if not isinstance(given, list | tuple) or not given:
        raise UserError(f"{place}.{name}: cannot be {given!r}", "write a list of channels, e.g. [B4, B3, B2]")
    try:
        check_bands(tuple(given), masks=False)
    except UserError as error:
        raise UserError(f"{place}.{name}: {error.message}", error.mend) from None
    return list(given)


def _check_exclude(block: Mapping[str, Any], place: str) -> None:
    given = block.get("exclude") or []
    if not isinstance(given, list | tuple) or not all(isinstance(e, Mapping) and e for e in given):
        raise UserError(f"{place}.exclude: cannot be {given!r}", "write a list such as [{sampling: cities}]")
    for left_out in given:
        for axis, value in left_out.items():
            if axis not in AXES:
                raise UserError(f"{place}.exclude: {axis!r} is no axis", f"choose from: {', '.join(AXES)}")
            if value not in block[axis]:
                choices = ", ".join(block[axis])
                raise UserError(f"{place}.exclude.{axis}: {value!r} is not on the axis", f"choose from: {choices}")


def _dataset(cell: Cell, grid: Ablation, common: Mapping, library: Mapping, merge: Merge, first: str) -> dict[str, Any]:
    """A dataset of the grid: the sites are drawn once a sampling, for the dataset ``first``; the others take them."""
    block = dict(common)
    if cell.dataset != first:
        block["sites"] = {"sampler": "dataset", "dataset": first}
    else:
        base = library[SAMPLINGS[cell.sampling]]["sites"] if cell.sampling in SAMPLINGS else {}
        block["sites"] = merge(base, grid.sampling[cell.sampling])
    base = library[SEASONS[cell.seasons]]["seasons"] if cell.seasons in SEASONS else {}
    block["seasons"] = merge(base, grid.seasons[cell.seasons])
    if block["seasons"].get("rule") != "evi":
        block["phenology"] = None
    return {"like": _DATASET, **block}


def _model(cell: Cell, grid: Ablation, common: Mapping, merge: Merge) -> dict[str, Any]:
    """A model of the grid: what all have in common, its method and channels, and its seed."""
    shared = common.get("method") or {}
    shared = {k: v for k, v in shared.items() if k != "name"} if isinstance(shared, Mapping) else {}
    method = {"name": cell.methods, **merge(shared, grid.methods[cell.methods])}
    block = {**common, "like": _MODEL, "dataset": cell.dataset, "method": method}
    return {**block, "channels": grid.bands[cell.bands], **({} if cell.seed is None else {"seed": cell.seed})}


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{place}: cannot be {value!r}", "write a block of keys, `key: value`")
    return dict(value)
