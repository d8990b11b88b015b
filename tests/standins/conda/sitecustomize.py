"""Stands in for the conda environments: a job of a rule can import only what its environment provides.

Python imports a module of this name as it starts. With GREENUP_TEST_ENVS (see `tests.environments.hooked`) a process
that runs the script of a rule, as Snakemake or a shell starts it, refuses every installed package that the rule's
environment lacks; all other processes are left alone.
"""

import json
import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path


class OnlyOf:
    """Python's own search of its path, but what is refused is not there: not for imports that would do without it
    either, nor for those who ask for its version first."""

    def __init__(self, modules, distributions, by_snakemake):
        self.modules, self.distributions, self.by_snakemake = modules, distributions, by_snakemake

    def find_spec(self, fullname, path=None, target=None):
        if path is None and fullname in self.modules and not (self.by_snakemake and _of_snakemake(fullname)):
            return None
        return PathFinder.find_spec(fullname, path, target)

    def find_distributions(self, context):
        found = PathFinder.find_distributions(context)
        if self.by_snakemake and _of_snakemake(context.name or ""):
            return found
        return (d for d in found if re.sub(r"[-_.]+", "-", d.name or "").lower() not in self.distributions)

    def __getattr__(self, name):
        return getattr(PathFinder, name)


def _of_snakemake(name):
    """Snakemake's own modules and what they import: it puts its own packages behind those of the environment, to hand
    its objects to scripts."""
    if name.startswith("snakemake"):
        return True
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("snakemake"):
            return True
        frame = frame.f_back
    return False


def _watch():
    settings = json.loads(Path(os.environ["GREENUP_TEST_ENVS"]).read_text())
    run = next((a for a in sys.orig_argv[1:] if a.endswith(".py")), "")
    # Snakemake runs a copy of a script below .snakemake/scripts, as tmp<letters>.<script>.
    copied = re.search(r"[/\\]\.snakemake[/\\]scripts[/\\]tmp\w+\.(\w+\.py)$", run)
    script = copied[1] if copied else Path(run).name if Path(run).parent.name == "scripts" else ""
    if envs := settings["scripts"].get(script, ()):
        refused = [set.union(*(set(settings["lacking"][env][kind]) for env in envs)) for kind in (0, 1)]
        sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyOf(*refused, bool(copied))
    if envs and "GREENUP_TEST_ENVS_SEEN" in os.environ:
        Path(os.environ["GREENUP_TEST_ENVS_SEEN"], f"{script}.{'+'.join(envs)}").touch()


if "GREENUP_TEST_ENVS" in os.environ:
    _watch()
