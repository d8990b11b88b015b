"""What is particular to a cluster, read from one small file for the profile `slurm`.

The profile (profiles/slurm/config.yaml) says what every rule needs; the site file says where that is to be had. Imports
nothing heavy: it is read before Snakemake itself starts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from greenup.cluster.scheduler import Scheduler, ask_scheduler
from greenup.errors import UserError

FILE = Path("profiles/slurm/site.yaml")
"""The site file, below the repository's root; the environment variable GREENUP_SITE names another."""

EXAMPLE = Path("profiles/slurm/site.example.yaml")
"""What a user copies to `FILE`."""

Value = int | str


class Site(BaseModel):
    """The keys of the site file. ``scheduler`` is no key: it is what the cluster says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str | None = None
    """Whom the jobs are charged to (sbatch --account); left out where the cluster keeps no accounts."""
    cpu_partition: str | None = None
    """Partition of jobs without a GPU; the cluster's default where it is left out."""
    gpu_partition: str | None = None
    """Partition of jobs with a GPU; the cluster's default where it is left out."""
    gpu_kind: str | None = Field(None, pattern=r"^[A-Za-z0-9_.]+$")
    """Kind of GPU, as the cluster names it (`sinfo -o %G`: gpu:a100:4 is the kind a100); any where it is left out."""
    scratch: str | None = None
    """Folder for temporary files (TMPDIR of the jobs), the same for all jobs of a node; variables ($USER) are filled in
    on the node. The node's own choice where it is left out."""
    jobs: int = Field(200, ge=1)
    """Jobs in the queue at once, waiting and running."""
    imagery_jobs: int = Field(2, ge=1)
    """Jobs at once that ask an image source for something: shards of scenes and patches. Each has up to
    ``runtime.requests`` of the study (20) in flight; Earth Engine allows 40 for all of a project."""
    max_memory_mb: int | None = Field(None, ge=1000)
    """Most memory (MB) that a job may ask for: that of a node. Memory grows with each attempt up to it."""
    max_minutes: int | None = Field(None, ge=1)
    """Longest time (minutes) that the partitions allow. Time grows with each attempt up to it."""
    max_cpus: int | None = Field(None, ge=1)
    """Most processors that a job may ask for: those of a node."""
    training_nodes: int = Field(1, ge=1)
    """Nodes that train one model together."""
    training_gpus: int = Field(1, ge=1)
    """GPUs of each of these nodes, one process a GPU."""
    warning_seconds: int = Field(300, ge=60)
    """Seconds before the end of its time at which a training is warned: it saves, ends, and is submitted again."""
    preemptible: bool = False
    """True where the scheduler may take a running job's place: then it is Slurm that starts such a job again."""
    status_command: Literal["auto", "squeue", "sacct"] = "auto"
    """Who is asked how jobs fare; auto: sacct where the cluster keeps accounts in a database, squeue elsewhere."""
    status_seconds: int = Field(20, ge=1)
    """Seconds between two looks at the queue."""

    scheduler: Scheduler = Field(default_factory=Scheduler, exclude=True, repr=False)

    @field_validator("scratch")
    @classmethod
    def _shared_by_the_jobs_of_a_node(cls, folder: str | None) -> str | None:
        if folder is not None and "SLURM_" in folder:
            raise ValueError(
                "must be the same for all jobs of a node, which share their slots of Earth Engine there; "
                "leave the number of the job out"
            )
        return folder

    # ---------------------------------------------------------------------------------------- for the profile
    def cpu(self, memory_mb: int, minutes: int, **more: Value) -> dict[str, Value]:
        """Resources of a job without a GPU; memory and time grow with each attempt."""
        return {**self._partition(self.cpu_partition), **self._growing(memory_mb, minutes), **more}

    def gpu(self, memory_mb: int, minutes: int, count: int = 1, **more: Value) -> dict[str, Value]:
        """Resources of a job with ``count`` GPUs.

        They are asked for by the one name that Slurm's executor turns into one request. Beside a second one (`gres`),
        or a number of tasks a GPU, the job would be started once for each GPU.
        """
        kind = {"gpu_model": repr(self.gpu_kind)} if self.gpu_kind else {}
        return {
            **self._partition(self.gpu_partition),
            "gpu": count,
            **kind,
            **self._growing(memory_mb, minutes),
            **more,
        }

    def training(self, memory_mb: int, minutes: int) -> dict[str, Value]:
        """Resources of a job that trains a network, on `training_nodes` x `training_gpus` GPUs.

        ``memory_mb``: of one process. GPUs and processes are asked for node by node: by their sums Slurm could spread
        them unequally. One process is started by the executor, several by the rule itself (``mpi``).
        """
        together = self.training_nodes * self.training_gpus
        alone = self.gpu(memory_mb * self.training_gpus, minutes, **self.warned)
        if together == 1:
            return alone
        resources = {k: v for k, v in alone.items() if k not in ("gpu", "gpu_model")}
        kind = f"gpu:{self.gpu_kind}" if self.gpu_kind else "gpu"
        # The executor refuses tasks_per_node: 1, and takes `tasks` for tasks a GPU unless told otherwise.
        spread = {"tasks_per_node": self.training_gpus} if self.training_gpus > 1 else {"tasks": together}
        return {
            **resources,
            "gres": repr(f"{kind}:{self.training_gpus}"),
            "mpi": repr("srun"),
            "nodes": self.training_nodes,
            **spread,
            "tasks_per_gpu": 0,
        }

    def training_cpus(self, wanted: int) -> int:
        """Processors of each process that trains: as many as wanted, if a node has them for all its processes."""
        return wanted if self.max_cpus is None else max(1, min(wanted, self.max_cpus // self.training_gpus))

    @property
    def warned(self) -> dict[str, Value]:
        """The resource by which Slurm warns a job's processes, not the script around them, of the end of its time."""
        return {"slurm_extra": repr(f"--signal=USR1@{self.warning_seconds}")}

    @property
    def temporary(self) -> str:
        """The resource ``tmpdir``; Snakemake fills in what the node says."""
        return self.scratch or "system_tmpdir"

    @property
    def charged(self) -> dict[str, Value]:
        """The account as a resource of every job."""
        return {"slurm_account": repr(self.account)} if self.account else {}

    @property
    def watched_by(self) -> str:
        """Command that says how jobs fare."""
        if self.status_command != "auto":
            return self.status_command
        return "sacct" if self.scheduler.keeps_accounts else "squeue"

    @property
    def first_look(self) -> int:
        """Seconds until the first look at the queue: Slurm must not forget a finished job within three of them.

        Raises `UserError` where it forgets so soon that only a database could tell.
        """
        age = self.scheduler.forgets_after
        if self.watched_by != "squeue" or age is None:
            return self.status_seconds
        if age < 3:
            raise UserError(
                f"no accounting, and jobs that ended are forgotten after MinJobAge = {age} s: it would wait for ever",
                "ask the administrators for MinJobAge = 300 (Slurm's default) or accounting",
            )
        return min(self.status_seconds, age // 3)

    def _partition(self, name: str | None) -> dict[str, Value]:
        # Quoted, because Snakemake evaluates resources: a partition may be called `all` or `gpu-a100`.
        return {"slurm_partition": repr(name)} if name else {}

    def _growing(self, memory_mb: int, minutes: int) -> dict[str, Value]:
        return {"mem_mb": _grow(memory_mb, self.max_memory_mb), "runtime": _grow(minutes, self.max_minutes)}


def _grow(amount: int, most: int | None) -> str:
    """An expression of Snakemake: the amount times the attempt, at most ``most``."""
    return f"{amount} * attempt" if most is None else f"min({amount} * attempt, {most})"


def read_site(path: Path | str | None = None) -> Site:
    """Read and check the site file: ``path``, else what GREENUP_SITE names, else `FILE`. Raises `UserError`."""
    path = Path(path or os.environ.get("GREENUP_SITE") or FILE)
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; it says which account, partitions and GPUs your cluster has",
            f"cp {EXAMPLE} {FILE}, and fill it in; or name another with GREENUP_SITE",
        )
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({error})", f"compare it with {EXAMPLE}") from error
    if not isinstance(given, dict) or "scheduler" in given:
        raise UserError(f"{path}: must hold keys and values", f"compare it with {EXAMPLE}")
    try:
        return Site(**given, scheduler=ask_scheduler())
    except ValidationError as error:
        raise UserError(f"{path}: {_told(error)}", f"keys and what they mean: {EXAMPLE}") from error


def site_for_profile() -> Site:
    """`read_site` for the profile. Ends the process with one message: Snakemake would wrap it in its usage."""
    try:
        site = read_site()
        site.first_look  # noqa: B018  refused here rather than within a value of the profile
    except UserError as error:
        _end(error)
    return site


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    first: Any = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        keys = ", ".join(k for k in Site.model_fields if k != "scheduler")
        return f"unknown key {key!r}; there are {keys}"
    return f"{key} = {first['input']!r}: {first['msg'].removeprefix('Value error, ')}"


def _end(error: UserError) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(1)
