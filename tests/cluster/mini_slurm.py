"""A real Slurm on loopback, for the length of a test session: one controller, a few nodes, GPUs that are device files.

Debian's daemons (`REQUIRED`) run in the foreground as children of this process and end with it. Job steps of
Snakemake read no SLURM_CONF: the configuration has to lie at /etc/slurm. It is put there in a mount namespace of its
own, which no other process of the machine sees, or, where the kernel refuses a namespace, by links that `stop` takes
away again.

    python -m tests.cluster.mini_slurm [COMMAND ...]

runs a command (a shell without one) beside a Slurm of its own and stops it afterwards.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.completions import Completion, read_completions
from tests.cluster.settings import settings_of

REQUIRED = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "nsenter": "util-linux",
}
"""Program and the Debian package that brings it; plugins come with slurm-wlm-basic-plugins."""

SETTINGS = Path("/etc/slurm")
"""Where Debian's Slurm looks for its configuration."""

MOUNT = 'mount -t tmpfs tmpfs {at} && cp "$1"/slurm.conf "$1"/gres.conf {at} && echo ready && exec sleep infinity'


class NoSlurm(Exception):
    """Slurm cannot be started here; the message says why and what to do."""


@dataclass
class MiniSlurm:
    """``nodes`` nodes of ``cpus`` processors, ``memory_mb`` MB and ``gpus`` fake GPUs each, all of them this machine.

    Partitions: `cpu` (the default) and `gpu`, each of all nodes. Files of the cluster lie in ``folder``.
    """

    folder: Path
    nodes: int = 2
    cpus: int = 4
    memory_mb: int = 16000
    gpus: int = 2
    _daemons: dict[str, subprocess.Popen] = field(default_factory=dict, init=False)
    _namespace: subprocess.Popen | None = field(default=None, init=False)
    _links: list[Path] = field(default_factory=list, init=False)

    # ------------------------------------------------------------------------------------------------- life
    def __enter__(self) -> MiniSlurm:
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until every node is idle. Raises `NoSlurm`."""
        lacking = sorted({package for program, package in REQUIRED.items() if not _program(program)})
        if lacking:
            raise NoSlurm(
                f"Slurm is not installed; as root: apt-get install {' '.join(lacking)} slurm-wlm-basic-plugins"
            )
        if os.geteuid() != 0:
            raise NoSlurm("a Slurm for tests is started as root (its daemons change users); run this in a container")
        try:
            self._configure()
            self._enter()
            self._begin("munged", "munged", "--foreground", "--force", *self._munge())
            self._wait("munged does not answer", lambda: self._at("munge.socket").exists())
            self._begin("slurmctld", "slurmctld", "-D", "-c", "-f", str(self._at("slurm.conf")))
            for name in self.names:
                self.node_up(name)
            self.wait_idle()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all jobs and all daemons; leave nothing at /etc/slurm."""
        if "slurmctld" in self._daemons:
            self.clear()
        for name in reversed(list(self._daemons)):
            self._end(name)
        if self._namespace is not None:
            self._namespace.kill()
            self._namespace.wait()
            self._namespace = None
        while self._links:
            self._links.pop().unlink(missing_ok=True)

    def clear(self) -> None:
        """Cancel all jobs and wait until none is left, so that no test meets those of another."""
        self.call("scancel", "--full", "--user=root", check=False)
        with suppress(NoSlurm):
            self.wait_queued(0)

    # ------------------------------------------------------------------------------------------------- use
    @property
    def names(self) -> list[str]:
        return [f"node{i}" for i in range(1, self.nodes + 1)]

    def command(self, *words: str, cwd: Path | str | None = None) -> list[str]:
        """A command line that runs ``words`` where the cluster is to be seen.

        The process that it starts is the one whose id is told: signals reach the command itself.
        """
        if self._namespace is None:
            return list(words)
        where = [f"--wd={cwd or Path.cwd()}"]
        return ["nsenter", f"--mount=/proc/{self._namespace.pid}/ns/mnt", *where, *words]

    def call(self, *words: str, check: bool = True) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60, env=self._environment())
        if check and done.returncode:
            raise NoSlurm(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def states(self) -> dict[str, str]:
        """State of each node: idle, mixed, down, ..."""
        lines = self.call("sinfo", "-h", "-N", "-p", "cpu", "-o", "%N %T", check=False).splitlines()
        return dict(line.split() for line in lines)

    def queue(self) -> dict[str, tuple[str, str]]:
        """Jobs waiting and running: id (of an array's job, 12_3) to state and the rule of Snakemake."""
        lines = self.call("squeue", "-h", "-r", "-o", "%i|%T|%k", check=False).splitlines()
        return {job: (state, comment) for job, state, comment in (line.split("|", 2) for line in lines)}

    def completions(self) -> list[Completion]:
        """Jobs that have ended, oldest first, as the controller noted them."""
        return read_completions(self._at("completed.txt"))

    def wait_idle(self) -> None:
        """Wait until every node is up and has nothing to do."""
        self._wait("nodes are not idle", lambda: self.states() == dict.fromkeys(self.names, "idle"), seconds=60)

    def wait_queued(self, count: int) -> None:
        """Wait until no more than ``count`` jobs wait or run."""
        self._wait(f"more than {count} jobs stay in the queue", lambda: len(self.queue()) <= count, seconds=60)

    def gpus_of(self, job: str) -> int:
        """GPUs that a job asked for."""
        found = re.search(r"TresPerJob=\S*gpu:(?:[^:,\s]+:)?(\d+)", self.call("scontrol", "show", "job", "-o", job))
        return int(found[1]) if found else 0

    def node_of(self, job: str) -> str:
        """The node on which a job runs, or ran."""
        return self.call("squeue", "-h", "--states=all", "-o", "%N", "-j", job).strip()

    def wait_for(self, rule: str, wildcards: str = "", seconds: float = 180) -> str:
        """Wait until a job of a rule runs (``wildcards``: their values, ``ssl4eco_0001``); its id."""
        comment = f"rule_{rule}_wildcards_{wildcards}"
        found: list[str] = []

        def runs() -> bool:
            queue = self.queue().items()
            found[:] = [job for job, (state, told) in queue if state == "RUNNING" and told.startswith(comment)]
            return bool(found)

        self._wait(f"no job of {rule} {wildcards} runs", runs, seconds)
        return found[0]

    def node_down(self, name: str) -> None:
        """Kill the daemon of a node, and with it its jobs, as a power cut does."""
        self._end(name, signal.SIGKILL)
        for pid in self._processes(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def node_up(self, name: str) -> None:
        """Start the daemon of a node, at first or again."""
        self._at("spool", name).mkdir(parents=True, exist_ok=True)
        self._begin(name, "slurmd", "-D", "-N", name, "-f", str(self._at("slurm.conf")))

    # ------------------------------------------------------------------------------------------------- inside
    def _at(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def _environment(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_", "SRUN_"))}

    def _munge(self) -> list[str]:
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        return [f"--{option}={self._at(f'munge.{name}')}" for option, name in files.items()]

    def _configure(self) -> None:
        """Keys, device files and the two files of settings."""
        for name in ("state", "spool"):
            self._at(name).mkdir(parents=True, exist_ok=True)
        for part in (self.folder, *self.folder.parents):
            if part.stat().st_mode & 0o022 and not part.stat().st_mode & 0o1000:
                raise NoSlurm(f"{part} can be written by others: munge refuses to keep its key below it")
        key = self._at("munge.key")
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(1024))
        gpus = {name: [self._gpu(name, i) for i in range(self.gpus)] for name in self.names}
        settings, devices = settings_of(self.folder, gpus, cpus=self.cpus, memory_mb=self.memory_mb)
        self._at("slurm.conf").write_text(settings)
        self._at("gres.conf").write_text(devices)

    def _gpu(self, node: str, number: int) -> Path:
        """A device file that does nothing: Slurm counts a GPU only where there is one."""
        path = self._at(f"{node}.gpu{number}")
        if not path.exists():
            os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
        return path

    def _enter(self) -> None:
        """Bring the configuration to `SETTINGS`, for this cluster's processes only where that is possible."""
        SETTINGS.mkdir(parents=True, exist_ok=True)
        script = MOUNT.format(at=SETTINGS)
        words = ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", str(self.folder)]
        holder = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if holder.stdout.readline().strip() == "ready":
            self._namespace = holder
            return
        holder.kill()
        holder.wait()
        for name in ("slurm.conf", "gres.conf"):
            link = SETTINGS / name
            if link.exists() or link.is_symlink():
                raise NoSlurm(f"{link} is there: this machine has a Slurm of its own, which no namespace can hide")
            link.symlink_to(self._at(name))
            self._links.append(link)

    def _begin(self, name: str, *words: str) -> None:
        """Start a daemon that dies with this process, in a folder of its own."""
        home = self._at(name)
        home.mkdir(exist_ok=True)
        with Path(home, "out.log").open("ab") as out:
            words = self.command("setpriv", "--pdeathsig=KILL", _program(words[0]), *words[1:], cwd=home)
            self._daemons[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._environment(), cwd=home
            )

    def _end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(how)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _processes(self, node: str) -> list[int]:
        """Processes of the jobs on a node: their keepers, which live in the daemon's folder, and all below them."""
        home, ahead, children = str(self._at(node)), [], {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int(Path(entry, "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
                if str(Path(entry, "cwd").readlink()) == home:
                    ahead.append(int(entry.name))
        found: list[int] = []
        while ahead:
            found.append(ahead.pop())
            ahead += children.get(found[-1], [])
        return found

    def _wait(self, otherwise: str, until: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                logs = "\n".join(f"== {p.name}\n{p.read_text()[-1500:]}" for p in sorted(self.folder.rglob("*.log")))
                raise NoSlurm(f"{otherwise} after {seconds:g} s\n{logs}")
            time.sleep(0.1)


def _program(name: str) -> str | None:
    """Path of a program; daemons lie where only root's PATH leads."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def main(words: Sequence[str]) -> int:
    """Run a command beside a cluster; its exit code."""
    with tempfile.TemporaryDirectory(prefix="mini_slurm.") as folder, MiniSlurm(Path(folder)) as slurm:
        return subprocess.run(slurm.command(*(words or ["bash"]))).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
