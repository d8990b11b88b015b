"""The journal of runs: which code and packages each was made with."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from greenup import runs
from greenup.errors import UserError


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A small repository with one commit."""
    folder = tmp_path / "checkout"
    (folder / "rules").mkdir(parents=True)
    (folder / "Snakefile").write_text("rule all:\n")
    (folder / "rules/one.smk").write_text("rule one:\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        git(folder, *command)
    return folder


def git(folder: Path, *command: str) -> str:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    return subprocess.run(
        ["git", *who, *command], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


class TestCode:
    def test_a_clean_checkout_is_its_commit(self, checkout):
        state = runs.code_state(checkout)
        assert state["commit"] == git(checkout, "rev-parse", "HEAD")
        assert state["dirty"] is False

    @pytest.mark.parametrize("name", ["rules/one.smk", "rules/new.smk", "Snakefile"])
    def test_a_changed_or_new_file_of_the_code_makes_it_dirty(self, checkout, name):
        before = runs.code_state(checkout)
        (checkout / name).write_text("rule changed:\n")
        after = runs.code_state(checkout)
        assert after["dirty"] is True
        assert after["commit"] == before["commit"]
        assert after["code_sha256"] != before["code_sha256"]

    def test_results_and_notes_do_not(self, checkout):
        (checkout / "results").mkdir()
        (checkout / "results/x.csv").write_text("1")
        (checkout / "notes.md").write_text("x")
        assert runs.code_state(checkout)["dirty"] is False

    def test_a_folder_inside_another_checkout_has_no_commit_of_its_own(self, checkout):
        inner = checkout / "vendored"
        inner.mkdir()
        (inner / "Snakefile").write_text("rule all:\n")
        state = runs.code_state(inner)
        assert state["commit"] is None
        assert state["dirty"] is None
        assert len(state["code_sha256"]) == 64

    def test_the_digest_is_of_names_and_contents(self, tmp_path):
        (tmp_path / "Snakefile").write_bytes(b"a")
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules/b.smk").write_bytes(b"c")
        expected = hashlib.sha256()
        for name, content in (("Snakefile", b"a"), ("rules/b.smk", b"c")):
            expected.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        assert runs.code_state(tmp_path)["code_sha256"] == expected.hexdigest()


class TestJournal:
    def test_each_run_is_a_line(self, tmp_path, checkout):
        runs.note_run(tmp_path, repository=checkout)
        (checkout / "Snakefile").write_text("rule other:\n")
        runs.note_run(tmp_path, deployment=["conda"], repository=checkout)
        first, second = runs.read_runs(tmp_path)
        assert (first["dirty"], second["dirty"]) == (False, True)
        assert (first["deployment"], second["deployment"]) == ([], ["conda"])
        assert first["started"] <= second["started"]
        assert first["versions"]["numpy"] == np.__version__
        assert first["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))

    def test_old_runs_make_room(self, tmp_path, checkout, monkeypatch):
        monkeypatch.setattr(runs, "KEPT", 3)
        for _ in range(5):
            runs.note_run(tmp_path, repository=checkout)
        started = [r["started"] for r in runs.read_runs(tmp_path)]
        assert len(started) == 3
        assert started == sorted(started)
        assert [p.name for p in runs.journal(tmp_path).parent.iterdir()] == ["runs.jsonl"]

    def test_none_is_noted(self, tmp_path):
        assert runs.read_runs(tmp_path) == []

    def test_a_damaged_line_is_named(self, tmp_path):
        path = runs.journal(tmp_path)
        path.parent.mkdir(parents=True)
        path.write_text('{"started": 1}\n{"sta')
        with pytest.raises(UserError, match=r"runs\.jsonl"):
            runs.read_runs(tmp_path)

    def test_nobody_is_named(self, tmp_path, checkout, monkeypatch):
        monkeypatch.setenv("USER", "somebody_secret")
        runs.note_run(tmp_path, repository=checkout)
        text = runs.journal(tmp_path).read_text()
        assert str(tmp_path) not in text
        assert "somebody" not in text
        assert set(json.loads(text)) == {"started", "deployment", "versions", "commit", "dirty", "code_sha256"}


@pytest.mark.parametrize(("at", "expected"), [(None, None), (5.0, None), (10.0, "a"), (19.9, "a"), (25.0, "b")])
def test_a_job_belongs_to_the_last_run_that_had_started(at, expected):
    found = runs.run_of([{"started": 10.0, "name": "a"}, {"started": 20.0, "name": "b"}], at)
    assert (found or {}).get("name") == expected


def test_planning_does_not_pay_for_it():
    """Every job plans anew; what Snakefile and onstart import must be light."""
    heavy = "import sys; import greenup.runs, greenup.places, greenup.plan_refusals; print('pandas' in sys.modules)"
    scripts = Path(runs.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", heavy], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
