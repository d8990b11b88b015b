"""What runs again when what changes: the table of docs/reruns.md, row by row, against ``snakemake -n``.

The table is the expectation: a row that is not tested here, or a change that has no row, fails.
"""

from __future__ import annotations

import os
import queue
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import REPOSITORY
from .finished import Desk

STUDY = """
study: again
seed: 3
every_dataset:
  imagery: {source: miniature, seed: 11}
  patches: {size_px: 48}
  scenes: {years: [2019, 2020]}
  shards: 2
datasets:
  ssl4eco: {sites: {limit: 40}, phenology: {source: miniature}}
  ssl4eco_calendar: {sites: {limit: 40}, seasons: {year: 2020}}
  biome_points: {sites: {count: 60}}
  plots: {like: points, sites: {file: plots.csv}}
models:
  seco_eco: {backbone: resnet18, method: {epochs: 2}}
  seco_calendar: {backbone: resnet18, method: {epochs: 2}}
  random_init: {backbone: resnet18}
tasks:
  biomes:
  habitat:
    dataset: plots
    kind: classification
    metric: macro_f1
    labels: {source: file, file: labels.csv, columns: [habitat], simulated: true}
evaluation:
  protocols: {linear: {max_epochs: 20}}
  finetune: {models: [seco_eco], tasks: [biomes]}
paper:
  fig1_datasets: [ssl4eco, ssl4eco_calendar]
  fig2_dataset: ssl4eco
runtime: {workers: 2}
"""
FILES = {
    "plots.csv": "site_id,lon,lat\na,8.5,47.4\nb,9.5,47.4\n",
    "labels.csv": "site_id,habitat\na,meadow\nb,forest\n",
}


def study(old: str, new: str) -> Callable[[Desk], None]:
    """Another word in the study file."""

    def change(desk: Desk) -> None:
        text = desk.config.read_text()
        assert text.count(old) == 1, old
        desk.config.write_text(text.replace(old, new))

    return change


def code(path: str, old: str = "", new: str = "") -> Callable[[Desk], None]:
    """Another word in a file of the checkout, or a comment more."""

    def change(desk: Desk) -> None:
        file = desk.checkout / path
        text = file.read_text()
        assert old in text, old
        file.write_text(text.replace(old, new, 1) if old else f"{text}\n# changed\n")

    return change


def given(name: str, old: str, new: str) -> Callable[[Desk], None]:
    """Another word in a file that the study reads."""

    def change(desk: Desk) -> None:
        file = desk.folder / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return change


def touch_all(desk: Desk) -> None:
    """As another branch checked out and back again."""
    now = time.time()
    for file in desk.checkout.rglob("*"):
        os.utime(file, (now, now))


def change_all_code(desk: Desk) -> None:
    for file in (desk.checkout / "scripts").rglob("*.py"):
        file.write_text(f"{file.read_text()}\n# changed\n")


CHANGES: dict[str, Callable[[Desk], None]] = {
    "nothing": lambda desk: None,
    "a key of `runtime`": study("workers: 2", "workers: 3"),
    "new time stamps on every file of the checkout": touch_all,
    "the script of a rule that is expensive, or of which one is made": lambda desk: [
        code(f"scripts/{name}.py")(desk) for name in ("pretrain_model", "sample_sites", "label_task")
    ],
    "a module of the library outside of `greenup.paper`": lambda desk: [
        code(f"scripts/greenup/{name}.py")(desk) for name in ("files", "pretrain/trainer", "evaluate/probe")
    ],
    "every script and module, as by an update that raises no recipe": change_all_code,
    "the command of an expensive rule": code("rules/pretrain.smk", "--seed {params.seed}", "--seed  {params.seed}"),
    "an environment file": code("envs/train.yaml"),
    "the recipe of `embed_images`": code("rules/evaluate.smk", "recipe=1", "recipe=2"),
    "the recipe of `export_patches`": code("rules/patches.smk", "recipe=2", "recipe=3"),
    "the script of a cheap rule (`run_probe`)": code("scripts/run_probe.py"),
    "the module of one figure (`fig1`)": code("scripts/greenup/paper/fig1.py"),
    "the style of figures (`greenup.paper.style`)": code("scripts/greenup/paper/style.py"),
    "the template of the report": code("scripts/greenup/paper/report.css.j2"),
    "a published number": code("config/published/results.csv", "0", "1"),
    "a key of one figure (`paper.fig1_datasets`)": study("[ssl4eco, ssl4eco_calendar]", "[ssl4eco]"),
    "a key of one protocol (`linear.max_epochs`)": study("max_epochs: 20", "max_epochs: 30"),
    "a task on images that are there": study("tasks:\n  biomes:", "tasks:\n  climate:\n  biomes:"),
    "a baseline without training": study("  random_init:", "  band_statistics:\n  random_init:"),
    "a trained model on images that are there": study(
        "  random_init:", "  more: {like: seco_eco, backbone: resnet18, method: {epochs: 3}}\n  random_init:"
    ),
    "a key of one method (`method.epochs`)": study(
        "seco_eco: {backbone: resnet18, method: {epochs: 2}}", "seco_eco: {backbone: resnet18, method: {epochs: 3}}"
    ),
    "a dataset that is only drawn, in a region of the study": study(
        "datasets:\n", "datasets:\n  ecoregion: {sites: {count: 60, min_sites: 0}, imagery: null}\n"
    ),
    "a year of imagery more for one dataset": study(
        "{sites: {count: 60}}", "{sites: {count: 60}, scenes: {years: [2019, 2021]}}"
    ),
    "the bands of one dataset": study("{sites: {count: 60}}", "{sites: {count: 60}, patches: {bands: [B4, B8]}}"),
    "the user's points": given("plots.csv", "9.5", "9.6"),
    "a label table": given("labels.csv", "meadow", "marsh"),
}


