"""`--sdm apptainer` up to Apptainer itself, which a stand-in takes the place of: nothing is contained."""

import json
import subprocess

from .conftest import REPOSITORY, command, environment, snakemake

TARGET = "results/tiny/coverage/land.parquet"


def test_without_an_image_the_build_is_told(tmp_path):
    done = snakemake(tmp_path, TARGET, "--sdm", "apptainer", check=False)
    assert done.returncode and "apptainer build greenup.sif envs/greenup.def" in done.stderr


def test_jobs_run_in_the_image_and_nothing_else_changes(tmp_path):
    (tmp_path / "my.sif").touch()
    log = tmp_path / "apptainer.jsonl"
    known = environment() | {"GREENUP_IMAGE": str(tmp_path / "my.sif"), "APPTAINER_STANDIN_LOG": str(log)}
    known["PATH"] = f"{REPOSITORY / 'tests/standins/apptainer'}:{known['PATH']}"
    args = command(tmp_path, TARGET, "--sdm", "apptainer", "--apptainer-args=--nv")
    done = subprocess.run(args, env=known, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / TARGET).is_file()
    (job,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert job["image"] == known["GREENUP_IMAGE"] and job["home"] == str(tmp_path) and "--nv" in job["flags"]
    again = snakemake(tmp_path, TARGET)
    assert "Nothing to be done" in again.stdout + again.stderr, "without a container the file is the same"
