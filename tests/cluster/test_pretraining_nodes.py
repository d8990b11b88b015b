"""Training on two nodes, and on one, by rule `pretrain_model` through the real executor: warned of the time limit,
struck by a lost node, and still ending with the weights of a training that nothing interrupted."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest
import yaml
from greenup.pretrain.processes import Processes

from tests.cluster.runs import HERE, REPOSITORY, environment

MODEL = "results/small/models/seco_eco"
EPOCHS = 5
# Two nodes of one machine find one another on its loopback; on a cluster names and networks do that by themselves.
LOOPBACK = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}


class Cluster:
    """One training, run by ``snakemake --profile slurm`` in a folder that has its dataset. ``site``: more keys of the
    site file. One thread a process: with another number of threads sums have another order."""

    def __init__(self, slurm, folder: Path, **site) -> None:
        self.slurm, self.folder, self.log = slurm, folder, folder / "controller.log"
        path = folder / "site.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load((HERE / "site.yaml").read_text()) | {"max_cpus": 1} | site))
        command = slurm.command(*call(folder), "--profile", "slurm", cwd=REPOSITORY)
        with self.log.open("wb") as out:
            self.controller = subprocess.Popen(
                command,
                env=environment(**LOOPBACK) | {"GREENUP_SITE": str(path)},
                cwd=REPOSITORY,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait(self, what: str, until: Callable[[], object], seconds: float = 240):
        """What ``until`` gives, as soon as it is true."""
        end = time.monotonic() + seconds
        while not (found := until()):
            if time.monotonic() > end or self.controller.poll() not in (None, 0):
                pytest.fail(f"{what}: not seen\n{self.said()}"[-12000:])
            time.sleep(0.05)
        return found

    def jobs(self) -> list[str]:
        """Slurm's ids of the jobs that were submitted."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.log.read_text())

    def attempt(self, number: int) -> str:
        """What the job of an attempt (from 1) has said; Slurm's log of a success is removed, the rule's stays."""
        jobs = self.jobs()
        if len(jobs) < number:
            return ""
        logs = [*(self.folder / "logs/slurm").rglob(f"{jobs[number - 1]}.log")]
        done = [self.folder / "results/small/logs/pretrain_model/seco_eco.log"] if number == len(jobs) else []
        return next((log.read_text(errors="replace") for log in logs or done if log.is_file()), "")

    def says(self, number: int, words: str) -> None:
        self.wait(f"{words!r} in attempt {number}", lambda: words in self.attempt(number))

    def said(self) -> str:
        tries = range(1, len(self.jobs()) + 1)
        return self.log.read_text()[-3000:] + "".join(f"\n== attempt {n}\n{self.attempt(n)[-3000:]}" for n in tries)

    def processes(self) -> dict[int, dict[str, str]]:
        """The processes that train here now: process id to environment."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            # A process may end while it is looked at.
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"python") and (entry / "cwd").resolve() == self.folder:
                    env = (entry / "environ").read_bytes().split(b"\0")
                    if any(w.endswith(b"pretrain_model.py") for w in words):
                        found[int(entry.name)] = dict(e.decode().split("=", 1) for e in env if b"=" in e)
        return found

    @contextmanager
    def held(self):
        """Hold the processes that train, so that they cannot end before something else happens."""
        found = self.processes()
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        yield found
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        if self.controller.poll() is None:
            self.controller.kill()
            self.controller.wait()


def call(folder: Path) -> list[str]:
    places = ["--directory", str(folder), "--configfile", str(folder / "study.yaml")]
    target = f"{MODEL}/weights.safetensors"
    return ["snakemake", target, "--snakefile", str(REPOSITORY / "Snakefile"), *places]


def study(clean: Path, folder: Path, **runtime) -> Path:
    """A folder with the dataset of the tests' study, no models, and a longer training in its study file."""
    shutil.copytree(clean, folder, symlinks=True)
    shutil.rmtree(folder / "results/small/models")
    shutil.rmtree(folder / "results/small/work", ignore_errors=True)
    text = yaml.safe_load((HERE / "small.yaml").read_text())
    text["models"]["seco_eco"]["method"]["epochs"] = EPOCHS
    text["runtime"] |= runtime
    (folder / "study.yaml").write_text(yaml.safe_dump(text))
    return folder


