"""Provenance, on a small workflow that Snakemake itself has run."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from greenup import runs
from greenup.provenance import INPUT_COLUMNS, METADATA, Provenance, read_record, rerun_command

LONG = "d" * 120 + "/" + "e" * 120 + "/long.txt"
"""A path whose Snakemake record does not fit into one file name."""

SNAKEFILE = f"""
rule table:
    input: "results/x/probes/seco/biomes/knn.random.parquet", "{LONG}", "given.txt", "big.bin"
    output: "results/x/paper/tables/results.csv"
    params: metric="f1", model="seco"
    log: "results/x/logs/table.log"
    shell: "printf 'task,protocol,folds,model,mean\\nbiomes,knn,random,seco,0.5\\n' > {{output}}"

rule probe:
    output: "results/x/probes/seco/biomes/knn.random.parquet"
    shell: "echo scores > {{output}}"

rule long:
    output: "{LONG}"
    shell: "echo long > {{output}}"
"""
TABLE = "results/x/paper/tables/results.csv"
PROBE = "results/x/probes/seco/biomes/knn.random.parquet"


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    """A folder in which the probe was made in one run, and all else in a second."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "given.txt").write_text("given")
    (folder / "big.bin").write_bytes(b"0" * 1_500_000)
    root = folder / "results/x"
    for target, commit in ((PROBE, "aaaa"), (TABLE, "bbbb")):
        path = runs.journal(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        versions = {"snakemake": "9", "numpy": "2"}
        entry = {"started": time.time(), "deployment": [], "versions": versions, "commit": commit, "dirty": False}
        with path.open("a") as handle:
            handle.write(json.dumps({**entry, "code_sha256": commit * 16}) + "\n")
        subprocess.run(
            [sys.executable, "-m", "snakemake", target, "--cores", "1", "--quiet", "all"],
            cwd=folder, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    return folder


@pytest.fixture
def known(ran, monkeypatch) -> Provenance:
    monkeypatch.chdir(ran)
    return Provenance("results/x", seed=7, configfile=str(ran / "study.yaml"))


class TestOfATable:
    def test_it_says_what_the_job_was(self, known):
        found = known.of("results", TABLE)
        assert found["rule"] == "table"
        assert set(found["inputs"]) == {PROBE, LONG, "given.txt", "big.bin"}
        assert found["seed"] == 7
        assert found["log"] == ["results/x/logs/table.log"]
        assert found["versions"] == {"snakemake": "9", "numpy": "2"}
        assert found["commit"] == "bbbb"
        made = pd.Timestamp(found["made"]).timestamp()
        assert abs(made - Path(TABLE).stat().st_mtime) < 5

    def test_an_older_commit_upstream_is_told(self, known):
        assert known.of("results", TABLE)["upstream"] == {"jobs": 3, "commits": ["aaaa", "bbbb"], "unknown": 0}

    def test_the_digest_is_of_the_parameters(self, known, ran):
        digest = known.of("results", TABLE)["params_digest"]
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
        record = read_record(TABLE)
        assert digest == "sha256:" + hashlib.sha256(json.dumps(record["params"]).encode()).hexdigest()
        assert any("f1" in p for p in record["params"])

    def test_uncommitted_changes_show_in_the_commit(self, known):
        known.runs = [{**r, "dirty": True} for r in known.runs]
        assert known.of("results", TABLE)["commit"] == "bbbb-dirty"

    def test_packages_of_a_deployed_environment_are_not_those_of_snakemake(self, known):
        known.runs = [{**r, "deployment": ["conda"]} for r in known.runs]
        found = known.of("results", TABLE)["versions"]
        assert set(found) == {"snakemake", "environment"}
        assert found["environment"].startswith("sha256:")

    def test_what_nobody_recorded_is_null(self, known):
        found = known.of("fig9", "results/x/paper/figures/fig9.png")
        for key in ("rule", "params_digest", "commit", "made"):
            assert found[key] is None, key
        assert found["inputs"] == []
        assert found["versions"] == {}
        assert found["upstream"]["jobs"] == 0

    def test_a_job_from_before_the_journal_has_no_commit(self, known):
        known.runs = []
        found = known.of("results", TABLE)
        assert found["made"] is not None
        assert found["commit"] is None
        assert found["upstream"] == {"jobs": 3, "commits": [], "unknown": 3}

    def test_no_folder_of_this_machine_is_told(self, known, ran):
        text = json.dumps(known.of("results", TABLE)) + known.inputs({"results": TABLE}).to_csv()
        assert str(ran) not in text
        assert str(Path.home()) not in text


class TestInputs:
    def test_each_direct_input_is_a_row(self, known):
        table = known.inputs({"results": TABLE}).set_index("input")
        assert set(table.columns) == set(INPUT_COLUMNS) - {"input"}
        assert set(table.index) == {PROBE, LONG, "given.txt", "big.bin"}
        assert table.loc[PROBE, "made_by"] == "probe"
        assert (table.loc[PROBE, "commit"], table.loc[LONG, "commit"]) == ("aaaa", "bbbb")
        assert pd.isna(table.loc["given.txt", "made_by"])
        assert table["bytes"].to_dict() == {p: Path(p).stat().st_size for p in table.index}

    def test_small_files_have_the_checksum_that_the_job_saw(self, known):
        table = known.inputs({"results": TABLE}).set_index("input")
        for path in (PROBE, LONG, "given.txt"):
            assert table.loc[path, "sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
        assert table.loc["big.bin", "sha256"] == ""

    @pytest.mark.parametrize(("started", "has_one"), [(1e12, True), (0.0, False)])
    def test_where_snakemake_took_none_only_a_file_older_than_the_job_has_one(self, known, started, has_one):
        known._records[TABLE] = {"input": ["given.txt", "big.bin"], "starttime": started}
        table = known.inputs({"results": TABLE}).set_index("input")
        expected = hashlib.sha256(Path("given.txt").read_bytes()).hexdigest()
        assert table.loc["given.txt", "sha256"] == (expected if has_one else "")
        assert table.loc["big.bin", "sha256"] == ""


def test_rows_lead_to_their_probe(known):
    found = known.sources({"results": TABLE})
    assert found.to_dict("records") == [{"table": "results", "row": 1, "source": PROBE}]


class TestRecords:
    def test_long_paths_are_found(self, ran):
        assert read_record(LONG, ran / METADATA)["rule"] == "long"

    def test_none(self, ran, tmp_path):
        assert read_record("given.txt", ran / METADATA) == {}
        assert read_record(TABLE, tmp_path / "nowhere") == {}


class TestCommand:
    def test_it_forces_the_rule_of_the_target(self):
        words = shlex.split(rerun_command("table3", "paper_table", "config/demo.yaml"))
        expected = "snakemake table3 --forcerun paper_table --configfile config/demo.yaml --cores 1"
        assert words == expected.split()

    def test_names_with_spaces_are_quoted(self):
        assert shlex.split(rerun_command("fig1", None, "my study.yaml"))[3] == "my study.yaml"
