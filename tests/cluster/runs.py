"""Runs of tests/cluster/small.yaml, on the cluster and without it, and what they have made."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cluster.mini_slurm import MiniSlurm

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SHARDS = ("0000", "0001", "0002", "0003")
FILES = {shard: f"results/small/patches/ssl4eco/{shard}.h5" for shard in SHARDS}
"""Pixels of each shard, and a target of a run that exports it and makes nothing of it."""
MADE = ("scenes", "patches", "datasets", "models", "tasks", "embeddings", "probes")
RESULTS = ("patches/*/*.h5", "patches/*/*.ledger.parquet", "models/*/weights.safetensors", "probes/*/*/*.parquet")


def environment(**more: str) -> dict[str, str]:
    """The test's environment with its own Python first, one thread a library, and the site file of the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "GREENUP_SITE": str(HERE / "site.yaml"), **more}


def call(folder: Path, *words: str) -> list[str]:
    """A call of Snakemake on this repository for the study of the tests, with its results below ``folder``."""
    study = ["--directory", str(folder), "--configfile", str(HERE / "small.yaml")]
    return ["snakemake", *words, "--snakefile", str(REPOSITORY / "Snakefile"), *study]


def run_locally(folder: Path, *words: str) -> str:
    """Run without a cluster; what Snakemake prints."""
    done = subprocess.run(
        call(folder, *words, "--cores", "2"),
        env=environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        pytest.fail(f"snakemake {' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"[-8000:])
    return done.stdout + done.stderr


def copy_until(stage: str, clean: Path, folder: Path) -> Path:
    """A copy of a finished study that lacks what was made from a stage on."""
    shutil.copytree(clean, folder, symlinks=True)
    for part in (*MADE[MADE.index(stage) :], "work", "logs", "benchmarks"):
        shutil.rmtree(folder / "results/small" / part, ignore_errors=True)
    return folder


def _hear_interrupts() -> None:
    """As at a terminal: what a shell starts in the background, as CI does with these tests, is made deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class ClusterRun:
    """A study in a folder, run by ``snakemake --profile slurm``; ``faults``: what shards meet (sitecustomize.py)."""

    slurm: MiniSlurm
    folder: Path
    faults: Path
    _controllers: list[subprocess.Popen] = field(default_factory=list)
    _logs: list[Path] = field(default_factory=list)

    def begin(self, *words: str) -> None:
        """Start a controller, as a user at a terminal does."""
        self.faults.mkdir(parents=True, exist_ok=True)
        log = self.faults / f"controller{len(self._logs)}.log"
        env = environment(CLUSTER_FAULTS=str(self.faults), PYTHONPATH=str(HERE / "faults"))
        command = self.slurm.command(*call(self.folder, *words, "--profile", "slurm"), cwd=REPOSITORY)
        with log.open("wb") as out:
            controller = subprocess.Popen(
                command,
                env=env,
                cwd=REPOSITORY,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_hear_interrupts,
            )
        self._controllers.append(controller)
        self._logs.append(log)

    def finish(self, code: int | None = 0, seconds: float = 600) -> str:
        """Wait for the last controller; what it printed. ``code``: how it has to end (None: otherwise than with 0)."""
        ended = self._controllers[-1].wait(seconds)
        said = self._logs[-1].read_text()
        if (ended == 0) if code is None else (ended != code):
            pytest.fail(f"the controller ended with {ended}\n{said}"[-8000:])
        return said

    def run(self, *words: str) -> str:
        """Run to the end."""
        self.begin(*words)
        return self.finish()

    def send(self, how: signal.Signals) -> None:
        """A signal to the last controller alone."""
        self._controllers[-1].send_signal(how)

    def watched_by(self) -> str:
        """The command that the site file of the tests leads to on this cluster."""
        code = "from greenup.cluster.site import read_site; print(read_site().watched_by)"
        command = self.slurm.command(sys.executable, "-c", code, cwd=REPOSITORY / "scripts")
        return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout.strip()

    def end(self) -> None:
        """Leave no controller behind."""
        for controller in self._controllers:
            if controller.poll() is None:
                controller.kill()
                controller.wait()

    # --------------------------------------------------------------------------------------------- faults
    def meets(self, **faults: str) -> None:
        """``_0000="hold"``: what the next export of a shard meets."""
        self.faults.mkdir(parents=True, exist_ok=True)
        for shard, fault in faults.items():
            told = Path(self.faults, shard.removeprefix("_"))
            told.with_name(f"{told.name}.met").unlink(missing_ok=True)
            told.write_text(fault)

    def wait_met(self, *shards: str, seconds: float = 180) -> None:
        """Wait until the jobs of some shards have met their faults."""
        end = time.monotonic() + seconds
        while missing := [shard for shard in shards if not Path(self.faults, f"{shard}.met").exists()]:
            if time.monotonic() > end:
                pytest.fail(f"shards {missing} met nothing\n{self._logs[-1].read_text()}"[-8000:])
            time.sleep(0.2)

    def release(self) -> None:
        """Let go on what is held."""
        Path(self.faults, "release").touch()


def submitted(said: str) -> dict[str, str]:
    """Jobs of Slurm that a run submitted: id to where its log lies, <rule>/<wildcards>, or <group> of a group."""
    found = re.findall(r"submitted with SLURM jobid (\d+) \(log: \S*?/(?:rule|group)_(\S+)/\d+\.log\)", said)
    return dict(found)


def finished(said: str) -> list[str]:
    """Rules of the jobs that a run has finished, one entry a job."""
    return re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", said)


def made(folder: Path) -> dict[str, bytes]:
    """Results of a study, by where they lie."""
    root = folder / "results/small"
    return {str(p.relative_to(root)): p.read_bytes() for pattern in RESULTS for p in sorted(root.glob(pattern))}
