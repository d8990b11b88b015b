"""The site file: what it may hold, what the profile makes of it, and what a wrong one says."""

import pytest
import yaml
from greenup.cluster.scheduler import Scheduler
from greenup.cluster.site import EXAMPLE, Site, read_site, site_for_profile
from greenup.errors import UserError
from greenup.places import REPOSITORY


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a site file and names it to whoever asks."""

    def write(text: str):
        path = tmp_path / "site.yaml"
        path.write_text(text)
        monkeypatch.setenv("GREENUP_SITE", str(path))
        return path

    return write


def test_the_example_is_read_and_shows_every_key():
    text = (REPOSITORY / EXAMPLE).read_text()
    site = read_site(REPOSITORY / EXAMPLE)
    assert site.account == "my_project" and site.gpu_kind == "a100"
    shown = set(yaml.safe_load(text)) | {line[2:].split(":")[0] for line in text.splitlines() if line.startswith("# ")}
    assert set(Site.model_fields) - {"scheduler"} <= shown


def test_an_empty_file_leaves_all_to_the_cluster(written):
    written("# nothing\n")
    site = read_site()
    assert site.cpu(memory_mb=4000, minutes=60) == {"mem_mb": "4000 * attempt", "runtime": "60 * attempt"}
    assert site.charged == {} and site.temporary == "system_tmpdir"


def test_memory_and_time_grow_with_each_attempt_up_to_what_the_site_has():
    site = Site(max_memory_mb=10000, max_minutes=100)
    memory = [eval(site.cpu(4000, 60)["mem_mb"], {"attempt": n}) for n in (1, 2, 3)]
    minutes = [eval(site.gpu(4000, 60)["runtime"], {"attempt": n}) for n in (1, 2, 3)]
    assert memory == [4000, 8000, 10000] and minutes == [60, 100, 100]


def test_a_gpu_is_asked_for_by_one_name_only():
    asked = Site(gpu_partition="gpu", gpu_kind="a100").gpu(64000, 60, count=2)
    assert asked["gpu"] == 2 and asked["gpu_model"] == "'a100'"
    assert not {"gres", "gpus", "nvidia_gpu", "tasks", "tasks_per_gpu", "ntasks_per_gpu"} & set(asked)


@pytest.mark.parametrize("name", ["all", "gpu-a100", "max", "a100.80", "input"])
def test_names_are_no_expressions(name):
    site = Site(cpu_partition=name, account=name)
    assert eval(site.cpu(1000, 1)["slurm_partition"]) == name
    assert eval(site.charged["slurm_account"]) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partition: gpu\n", ["unknown key 'partition'", "cpu_partition, gpu_partition"]),
        ("jobs: many\n", ["jobs = 'many'", "integer"]),
        ("jobs: 0\n", ["jobs = 0"]),
        ("gpu_kind: a100:2\n", ["gpu_kind = 'a100:2'"]),
        ("scratch: /tmp/$SLURM_JOB_ID\n", ["scratch", "same for all jobs of a node"]),
        ("status_command: bjobs\n", ["status_command = 'bjobs'", "'squeue'"]),
        ("- jobs\n", ["must hold keys and values"]),
        ("jobs: [1\n", ["cannot be read as YAML"]),
        ("scheduler: {}\n", ["must hold keys and values"]),
    ],
)
def test_a_wrong_file_is_told_with_its_name_and_what_is_wrong(written, text, words):
    path = written(text)
    with pytest.raises(UserError) as told:
        read_site()
    assert str(path) in str(told.value) and all(word in str(told.value) for word in words)
    assert str(EXAMPLE) in told.value.mend


def test_a_missing_file_ends_the_run_in_one_message(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GREENUP_SITE", str(tmp_path / "none.yaml"))
    with pytest.raises(SystemExit):
        site_for_profile()
    said = capsys.readouterr().err
    assert "none.yaml: no such file" in said and f"cp {EXAMPLE}" in said and len(said.splitlines()) == 2


def test_the_queue_is_asked_where_no_database_keeps_accounts():
    assert Site(scheduler=Scheduler(keeps_accounts=True)).watched_by == "sacct"
    assert Site(scheduler=Scheduler(forgets_after=300)).watched_by == "squeue"
    assert Site(status_command="squeue", scheduler=Scheduler(keeps_accounts=True)).watched_by == "squeue"


@pytest.mark.parametrize(("age", "seconds"), [(300, 20), (60, 20), (30, 10), (3, 1)])
def test_a_finished_job_is_looked_for_three_times_before_it_is_forgotten(age, seconds):
    """The executor turns to sacct where MinJobAge is under three times its first interval, and would hang there."""
    assert Site(scheduler=Scheduler(forgets_after=age)).first_look == seconds


def test_a_cluster_that_cannot_be_watched_is_refused():
    with pytest.raises(UserError, match="MinJobAge = 2 s"):
        _ = Site(scheduler=Scheduler(forgets_after=2)).first_look
    assert Site(scheduler=Scheduler(keeps_accounts=True, forgets_after=2)).first_look == 20