@pytest.fixture(scope="module")
def uninterrupted(clean, tmp_path_factory) -> Path:
    """The same training by two processes without a cluster."""
    folder = study(clean, tmp_path_factory.mktemp("nodes") / "local", devices=2)
    command = [*call(folder), "--cores", "2", "--set-threads", "pretrain_model=2"]
    done = subprocess.run(command, env=environment(), cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return folder


@pytest.fixture(scope="module")
def trained(slurm, clean, tmp_path_factory):
    """Two trainings at once: `two` on two nodes, warned of its time limit, then struck by the loss of a node; `one` by
    one process, warned by hand. ``seen``: the processes of `two`."""
    folder = tmp_path_factory.mktemp("trained")
    runs = {"two": Cluster(slurm, study(clean, folder / "two"), training_nodes=2)}
    try:
        two = runs["two"]
        two.says(1, f"epoch 1/{EPOCHS}")
        with two.held() as seen:
            # Slurm warns 300 s before the end, and looks at the clock twice a minute.
            slurm.call("scontrol", "update", f"JobId={two.jobs()[0]}", "EndTime=now+4minutes")
            one = runs["one"] = Cluster(slurm, study(clean, folder / "one"))
            one.says(1, f"epoch 1/{EPOCHS}")
            with one.held() as alone:
                slurm.call("scancel", "--signal=USR1", one.jobs()[0])
                one.wait("the warning", lambda: all(map(warned, alone)))
            two.wait("the warning", lambda: all(map(warned, seen)))
        two.says(2, "continuing at step")
        slurm.node_down("node2")
        two.wait("the end of the second attempt", lambda: two.jobs()[1] in {c.job for c in slurm.completions()})
        slurm.node_up("node2")
        for run in runs.values():
            run.wait("the end", lambda run=run: run.controller.poll() is not None)
        yield runs | {"seen": seen}
    finally:
        for run in runs.values():
            run.end()
        slurm.clear()


def warned(pid: int) -> bool:
    """Whether the signal has come to a process that was held: Slurm lets it go on with it, or leaves it waiting."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
    waits = int(re.search(r"ShdPnd:\s*(\w+)", status)[1], 16) & 1 << (signal.SIGUSR1 - 1)
    return bool(waits) or not re.search(r"State:\s*T", status)


def test_one_process_of_the_team_is_on_each_node(trained):
    seen = list(trained["seen"].values())
    assert sorted((e["SLURMD_NODENAME"], e["SLURM_PROCID"]) for e in seen) == [("node1", "0"), ("node2", "1")]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in seen] == ["0", "0"]
    nodes = {c.job: (c.partition, c.nodes) for c in trained["two"].slurm.completions()}
    assert {nodes[job] for job in trained["two"].jobs()} == {("gpu", "node[1-2]")}


@pytest.mark.parametrize("which", ["one", "two"])
def test_a_warned_training_saves_ends_and_is_submitted_again(trained, which):
    run = trained[which]
    first = run.attempt(1)
    stopped = re.findall(r"asked to stop \(SIGUSR1\) at step (\d+)", first)
    # Once in the job's log, and Snakemake has lived to see the status: the warning killed nothing around the training.
    assert len(stopped) == 1 and "User defined signal" not in first, run.said()
    assert "returned non-zero exit status 138" in first
    assert f"continuing at step {stopped[0]} of" in run.attempt(2)
    assert "Trying to restart job" in run.log.read_text()


def test_each_attempt_is_one_job(trained):
    states = {c.job: c.state for c in trained["two"].slurm.completions()}
    assert [states[job] for job in trained["one"].jobs()] == ["FAILED", "COMPLETED"]
    first, second, third = (states[job] for job in trained["two"].jobs())
    assert (first, third) == ("FAILED", "COMPLETED") and second in ("FAILED", "NODE_FAIL", "CANCELLED")


def test_interrupted_weights_are_those_of_an_uninterrupted_training(trained, uninterrupted):
    ours, theirs = (f / MODEL for f in (trained["two"].folder, uninterrupted))
    assert (ours / "weights.safetensors").read_bytes() == (theirs / "weights.safetensors").read_bytes()
    ours, theirs = (pd.read_csv(f / "curves.csv") for f in (ours, theirs))
    assert list(ours["epoch"]) == list(range(1, EPOCHS + 1))
    # The mean loss of the interrupted epoch is the sum of two sums; times and rates are each run's own.
    for column in ("epoch", "step", "loss", "held_out_loss", "embedding_std"):
        assert list(ours[column]) == pytest.approx(list(theirs[column]), rel=1e-6), column


def test_each_process_sees_the_gpus_of_its_node(slurm, tmp_path):
    out = tmp_path / "seen.txt"
    step = Processes("srun", 2, 4, 1).command + f"sh -c 'echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES >> {out}'"
    asked = ["--partition=gpu", "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--gres=gpu:2", "--mem=100"]
    # What the executor's job step leaves of the allocation's variables.
    strip = "for v in $(env | grep -o ^SLURM_[A-Z_]* | grep -v JOB_ID); do unset $v; done; "
    slurm.call("sbatch", "--wait", *asked, f"--output={tmp_path / 'job.log'}", f"--wrap={strip}{step}")
    assert sorted(out.read_text().splitlines()) == ["node1 0,1"] * 2 + ["node2 0,1"] * 2
