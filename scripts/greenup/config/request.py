"""`snakemake embed --config points=my.csv model=seco_eco`: from a file of points and the name of a model to a study.

The study has one dataset (the library's `points`: the clearest image of mid-summer), one model and no task. Imports
nothing heavy: every job plans anew.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from greenup.bands import sources_of
from greenup.config.data import MiniatureImagery, PublishedImagery
from greenup.config.explain import nearest
from greenup.config.given import about_folder
from greenup.config.load import library_blocks, parse, resolve
from greenup.config.models import Model
from greenup.config.study import Study
from greenup.config.weights import weights_named
from greenup.errors import UserError

KEYS = ("points", "model", "imagery", "years", "sea", "out")
"""Words of `--config` that make a request; no study has keys of these names."""

DATASET = "points"
"""Name of the dataset of a request, and of the library's block that it starts from."""

USAGE = "write snakemake --cores 2 embed --config points=my.csv model=seco_eco_published"
"""How to ask; part of errors."""

_SUFFIXES = (".csv", ".gpkg", ".geojson")
_APIS = ("earth-search", "planetary-computer")
_SITES_A_SHARD = 500


@dataclass(frozen=True)
class Request:
    """What `embed` is asked for. ``points``: the user's file; ``model``: its name in the study made for it; ``out``:
    the Parquet file to write."""

    points: str
    model: str
    out: str


