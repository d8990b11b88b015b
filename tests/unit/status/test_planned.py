"""Jobs as Snakemake plans them, on a workflow of three rules that really ran."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from greenup.errors import UserError
from greenup.status.planned import Planned, planned_jobs

SNAKEFILE = """
rule all:
    input: "c.txt"

rule first:
    input: "points.csv"
    output: "a/{name}.txt"
    log: "logs/{name}.log"
    benchmark: "benchmarks/sites/first.{name}.tsv"
    params: size=config.get("size", 1), code=lambda w: config.get("code", "0" * 32)
    shell: "cp {input} {output} 2> {log}"

rule second:
    input: "a/one.txt", "a/two.txt"
    output: "b.txt"
    benchmark: "benchmarks/paper/second.tsv"
    shell: "cat {input} > {output}"

rule third:
    input: ["b.txt", *config.get("more", [])]
    output: "c.txt"
    benchmark: "benchmarks/paper/third.tsv"
    shell: "cat {input} > {output}"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "empty.yaml").write_text("{}")
    (folder / "points.csv").write_text("lon,lat\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def ran(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "ran")
    monkeypatch.chdir(tmp_path / "ran")
    return tmp_path / "ran"


def ask(**config) -> dict[str, Planned]:
    jobs, _ = planned_jobs("Snakefile", ["empty.yaml"], config, ["mtime", "params", "input"])
    return {job.wildcards.get("name", job.rule): job for job in jobs}


def test_states_and_reasons(ran):
    jobs = ask()
    assert set(jobs) == {"one", "two", "second", "third"}
    assert not any(job.is_due or job.missing or job.causes for job in jobs.values())
    assert (jobs["one"].stage, jobs["one"].log, jobs["third"].stage) == ("sites", "logs/one.log", "paper")

    jobs = ask(size=2)
    assert jobs["one"].causes == jobs["two"].causes == ("size was 1, is 2",)
    assert jobs["third"].is_due and not jobs["third"].causes
    order = list(jobs)
    assert [order[i] for i in jobs["one"].after] == ["second"]

    assert ask(code="1" * 32)["one"].causes == ("the code that makes it has changed",)
    assert ask(more=["points.csv"])["third"].causes == ("reads now points.csv",)

    (ran / "points.csv").write_text("lon,lat\n8,47\n")
    os.utime(ran / "points.csv", (2_000_000_000, 2_000_000_000))
    assert ask()["two"].causes == ("points.csv changed since",)


def test_what_is_missing_is_due_only_where_it_is_needed(ran):
    (ran / "b.txt").unlink()
    jobs = ask()
    assert jobs["second"].missing == ("b.txt",) and not jobs["second"].is_due
    (ran / "c.txt").unlink()
    jobs = ask()
    assert jobs["second"].is_due and jobs["third"].missing == ("c.txt",) and not jobs["one"].is_due


def test_an_input_that_is_not_there_is_told(ran):
    for name in ("points.csv", "a/one.txt", "b.txt", "c.txt"):
        (ran / name).unlink()
    with pytest.raises(UserError, match=r"cannot be planned(?s:.)*points\.csv"):
        ask()