@pytest.fixture(scope="module")
def desks(tmp_path_factory) -> Iterator[queue.Queue[Desk]]:
    """Two finished runs, to work on one while the other is asked."""
    places = [tmp_path_factory.mktemp("again") for _ in range(2)]
    free: queue.Queue[Desk] = queue.Queue()
    with ThreadPoolExecutor(2) as pool:
        for desk in pool.map(lambda place: Desk(place, STUDY, FILES), places):
            free.put(desk)
    yield free


@pytest.fixture(scope="module")
def due(desks) -> dict[str, dict[str, int]]:
    """Change -> rule -> jobs that `snakemake -n` would run."""

    def ask(change: Callable[[Desk], object]) -> dict[str, int]:
        desk = desks.get()
        try:
            desk.reset()
            change(desk)
            return desk.due()
        finally:
            desks.put(desk)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CHANGES, pool.map(ask, CHANGES.values()), strict=True))


def documented() -> dict[str, dict[str, int]]:
    """The table: change -> rule -> jobs. *Words* in it stand for the rules that the list above the table gives them."""
    text = (REPOSITORY / "docs/reruns.md").read_text()
    head = "| what changes | what runs again |\n"
    words = {m[1]: rules(m[2]) for m in re.finditer(r"^- \*(\w+)\*: (.+)$", text, re.M)}
    table = {}
    below = text.partition(head)[2].partition("\n\n")[0]
    for change, again in re.findall(r"^\| (.+?) \| (.+?) \|$", below, re.M):
        table[change] = rules(again)
        for word in re.findall(r"(?<!\*)\*(\w+)\*(?!\*)", again):
            table[change] |= words[word]
    return table


def rules(text: str) -> dict[str, int]:
    return {m[1]: int(m[2] or 1) for m in re.finditer(r"`(\w+)`(?: (\d+))?", text)}


def test_the_table_has_a_row_for_every_change_and_no_other():
    assert list(documented()) == list(CHANGES)


@pytest.mark.parametrize("change", CHANGES)
def test_what_runs_again(due, change):
    assert due[change] == documented()[change]


EXPENSIVE = {"export_patches", "pretrain_model", "embed_images", "finetune_model", "choose_scenes", "date_phenology"}


@pytest.mark.parametrize(
    "change", [c for c in CHANGES if re.search("script|module|style|template|command|file|published|time stamp", c)]
)
def test_no_code_and_no_figure_repeats_what_is_expensive(due, change):
    assert not EXPENSIVE & set(due[change])


def stamps(folder: Path) -> dict[Path, int]:
    """Every file below a folder and when it was written, but for what Snakemake notes of every call, and its cache."""
    own = re.compile(r"/status\.log$|/\.snakemake/(log|iocache)/")
    files = [p for p in folder.rglob("*") if p.is_file() and not own.search(p.as_posix())]
    return {p: p.stat().st_mtime_ns for p in files}


def test_status_says_what_snakemake_would_do_and_changes_nothing(desks):
    """A longer training, a shard that was killed beside one that failed, and a run that goes on beside it."""
    desk = desks.get()
    try:
        desk.reset()
        CHANGES["a key of one method (`method.epochs`)"](desk)
        root = desk.folder / "results/again"
        log = root / "logs/export_patches/biome_points/0000.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("10:00:00 error: biome_points/0000: 3 images are lacking: 3 quota\n")
        for shard in ("0000", "0001"):
            (root / f"patches/biome_points/{shard}.h5").unlink()
        killed = "results/again/patches/biome_points/0001.h5"
        marker = desk.folder / ".snakemake/incomplete" / urlsafe_b64encode(killed.encode()).decode()
        marker.write_text('{"external_jobid": null}')
        locks = desk.folder / ".snakemake/locks"
        locks.mkdir(exist_ok=True)
        (locks / "0.output.lock").write_text(f"{killed}\n")
        due, before = desk.due(), stamps(desk.folder)
        said = desk.status().splitlines()
        assert stamps(desk.folder) == before
    finally:
        desks.put(desk)
    assert said[0].startswith(f"results/again: {sum(due.values())} of ")
    assert "another Snakemake" in said[1]
    lines = [line.strip() for line in said]
    for words in (
        "outdated (model.method.epochs was 2, is 3): pretrain_model seco_eco; then ",
        "under way: export_patches biome_points (1 shard: 0001)",
        "failed: export_patches biome_points (1 shard: 0000): biome_points/0000: 3 images are lacking: 3 quota (",
        "scenes     all 8 done",
    ):
        assert any(line.startswith(words) for line in lines), said
