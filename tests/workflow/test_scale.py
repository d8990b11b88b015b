"""All three papers at full size are planned within bounds, and a run of touch-size jobs goes on where it was stopped.

Times belong to benchmarks/scale_run.py; here only what is counted.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from greenup.config.load import load_study
from greenup.plan import Plan
from greenup.tasks.image_sets.catalogue import ABOUT

from .conftest import REPOSITORY, command, environment

HEAVY = {"geopandas", "h5py", "rasterio", "torch", "sklearn", "matplotlib"}
"""Not numpy and pandas, which Snakemake's Slurm plugin imports wherever it is installed; see test_plan_scale.py."""
WATCHED = """
import json, re, sys
from pathlib import Path
from snakemake.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    status = end.code
# Not getrusage, which counts what the process that started this one had in memory.
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"status": status, "peak": peak, "modules": sorted(sys.modules)}))
"""
EXECUTORS = REPOSITORY / "benchmarks" / "executors"


def stand_ins(study, folder: Path) -> None:
    """Empty files and folders in the place of the image sets of a study."""
    for settings in study.image_sets.values():
        for need in ABOUT[settings.kind].needs(settings):
            path = folder / settings.folder / need.split(" | ")[0].replace("**/", "some/").replace("*", "x")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir(exist_ok=True)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """A dry run of config/papers.yaml: its study, what it printed, its peak memory, and the modules it imported."""
    folder, study = tmp_path_factory.mktemp("papers"), load_study(REPOSITORY / "config/papers.yaml")
    stand_ins(study, folder)
    call = command(folder, "-n", "--quiet", "rules", config="config/papers.yaml")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *call[1:]], env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["status"] == 0, (done.stdout + done.stderr)[-4000:]
    return study, done.stdout + done.stderr, told


def jobs(printed: str) -> Counter:
    """Jobs a rule of a dry run's table."""
    lines = printed.split("Job stats:\n", 1)[1].splitlines()[2:]
    return Counter({name: int(count) for name, count in map(str.split, lines[: lines.index("")])})


def test_all_papers_are_planned_cell_by_cell(papers):
    study, printed, _ = papers
    planned, plan = jobs(printed), Plan(study)
    shards = {d: len(plan.shards(d)) for d in plan.used}
    # 254 000 sites of SSL4Eco and the points of all tasks; one job a shard, whatever is judged on it.
    assert shards["ssl4eco"] == 520
    assert planned["export_patches"] == sum(shards.values())
    assert planned["run_probe"] == len(plan.probes) - len(plan.change_probes)
    assert planned["finetune_model"] == len(study.evaluation.finetune.models) * len(study.evaluation.finetune.tasks)
    assert planned["embed_images"] + planned["embed_image_set"] == len(plan.embeddings)
    assert set(study.evaluated_models) == set(study.models) and set(study.evaluated_tasks) == set(study.tasks)
    assert planned["total"] == sum(n for rule, n in planned.items() if rule != "total") > 9_000


def test_planning_takes_less_than_a_gigabyte(papers):
    """About half of it at the time of writing."""
    assert papers[2]["peak"] < 1e9


def test_planning_imports_nothing_that_jobs_compute_with(papers):
    """Every job of a cluster plans anew, and would wait for it."""
    assert not HEAVY & set(papers[2]["modules"])


def handed_over(journal: Path) -> Counter:
    return Counter(
        tuple(job["outputs"]) for line in journal.read_text().splitlines() if (job := json.loads(line))["outputs"]
    )


def test_an_interrupted_run_of_touch_size_jobs_goes_on(tmp_path):
    """The run of benchmarks/scale_run.py in small: what was finished is not handed to the executor again."""
    at_once, stop = 10, 60

    def run(journal: str, *more: str) -> subprocess.CompletedProcess:
        options = ["--executor", "touch-size", "--touch-size-journal", str(tmp_path / journal), *more]
        return subprocess.run(
            command(tmp_path, *options, cores=at_once),
            env={**environment(), "PYTHONPATH": str(EXECUTORS)}, capture_output=True, text=True, timeout=600,
        )  # fmt: skip

    first = run("first.jsonl", "--touch-size-stop-after", str(stop))
    assert first.returncode == 1, first.stderr[-4000:]
    second = run("second.jsonl")
    assert second.returncode == 0, second.stderr[-4000:]
    before, after = handed_over(tmp_path / "first.jsonl"), handed_over(tmp_path / "second.jsonl")
    assert before.total() == stop
    assert {*before.values(), *after.values()} == {1}
    # Twice at most what was under way.
    assert len(set(before) & set(after)) <= at_once
    assert all(Path(tmp_path, path).is_file() for outputs in {*before, *after} for path in outputs)
