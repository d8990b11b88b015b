"""The shape of the repository: thin entries, complete rules, modules of one subject, nobody's paths."""

import ast
import re
import subprocess
import textwrap
import tomllib
from pathlib import Path

import pytest
import yaml
from greenup.config import generate

ROOT = Path(__file__).parents[2]


def text_of(path: Path) -> str:
    """A file of rules, those that stand below an ``if`` moved to the margin."""
    text = path.read_text() + "\n"
    return re.sub(r"^if .*:\n((?: {4}.*\n|\n)+)", lambda found: textwrap.dedent(found[1]), text, flags=re.M)


RULES = {
    name: body
    for path in [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
    for name, body in re.findall(r"^rule (\w+):\n((?:[ \t].*\n|\n)+)", text_of(path), re.M)
}
JOBS = {n: b for n, b in RULES.items() if re.search(r"^    (shell|script):", b, re.M)}
ENTRIES = sorted((ROOT / "scripts").glob("*.py"))
MODULES = sorted((ROOT / "scripts/greenup").rglob("*.py"))
# Rules that make no file, and their entries: `verify` and `repair` share one, `plan` is also the library's word. Two
# more entries are called by the Makefile.
SHARED = {"verify": "verify_patches", "repair": "verify_patches", "plan": "plan_costs", "status": "status"}
CALLED_BY_MAKE = {"summary", "make_samples"}


# Training outside the stage of that name.
FINETUNING = ("evaluate/finetune_fold.py", "evaluate/finetune_progress.py", "evaluate/finetune_network.py")
# Images of datasets and of image sets are embedded by one entry.
ENTRY = {**SHARED, "embed_image_set": "embed_images"}
STAGES = ("sites", "phenology", "scenes", "patches", "pretrain", "tasks", "evaluate", "paper")


def files_of_git() -> list[Path]:
    """Tracked and new files that git does not ignore; every file outside hidden folders where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        found = [ROOT / n for n in names if n]
    except (OSError, subprocess.CalledProcessError):
        found = [p for p in ROOT.rglob("*") if not any(q.startswith(".") for q in p.relative_to(ROOT).parts[:-1])]
    return [p for p in found if p.is_file() and not p.is_symlink()]


class TestRules:
    def test_all_rules_are_seen(self):
        assert {"sample_sites", "export_patches", "pretrain_model", "run_probe", "fig1", "write_report"} <= set(JOBS)
        assert {"all", "sites", "phenology", "scenes", "patches", "pretrain", "tasks", "evaluate", "paper"} <= set(
            RULES
        )

    @pytest.mark.parametrize("name", sorted(JOBS))
    def test_a_rule_with_a_job_is_complete(self, name):
        needed = {"log", "conda"} if name in SHARED else {"message", "log", "benchmark", "conda", "output", "params"}
        given = set(re.findall(r"^    (\w+):", JOBS[name], re.M))
        assert needed <= given, f"rule {name} lacks {needed - given}"

    @pytest.mark.parametrize("name", sorted(JOBS))
    def test_a_rule_and_its_script_have_one_name(self, name):
        script = ENTRY.get(name, name)
        assert f"/{script}.py" in JOBS[name]
        assert (ROOT / f"scripts/{script}.py").is_file()

    @pytest.mark.parametrize("name", sorted(JOBS))
    def test_resources_live_in_profiles(self, name):
        assert "resources:" not in JOBS[name]

    @pytest.mark.parametrize("name", sorted(set(JOBS) - set(SHARED)))
    def test_benchmarks_lie_below_their_stage(self, name):
        """The summary at the end of a run adds them up by stage."""
        file = next(p.stem for p in (ROOT / "rules").glob("*.smk") if f"rule {name}:" in p.read_text())
        # Files of parts of a stage hold rules of one stage or of two.
        stages = (file,) if file in STAGES else STAGES
        assert any(f"/benchmarks/{stage}/{name}" in JOBS[name] for stage in stages)

    def test_expensive_rules_have_a_recipe_version(self):
        """Jobs by `shell:` are not made again when their code changes; a number bumped by hand says when they are."""
        for name, body in JOBS.items():
            if "\n    shell:" in body and name not in SHARED and "model" not in name:
                assert re.search(r"^        recipe=\d+,$", body, re.M), name
        # Pretraining carries it in its method.
        assert all(
            "recipe" in method.model_fields for method in generate.blocks() if method.__name__.endswith("Method")
        )

    def test_report_captions_exist(self):
        for body in RULES.values():
            for caption in re.findall(r'caption="([^"]+)"', body):
                assert (ROOT / "rules" / caption).read_text().strip() not in ("", "placeholder"), caption


class TestEntries:
    @pytest.mark.parametrize("path", ENTRIES, ids=lambda p: p.stem)
    def test_is_thin(self, path):
        assert len(path.read_text().splitlines()) <= 40

    @pytest.mark.parametrize("path", ENTRIES, ids=lambda p: p.stem)
    def test_says_what_it_is_and_defines_nothing(self, path):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree)
        assert not [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]

    @pytest.mark.parametrize("path", ENTRIES, ids=lambda p: p.stem)
    def test_belongs_to_a_rule(self, path):
        assert path.stem in {ENTRY.get(n, n) for n in JOBS} | CALLED_BY_MAKE


class TestLibrary:
    @pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "scripts/greenup")))
    def test_module(self, path):
        text = path.read_text()
        assert len(text.splitlines()) <= 400
        tree = ast.parse(text)
        assert ast.get_docstring(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                silent = all(isinstance(s, (ast.Pass, ast.Continue)) for s in node.body)
                broad = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
                assert not (silent and broad), f"{path.name}:{node.lineno} swallows every exception"

    def test_heavy_packages_are_imported_only_where_they_are_needed(self):
        """At the head of a module, only its own stage's; elsewhere inside the function that uses them."""
        allowed = {
            "torch": {"pretrain", "evaluate", "patches/dataset.py"},
            "pytorch_lightning": {"pretrain", *FINETUNING},
            "matplotlib": {"paper"},
            "ee": {"imagery"},
        }
        for path in MODULES:
            stage = path.relative_to(ROOT / "scripts/greenup").parts[0]
            for node in ast.parse(path.read_text()).body:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for top in {n.split(".")[0] for n in names} & set(allowed):
                    inside = path.relative_to(ROOT / "scripts/greenup").as_posix()
                    assert {stage, inside} & allowed[top], f"{path.relative_to(ROOT)} imports {top}"

    def test_every_package_is_a_package(self):
        for path in MODULES:
            assert (path.parent / "__init__.py").is_file(), f"{path.parent.relative_to(ROOT)}/__init__.py"


class TestRepository:
    def test_nobodys_paths(self):
        """No folder of one machine or one user in code, configuration or documentation."""
        mine = re.compile(r"(?:^|(?<=[\s\"'`=(]))/(?:home|Users|work|root|scratch|mnt)/\w", re.M)
        for path in files_of_git():
            if path.suffix in {".py", ".smk", ".yaml", ".md", ".toml", ".sh", ".cff", ".rst", ""}:
                found = mine.search(path.read_text(encoding="utf-8"))
                assert not found, f"{path.relative_to(ROOT)}: {found[0]}"

    @pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.lock")), ids=lambda p: p.name)
    def test_locks_name_no_registry(self, path):
        text = path.read_text()
        assert "://" not in text
        assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|--find-links)\b", text, re.M)

    def test_licence_and_citation(self):
        assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
        citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
        assert citation["cff-version"] == "1.2.0"
        assert citation["license"] == "Apache-2.0"
        assert [r["year"] for r in citation["references"]] == [2021, 2023, 2025]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert str(citation["version"]) == project["version"]
        assert project["license"] == citation["license"]

    def test_links_between_pages_lead_somewhere(self):
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "config/README.md"]:
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
                if "://" not in target:
                    assert (page.parent / target).exists(), f"{page.name}: {target}"
