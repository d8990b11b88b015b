"""Which jobs in the queue are left over, told by stand-ins for Slurm's commands."""

import pytest
from greenup.cluster.orphans import end_orphans
from greenup.errors import UserError

SCRIPT = (
    "#!/bin/sh\npython -m snakemake --snakefile Snakefile --target-jobs {targets} --allowed-rules x --cores all"
    " --configfiles {config} --set-resources base64//eA=="
)
FIRST, SECOND = "export_patches:dataset=a,shard=0001", "export_patches:dataset=a,shard=0002"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A queue of given jobs: id to working directory and batch script. What is cancelled leaves it, or clings."""

    def fill(jobs: dict[str, tuple[str, str]], clings: bool = False, answers: bool = True):
        programs, state = tmp_path / "bin", tmp_path / "jobs"
        for part in (programs, state):
            part.mkdir()
        for job, (folder, script) in jobs.items():
            (state / job).write_text(f"{job}|{folder}\n")
            (tmp_path / f"script{job}").write_text(script)
        lines = {
            "squeue": f"cat {state}/* 2>/dev/null; exit {0 if answers else 1}",
            "scontrol": f'cat "{tmp_path}/script$3"',
            "scancel": ":" if clings else f'for job; do rm "{state}/$job"; done',
        }
        for name, line in lines.items():
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        return state

    return fill


def script(*targets: str, config: str = "/study.yaml") -> str:
    return SCRIPT.format(targets=" ".join(targets), config=config)


def end(*targets: str, **more) -> int:
    study = {"--configfiles": ["/study.yaml"], "--config": []}
    return end_orphans(targets, study, "/here", on_cluster=True, **more)


def test_a_job_that_makes_a_file_of_the_plan_is_cancelled(queue):
    state = queue({"1": ("/here", script(FIRST)), "2": ("/here", script(SECOND))})
    assert end(FIRST) == 1
    assert [p.name for p in state.iterdir()] == ["2"]


def test_a_study_that_is_read_without_an_option_is_known(queue):
    state = queue(
        {"1": ("/here", script(FIRST).replace("--configfiles /study.yaml", "")), "2": ("/here", script(FIRST))}
    )
    assert end_orphans([FIRST], {"--configfiles": [], "--config": []}, "/here", on_cluster=True) == 1
    assert [p.name for p in state.iterdir()] == ["2"]


def test_a_group_is_cancelled_for_one_of_its_jobs(queue):
    state = queue({"1": ("/here", script(FIRST, SECOND))})
    assert end(SECOND) == 1 and not list(state.iterdir())


@pytest.mark.parametrize(
    "job",
    [
        ("/elsewhere", script(FIRST)),
        ("/here", script(FIRST, config="/other.yaml")),
        ("/here", script(FIRST) + " --config points=other.csv"),
        ("/here", script("export_patches:dataset=b,shard=0001")),
        ("/here", "#!/bin/sh\nsleep 100\n"),
        ("/here", "#!/bin/sh\necho --target-jobs 'unfinished\n"),
    ],
    ids=[
        "another folder",
        "another study",
        "another request",
        "a job that is not in the plan",
        "no job of Snakemake",
        "no shell",
    ],
)
def test_jobs_of_others_are_left_alone(queue, job):
    state = queue({"1": job})
    assert end(FIRST) == 0 and len(list(state.iterdir())) == 1


def test_a_job_that_does_not_end_is_told(queue):
    queue({"7": ("/here", script(FIRST))}, clings=True)
    with pytest.raises(UserError, match="jobs of an earlier run do not end: 7"):
        end(FIRST, patience=0.1)


def test_a_queue_that_cannot_be_seen_stops_a_run_on_the_cluster_alone(queue):
    queue({"1": ("/here", script(FIRST))}, answers=False)
    with pytest.raises(UserError, match="squeue does not answer"):
        end(FIRST)


def test_without_slurm_nothing_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert end(FIRST) == 0
