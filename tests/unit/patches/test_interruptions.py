"""Kills, two writers at once, folders that cannot be written: no broken file, nothing finished is fetched twice."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import exporting
import pytest
from conftest import Study
from exporting import SCENES
from fake_source import FakeSource
from greenup.files import read_table
from greenup.patches.container import ShardFile
from greenup.patches.work import Work
from greenup.randomness import generator
from greenup.schemas import LEDGER

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[2] / "scripts"


def start(root: Path, delay_s: float, *more: str, **options) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "exporting.py"), str(root), str(delay_s), *more]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, **options)


def journal(root: Path) -> list[str]:
    path = root / "journal.txt"
    return path.read_text().split() if path.exists() else []


def finish_here(study) -> FakeSource:
    source = FakeSource()
    study.patches = exporting.PATCHES
    study.export(exporting.SITES, SCENES, source)
    return source


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> bytes:
    """The pixel file of a run that nobody disturbed."""
    root = tmp_path_factory.mktemp("undisturbed")
    (process := start(root, 0.0)).communicate(timeout=60)
    assert process.returncode == 0
    return (root / "patches" / "d" / "0000.h5").read_bytes()


def kept_scenes(study) -> set[str]:
    """Scenes that stand whole in the folder of unfinished work or in a finished shard."""
    kept = set()
    for path in [*study.work().glob("sites/[!.]*.h5"), study.work() / "previous.h5"]:
        if path.exists():
            with ShardFile(path) as file:
                assert all(file.is_intact(i) for i in range(len(file)))
                kept |= {file.row(i).scene_id for i in range(len(file))}
    return kept


def test_killed_at_any_moment(study, undisturbed):
    """Eight kills in a row, each somewhere in what the one before left; then one run to the end."""
    rng = generator(5, "kill")
    study.root.mkdir(parents=True)
    killed = 0
    for _ in range(8):
        kept, before = kept_scenes(study), len(journal(study.root))
        target = before + int(rng.integers(1, 5))
        process = start(study.root, 0.02)
        # From the first reads on, so that kills do not fall into the imports; then a moment of chance.
        while process.poll() is None and len(journal(study.root)) < target:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.06))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate(timeout=60)
        again = kept & set(journal(study.root)[before:])
        assert not again, f"fetched though kept: {again}"
        if study.pixels().exists():
            assert study.pixels().read_bytes() == undisturbed
        study.delete_outputs()
    assert killed >= 3, "too few kills to show anything"
    kept = kept_scenes(study)
    source = finish_here(study)
    assert set(source.reads) == set(SCENES["scene_id"]) - kept
    assert max(source.reads.values(), default=1) == 1
    assert study.pixels().read_bytes() == undisturbed
    assert set(read_table(study.ledger(), LEDGER)["status"]) == {"ok"}


@pytest.mark.parametrize("after", ["keep_finished", "atomic", "ledger"])
def test_killed_between_the_last_steps(study, undisturbed, monkeypatch, after):
    """The moments that chance seldom meets: pixels written but not linked, linked but not renamed, no ledger yet."""

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    targets = {
        "keep_finished": "greenup.patches.work.Work.keep_finished",
        "atomic": "greenup.files.os.replace",
        "ledger": "greenup.patches.export.write_table",
    }
    # Site files must be there, so the first run ends before its pixel file.
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("greenup.patches.export._assemble", die)
        finish_here(study)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(targets[after], die)
        finish_here(study)
    assert not study.ledger().exists()
    assert study.pixels().exists() == (after == "ledger")
    study.delete_outputs()
    source = finish_here(study)
    assert not source.reads
    assert study.pixels().read_bytes() == undisturbed
    assert not list(study.work().glob("sites/*.h5"))


def test_two_writers_at_once(study, undisturbed):
    study.root.mkdir(parents=True)
    writers = [start(study.root, 0.003) for _ in range(3)]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    assert study.pixels().read_bytes() == undisturbed
    ledger = read_table(study.ledger(), LEDGER)
    with ShardFile(study.pixels()) as file:
        assert [file.row(i).checksum for i in range(len(file))] == ledger["checksum"].tolist()
    assert not list(study.pixels().parent.glob(".*")), "temporary files are left over"


def test_work_that_another_writer_tidied_away_is_found_in_its_shard(study, undisturbed, monkeypatch):
    """The other one finishes between our fetching and our assembling."""
    assemble = Work.copy
    told = []

    def copy(self, row, index, out, site):
        if not told:
            told.append(True)
            other = finish_here(study)
            told.append(other.reads.total())
            return False
        return assemble(self, row, index, out, site)

    monkeypatch.setattr(Work, "copy", copy)
    source = finish_here(study)
    assert told == [True, 0]
    assert source.reads == Counter(SCENES["scene_id"])
    assert study.pixels().read_bytes() == undisturbed


def test_no_folder_where_the_pixels_should_go(study, undisturbed):
    study.root.mkdir(parents=True)
    (study.root / "patches").write_text("a file where a folder is expected")
    process = start(study.root, 0.0)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"{study.root}/patches/d: cannot be written" in said and "mend: make room or mend the permissions" in said
    assert "Traceback" not in said
    (study.root / "patches").unlink()
    assert not finish_here(study).reads
    assert study.pixels().read_bytes() == undisturbed


def test_read_only_target_folder(study, undisturbed):
    folder = study.pixels().parent
    for path in (folder, study.work()):
        path.mkdir(parents=True)
    (study.root / "journal.txt").touch()
    as_root = os.geteuid() == 0
    if as_root:
        # Root may write everywhere, so the export runs as another user, to whom pytest's folders are opened.
        for path in [study.work(), *study.work().parents]:
            if path == Path(tempfile.gettempdir()):
                break
            path.chmod(0o755)
        study.work().chmod(0o777)
        (study.root / "journal.txt").chmod(0o666)
    folder.chmod(0o555)
    try:
        process = start(study.root, 0.0, *(["nobody"] if as_root else []))
        _, said = process.communicate(timeout=60)
    finally:
        folder.chmod(0o755)
    assert process.returncode == 1
    assert f"{folder}: cannot be written" in said and "Permission denied" in said
    assert "Traceback" not in said
    assert not finish_here(study).reads
    assert study.pixels().read_bytes() == undisturbed


@pytest.mark.parametrize("limit", [6_000, 40_000])
def test_no_room_on_the_disk(study, undisturbed, limit):
    """A limit on the size of a file stands for a full disk: first a site's file does not fit, then the shard's."""
    study.root.mkdir(parents=True)

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(study.root, 0.0, preexec_fn=small)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "cannot be written" in said and "Traceback" not in said
    assert not study.pixels().exists() and not study.ledger().exists()
    assert not list(study.root.rglob(".*.part")), "an unfinished file takes room for ever"
    kept = kept_scenes(study)
    assert bool(kept) == (limit == 40_000)
    assert set(finish_here(study).reads) == set(SCENES["scene_id"]) - kept
    assert study.pixels().read_bytes() == undisturbed


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system in memory at ``tmp_path / "disk"``; calling it again with another size resizes it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = []

    def resize(kib: int) -> Path:
        options = f"{'remount,' if mounted else ''}size={kib}k"
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True, text=True
        )
        if made.returncode:
            pytest.skip(f"NO TMPFS CAN BE MOUNTED ({made.stderr.strip()}): a full disk is only imitated, by a limit")
        mounted.append(kib)
        return disk

    yield resize
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(("kib", "keeps"), [(12, "none"), (100, "some"), (300, "all")])
def test_full_disk(small_disk, undisturbed, kib, keeps):
    """No space left, for real: for the first site's file, for a later one's, for the shard beside the sites' files."""
    study = Study(small_disk(kib) / "results" / "test")
    study.root.mkdir(parents=True)
    process = start(study.root, 0.0)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "cannot be written" in said and "No space left on device" in said and "Traceback" not in said
    assert f"finished images are kept in {study.work()}" in said
    assert not study.pixels().exists() and not study.ledger().exists()
    assert not list(study.root.rglob(".*.part")), "an unfinished file takes the room that is wanted"
    kept = kept_scenes(study)
    assert {0: "none", len(SCENES): "all"}.get(len(kept), "some") == keeps
    small_disk(16 * 1024)
    assert set(finish_here(study).reads) == set(SCENES["scene_id"]) - kept
    assert study.pixels().read_bytes() == undisturbed


def test_temporary_files_of_killed_jobs_are_swept(study):
    stale, young = (study.pixels().parent / f".0000.h5.{name}.part" for name in ("stale", "young"))
    stale.parent.mkdir(parents=True)
    for path in (stale, young):
        path.write_bytes(b"x")
    os.utime(stale, (0, 0))
    finish_here(study)
    assert not stale.exists() and young.exists()
