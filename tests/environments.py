"""What the conda environments of envs/ provide, told by the installed distributions, and who runs in which."""

import atexit
import json
import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import requires as required
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
ENVS = sorted((ROOT / "envs").glob("*.yaml"))

HOOK = Path(__file__).parent / "standins" / "conda"
"""Folder of the sitecustomize.py that blocks what an environment lacks."""

PYPI = {
    "pytorch": "torch", "py-opencv": "opencv-python-headless", "matplotlib-base": "matplotlib",
    "python-xxhash": "xxhash",
}  # fmt: skip
"""Names on conda-forge that differ from PyPI's."""

CONDA_ONLY = {"python", "pip", "gdal"}
"""In conda environments only: the interpreter, and tools to look at files by hand."""


def packages(env: Path) -> dict[str, SpecifierSet]:
    """Distribution names (PyPI's) of an environment and their ranges, the pip part included."""
    found: dict[str, SpecifierSet] = {}
    for line in yaml.safe_load(env.read_text())["dependencies"]:
        for text in line["pip"] if isinstance(line, dict) else [line]:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            name = PYPI.get(name, name)
            assert name not in found, f"{env.name}: {name} stands twice"
            found[name] = requirement.specifier
    return found


def carriers(env: Path) -> set[str]:
    """Distributions that an environment installs after the rest, without their dependencies."""
    script = env.with_suffix(".post-deploy.sh")
    text = script.read_text() if script.is_file() else ""
    return {canonicalize_name(name) for name in re.findall(r"\s([\w.-]+)==", text)}


def with_dependencies(names: set[str]) -> set[str]:
    """Distributions and all that they declare to need on this platform, as far as they are installed here."""
    found: set[str] = set()
    todo = [(name, frozenset[str]()) for name in names]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        try:
            lines = required(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for line in lines:
            need = Requirement(line)
            if need.marker is not None and not any(need.marker.evaluate({"extra": e}) for e in ("", *extras)):
                continue
            if (wanted := (canonicalize_name(need.name), frozenset(need.extras))) not in seen:
                seen.add(wanted)
                todo.append(wanted)
    return found


@cache
def modules() -> Mapping[str, set[str]]:
    """Names that can be imported here, each with the distributions it belongs to."""
    return {top: {canonicalize_name(d) for d in of} for top, of in packages_distributions().items()}


@cache
def distributions(env: str) -> frozenset[str]:
    """Distributions that an environment provides."""
    path = ROOT / "envs" / f"{env}.yaml"
    return frozenset(with_dependencies(set(packages(path))) | carriers(path))


@cache
def provided(env: str) -> frozenset[str]:
    """Names of modules that an environment provides beside the standard library."""
    return frozenset(top for top, of in modules().items() if of & distributions(env))


@cache
def scripts_by_env() -> dict[str, set[str]]:
    """Environment name -> the scripts that rules run in it, by ``script:`` or ``shell:``."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.M)[1:]:
            env = re.search(r'"\.\./envs/([\w.]+)\.yaml"', rule)
            script = re.search(r"(?:scripts|SCRIPTS)[^/\n]*/(\w+\.py)", rule)
            if env and script:
                found.setdefault(env[1], set()).add(script[1])
    return found


def own_folder() -> Path:
    """A new folder that goes when the tests have ended."""
    folder = mkdtemp(prefix="greenup-envs-")
    atexit.register(rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def hook_settings() -> str:
    """A JSON file for `HOOK`: the environments of each script, and what each lacks of what is installed here, modules
    and distributions."""
    everything = set().union(*modules().values())
    envs = {e: [sorted(set(modules()) - provided(e)), sorted(everything - distributions(e))] for e in scripts_by_env()}
    # A script that rules run in several environments must do with what all of them provide.
    by_script = {s: sorted(e for e, scripts in scripts_by_env().items() if s in scripts) for e in envs for s in
                 scripts_by_env()[e]}  # fmt: skip
    path = own_folder() / "settings.json"
    path.write_text(json.dumps({"lacking": envs, "scripts": by_script}))
    return str(path)


def hooked(environment: Mapping[str, str], seen: Path | None = None) -> dict[str, str]:
    """An environment in which every job of a rule sees only the packages of its conda environment.

    ``seen``: a folder that gets a file ``<script>.<environment>`` for each kind of job that ran so.
    """
    before = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p and p != str(HOOK)]
    more = {"PYTHONPATH": os.pathsep.join([str(HOOK), *before]), "GREENUP_TEST_ENVS": hook_settings()}
    return {**environment, **more, **({"GREENUP_TEST_ENVS_SEEN": str(seen)} if seen else {})}


STANDARD = frozenset(sys.stdlib_module_names)
