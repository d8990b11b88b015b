"""The real Snakemake on the miniature Earth, in folders of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import hooked, own_folder

REPOSITORY = Path(__file__).resolve().parents[2]

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "tests-hidden-aws-key",
    "PC_SDK_SUBSCRIPTION_KEY": "tests-hidden-subscription",
    "HTTP_AUTH_TOKEN": "tests-hidden-token",
}
"""Stand in every run's environment, and nowhere else: see test_secrets.py."""

SEEN = own_folder()
"""A file ``<script>.<environment>`` for each kind of job that ran with the packages of its environment alone."""


def environment() -> dict[str, str]:
    """The test's environment with its own Python first, one thread a library; a job of a rule sees only the packages
    of its conda environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return hooked({**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **SECRETS}, seen=SEEN)


def command(folder: Path, *args: str, config: Path | str = "config/tiny.yaml", cores: int = 2) -> list[str]:
    """A Snakemake call on this repository whose results go below ``folder``."""
    return [
        "snakemake", *args,
        "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder),
        "--configfile", str(REPOSITORY / config), "--cores", str(cores), "--show-failed-logs",
    ]  # fmt: skip


def snakemake(folder: Path, *args: str, check: bool = True, **kwargs) -> subprocess.CompletedProcess:
    """Run Snakemake to its end; its output is shown when it fails."""
    done = subprocess.run(
        command(folder, *args, **kwargs), env=environment(), capture_output=True, text=True, timeout=900
    )
    if check and done.returncode:
        pytest.fail(f"snakemake {' '.join(args)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"[-8000:])
    return done


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """One clean run of config/tiny.yaml; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("tiny")
    snakemake(folder)
    return folder