def read_configuration(config: Mapping[str, Any], *, where: str) -> tuple[Study, Request | None]:
    """The study of a Snakemake run, and the request in it, if there is one.

    ``config``: the study file with the words of ``--config`` merged into it; ``where``: the file's name. Without the
    words of a request (`KEYS`) this is `resolve`. With them the file's study says where trained models lie, which
    images they have seen, sources and runtime; its datasets and tasks are left alone.

    Raises `UserError` for a wrong study file, a word without points or model, a file of points that is not there, an
    unknown or untrained model, and images that do not fit the model.
    """
    asked = {key: config[key] for key in KEYS if key in config}
    home = resolve({k: v for k, v in config.items() if k not in KEYS}, where=where)
    if not asked:
        return home, None
    for key in ("points", "model"):
        if key not in asked:
            raise UserError(f"--config: {', '.join(asked)} without {key}=", USAGE)
    points = _points(asked["points"])
    name, model, origin = _model(str(asked["model"]), home)
    study = f"embed_{_slug(Path(points).stem)}"
    dataset = {
        "sites": {"file": points, "sea": asked.get("sea", "refuse")},
        "imagery": _imagery(asked.get("imagery"), home, origin, model),
        "scenes": {"years": _years(asked.get("years"), home, origin)},
        "patches": {"bands": list(sources_of(model.channels))},
        "shards": -(-_count(Path(points)) // _SITES_A_SHARD),
    }
    if model.size_px is not None:
        dataset["patches"]["size_px"] = model.size_px
    written = {
        "study": study,
        "seed": home.seed,
        "sources": home.sources.model_dump(mode="json"),
        "runtime": home.runtime.model_dump(mode="json"),
        "datasets": {DATASET: dataset},
        "models": {name: model.model_dump(mode="json")},
        "evaluation": {"embed": [DATASET]},
    }
    made = resolve(written, where="embed")
    return made, Request(points, name, str(asked.get("out", f"results/{study}/{name}.parquet")))


# -------------------------------------------------------------------------------------------------------------- points
def _points(value: Any) -> str:
    path = Path(str(value))
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(
            f"points={value}: points are read from {', '.join(_SUFFIXES)}", "convert the file to one of them"
        )
    if not path.is_file():
        raise UserError(f"points={value}: no such file", "mend the path; paths start at the working directory")
    return str(path)


def _count(path: Path) -> int:
    """About how many points a file holds, at least 1: jobs are cut by it, nothing else depends on it."""
    if path.suffix.lower() == ".csv":
        with path.open("rb") as lines:
            return max(1, sum(1 for _ in lines) - 1)
    if path.suffix.lower() == ".gpkg":
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as tables:
                (layer,) = tables.execute("SELECT table_name FROM gpkg_contents").fetchone()
                quoted = layer.replace('"', '""')
                return max(1, tables.execute(f'SELECT COUNT(*) FROM "{quoted}"').fetchone()[0])
        except (sqlite3.Error, TypeError):
            # Not a GeoPackage: the job that reads the points says so.
            return 1
    return 1


# --------------------------------------------------------------------------------------------------------------- model
def _model(asked: str, home: Study) -> tuple[str, Model, str | None]:
    """Name and block of the model asked for, and the dataset of ``home`` that it was trained on, if it was there."""
    if "/" in asked or (Path(asked) / "config.json").is_file():
        return _slug(Path(asked).name), _folder(asked), None
    if (model := home.models.get(asked)) is not None:
        if not model.needs_images:
            raise UserError(
                f"model={asked}: its vectors are columns of {model.method.file}, which holds no new points",
                "name a model of images",
            )
        if model.is_published or model.is_given or not model.has_weights:
            return asked, model.model_copy(update={"dataset": None}), model.dataset
        return asked, _trained(asked, home), model.dataset
    library = library_blocks("models")
    if asked not in library:
        raise UserError(
            f"model={asked}: neither a model of study {home.study!r}, nor one of config/models.yaml, nor a folder",
            nearest(asked, {**home.models, **library}),
        )
    if _is_published(library[asked]) or library[asked].get("method") == "band_statistics":
        study = {"study": "embed", "datasets": {DATASET: None}, "models": {asked: None}}
        return asked, resolve(study).models[asked], None
    return asked, _trained(asked, home), None


def _is_published(block: Mapping[str, Any]) -> bool:
    method = block.get("method")
    return isinstance(method, Mapping) and method.get("name") == "published"


def _trained(name: str, home: Study) -> Model:
    """The folder of a model that the study has trained."""
    folder = Path("results", home.study, "models", name)
    if (folder / "weights.safetensors").is_file() and (folder / "config.json").is_file():
        return _folder(str(folder))
    others = sorted(str(p.parent) for p in Path("results").glob(f"*/models/{name}/weights.safetensors"))
    released = [n for n, b in library_blocks("models").items() if _is_published(b) and n.startswith(name)]
    ways = [f"model={way}" for way in [*others, *released]]
    raise UserError(
        f"model={name}: study {home.study!r} has not trained it: {folder}/weights.safetensors is not there",
        f"train it (target {folder}/weights.safetensors), give the --configfile of the study that did"
        + (f", or write {' or '.join(ways)}" if ways else ", or its folder as model="),
    )


def _folder(path: str) -> Model:
    try:
        return parse(Model, {"method": {"name": "folder", "path": path.rstrip("/")}})
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("method.path: ")
        message, _, mend = said.partition("; ")
        raise UserError(f"model={path}: {message}", mend) from None


def _slug(text: str) -> str:
    """A text as a name of the configuration: small letters, digits and _, a letter first."""
    slug = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
    return slug if slug[:1].isalpha() else f"m_{slug}"


# -------------------------------------------------------------------------------------------------------------- images
def _imagery(asked: Any, home: Study, origin: str | None, model: Model) -> dict[str, Any]:
    """The image source: as asked, else that of the dataset the model was trained on, else one that needs no account."""
    product, is_simulated = _trained_on(model)
    block = _source(asked, home)
    if block is None:
        trained_on = home.datasets[origin].imagery if origin is not None else None
        if trained_on is not None and not isinstance(trained_on, PublishedImagery):
            block = trained_on.model_dump(mode="json")
        elif is_simulated:
            block = {"source": "miniature"}
        else:
            # Its Level-1C is paid for by the reader, and its radar is on no grid.
            block = {"source": "stac", "url": "earth-search"} if product == "s2_l2a" else {"source": "earthengine"}
    if is_simulated and block.get("source") != "miniature":
        raise UserError(
            "the model was trained on simulated images and knows nothing of real ones",
            "write imagery=miniature for a trial, or name a model that was trained on real images",
        )
    if block.get("source") == "miniature":
        if product != MiniatureImagery(source="miniature").product:
            raise UserError(f"imagery=miniature: it renders no {product}, which the model takes", "name another source")
        return block
    return {**block, "product": product}


def _source(asked: Any, home: Study) -> dict[str, Any] | None:
    if asked is None or isinstance(asked, Mapping):
        return dict(asked) if asked is not None else None
    asked = str(asked)
    if asked in home.datasets and (imagery := home.datasets[asked].imagery) is not None:
        return imagery.model_dump(mode="json")
    if asked in ("earthengine", "miniature"):
        return {"source": asked}
    if asked in _APIS or asked.startswith(("https://", "http://")):
        return {"source": "stac", "url": asked}
    if Path(asked).exists():
        return {"source": "archive", "path": asked}
    imaged = [n for n, d in home.datasets.items() if d.imagery is not None]
    raise UserError(
        f"imagery={asked}: no such source, dataset or folder",
        f"write one of {', '.join(['earthengine', 'miniature', *_APIS])}, an https:// address of a STAC API, the "
        f"folder of an archive, or a dataset of study {home.study!r}: {', '.join(imaged)}",
    )


def _trained_on(model: Model) -> tuple[str, bool]:
    """The product that a model takes, and whether what it has seen was simulated."""
    if model.is_published:
        return weights_named(model.method.weights).product, False
    if model.is_given:
        about = about_folder(model.method.path)
        return about.get("product", "s2_l2a"), bool(about.get("simulated"))
    return "s2_l2a", False


def _years(asked: Any, home: Study, origin: str | None) -> list[int]:
    """``2020``, ``2019-2022`` or ``[2019, 2022]``; else those of the dataset the model was trained on."""
    if asked is None:
        if origin is not None:
            return list(home.datasets[origin].scenes.years)
        return list(library_blocks("datasets")[DATASET]["scenes"]["years"])
    if isinstance(asked, list | tuple):
        return list(asked)
    if found := re.fullmatch(r"(\d{4})(?:-(\d{4}))?", str(asked)):
        return [int(found[1]), int(found[2] or found[1])]
    raise UserError(f"years={asked}: no years", "write years=2020 or years=2019-2022")
