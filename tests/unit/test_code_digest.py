"""The digest of a rule's code: which files it is made of, held against Python's own parser."""

import ast
import shutil
from pathlib import Path

import pytest
from greenup.code_digest import PRESENTED, code_digest, code_files, imported_names
from greenup.places import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"
SOURCES = sorted([*SCRIPTS.glob("*.py"), *(SCRIPTS / "greenup").rglob("*.py")])


def parsed(source: str) -> set[str]:
    """What `imported_names` looks for, by Python's parser."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not looked for"
            names |= {str(node.module), *(f"{node.module}.{a.name}" for a in node.names)}
    return {n for n in names if n == PRESENTED or n.startswith(f"{PRESENTED}.")}


def test_imports_are_found_as_python_finds_them():
    for path in SOURCES:
        text = path.read_text()
        assert set(imported_names(text)) == parsed(text), path
    assert sum(bool(imported_names(p.read_text())) for p in SOURCES) > 50


@pytest.mark.parametrize(
    "source",
    [
        "from greenup.paper import style, maps as m  # noqa",
        "from greenup.paper.fig1 import (\n    draw_fig1,  # a word, another\n    x as y,\n)",
        "import greenup.paper.style",
        "def f():\n    from greenup.paper.style import save_figure",
        "from greenup.papers import style\nfrom greenup.files import paper",
    ],
)
def test_every_form_of_import(source):
    assert set(imported_names(source)) == parsed(source)


def names(script: str) -> set[str]:
    return {p.relative_to(REPOSITORY).as_posix() for p in code_files(script)}


def test_a_figure_is_its_script_caption_modules_and_templates():
    fig1 = names("fig1.py")
    assert {"scripts/fig1.py", "rules/report/fig1.rst", "scripts/greenup/paper/fig1.py"} <= fig1
    assert "scripts/greenup/paper/style.py" in fig1, "imported by a module that is imported"
    assert "scripts/greenup/paper/fig2.py" not in fig1
    assert "scripts/greenup/files.py" not in fig1, "versioned by recipes"
    assert names("run_probe.py") == {"scripts/run_probe.py"}
    assert "scripts/greenup/paper/dataset_report.html.j2" in names("quality_report.py")
    assert "scripts/greenup/paper/report.html.j2" not in names("quality_report.py"), "only the end of another's name"
    assert {"scripts/greenup/paper/report.html.j2", "scripts/greenup/paper/report_map.js"} <= names("write_report.py")


@pytest.fixture
def copy(tmp_path) -> Path:
    for part in ("scripts", "rules"):
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_contents_count_and_neither_times_nor_places(copy, tmp_path_factory):
    assert code_digest("../scripts/fig1.py", copy) == code_digest("fig1.py") == code_digest("fig1.py", REPOSITORY)
    other = tmp_path_factory.mktemp("moved") / "checkout"
    shutil.copytree(copy, other, copy_function=shutil.copy)
    assert code_digest("fig1.py", other) == code_digest("fig1.py")


@pytest.mark.parametrize(
    "changed", ["scripts/fig1.py", "scripts/greenup/paper/maps.py", "rules/report/fig1.rst", "scripts/greenup/files.py"]
)
def test_a_changed_file_changes_what_it_belongs_to(copy, changed):
    with (copy / changed).open("a") as file:
        file.write("\n# changed\n")
    assert (code_digest("fig1.py", copy) != code_digest("fig1.py")) == (changed in names("fig1.py"))
    assert code_digest("run_probe.py", copy) == code_digest("run_probe.py")
