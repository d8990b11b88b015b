"""A finished run of a study without the work: every file is there, empty, and Snakemake remembers having made it.

What would run again after a change depends on names, time stamps, checksums and Snakemake's own records alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .conftest import REPOSITORY, environment

PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles")

# Snakemake waits a tenth of a second for each job that it touches.
TOUCH = (
    "import sys; from snakemake.executors import touch; from snakemake.cli import main; "
    "touch.Executor.SLEEPING_TIME = 0; main(sys.argv[1:])"
)


class Desk:
    """A checkout of its own (``checkout``) beside a folder where its study has run (``folder``)."""

    def __init__(self, place: Path, study: str, files: dict[str, str]) -> None:
        self.checkout, self.folder = place / "checkout", place / "run"
        self.study, self.files = study, files
        self.folder.mkdir(parents=True)
        self.reset()
        for name in re.findall(r"^(results/\S+)\t", self._snakemake("--summary").stdout, re.M):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        self._snakemake("--touch", "--forceall")

    @property
    def config(self) -> Path:
        return self.checkout / "config" / "changed.yaml"

    def reset(self) -> None:
        """Checkout, study file and input files as they were when the study ran, time stamps included."""
        shutil.rmtree(self.checkout, ignore_errors=True)
        self.checkout.mkdir()
        for part in PARTS:
            source, copy = REPOSITORY / part, self.checkout / part
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, copy)
        self.config.write_text(self.study)
        for name, text in self.files.items():
            if not (self.folder / name).exists() or (self.folder / name).read_text() != text:
                (self.folder / name).write_text(text)

    def due(self, *options: str) -> dict[str, int]:
        """Rule -> jobs that would run; rules that only name targets are left out."""
        said = self._snakemake("-n", *options).stdout
        jobs = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", said, re.M)}
        return {rule: count for rule, count in jobs.items() if rule not in ("all", "total")}

    def status(self, *options: str) -> str:
        """What ``snakemake status`` prints."""
        return self._snakemake("status", *options).stdout

    def _snakemake(self, *options: str) -> subprocess.CompletedProcess:
        command = [
            sys.executable, "-c", TOUCH, *options, "--snakefile", str(self.checkout / "Snakefile"),
            "--directory", str(self.folder), "--configfile", str(self.config), "--cores", "2",
        ]  # fmt: skip
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-6000:]
        return done
