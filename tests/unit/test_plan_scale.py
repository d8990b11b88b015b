"""Planning stays cheap as studies grow: every job of a cluster plans anew."""

import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest
from greenup.config.load import load_study
from greenup.config.published import cells_named, published_tables, read_names
from greenup.plan import Plan

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "rules").glob("*.smk"))]
HEAVY = {"numpy", "pandas", "geopandas", "pyarrow", "h5py", "rasterio", "torch", "sklearn", "matplotlib"}


def test_what_rules_import_is_not_heavy():
    found = {m for path in RULES for m in re.findall(r"^\s*(?:from|import) (greenup[\w.]*)", path.read_text(), re.M)}
    assert {"greenup.plan", "greenup.config.request"} <= found
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY / 'scripts')!r}); import {', '.join(sorted(found))}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_properties_of_a_plan_are_worked_out_once():
    """But those that look at files, which come and go, and those that refuse."""
    again = {n for n in dir(Plan) if isinstance(getattr(Plan, n), property)}
    assert again == {"lacking_sets", "patches_wanted", "requested", "requested_inputs"}
    assert isinstance(Plan.used, cached_property)


def test_all_papers_have_a_cell_for_every_published_table():
    plan = Plan(load_study(REPOSITORY / "config/papers.yaml"))
    have = {(m, t, *Path(p).stem.split(".")) for m, t, p in plan.cells}
    lacking = {}
    for table in published_tables():
        cells, paper = cells_named(table.name, read_names()), read_names().paper(table.paper)
        for title, model in paper.models.items():
            named = {cell for cell in cells if cell[0] in model.ours}
            if named and not named & have:
                lacking.setdefault(table.name, []).append(title)
    assert lacking == {}


@pytest.fixture
def counted(monkeypatch):
    """The plan of all papers, and a list that gets an entry for every look at the folds of a task."""
    plan, looks = Plan(load_study(REPOSITORY / "config/papers.yaml")), []
    kinds = Plan.fold_kinds
    monkeypatch.setattr(Plan, "fold_kinds", lambda self, task: looks.append(task) or kinds(self, task))
    return plan, looks


def test_cells_are_listed_once_however_many_ask(counted):
    plan, looks = counted
    cells = len(plan.scored)
    assert cells > 2_000
    first = len(looks)
    for task in plan.study.evaluated_tasks:
        assert plan.judged([task])["scores"]
    assert plan.tables and plan.figures and plan.audits and plan.doubts and plan.paper_targets
    assert len(plan.audited["scores"]) >= len(plan.audits)
    assert len(looks) == first < cells


def test_rules_of_targets_name_thousands_of_files_by_a_function():
    """A list would be gone through in every job, whatever its rule."""
    text = "\n".join(path.read_text() for path in RULES)
    long = r"plan\.(?:scored|probes|embeddings|patches_wanted|audited|effect_scores|ablated)\b"
    lines = [line.strip() for line in text.splitlines() if re.search(rf"^\s+(?:\w+=)?{long}", line)]
    assert [line for line in lines if "lambda" not in line] == ["plan.embeddings,"], "only in rule all"
