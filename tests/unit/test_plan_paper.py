"""Which figures and tables a study makes, and what it says of the others."""

import re
from pathlib import Path

import pytest
from greenup.config import generate, load_study, resolve
from greenup.config.load import LIBRARY
from greenup.plan import Plan

STUDIES = ("demo", "tiny", "paper", "published")
RULES = {p.name: p.read_text() for p in (Path(__file__).parents[2] / "rules").glob("*.smk")}
BARE = {"study": "bare", "datasets": {"ssl4eco": {"phenology": None, "seasons": None, "imagery": None}}}


@pytest.fixture(scope="module", params=STUDIES)
def plan(request) -> Plan:
    return Plan(load_study(LIBRARY / f"{request.param}.yaml"))


class TestTargets:
    def test_a_name_is_one_thing(self, plan):
        assert not set(plan.figures_lacking) & set(plan.tables_lacking)
        assert [*plan.paper_targets] == [*plan.figures_lacking, *plan.tables_lacking]

    def test_what_is_made_lacks_nothing(self, plan):
        made = {n: path for n, (path, lacks) in plan.paper_targets.items() if lacks is None}
        assert made == {**plan.figures, **plan.tables}

    def test_files_are_named_after_their_target(self, plan):
        for name, (path, _) in plan.paper_targets.items():
            assert Path(path).stem == name
            folder, ending = ("figures", ".png") if name in plan.figures_lacking else ("tables", ".csv")
            assert (Path(path).parent.name, Path(path).suffix) == (folder, ending)

    def test_each_has_a_rule(self, plan):
        """By its own name, or of the tables of published results, which one rule makes."""
        rules = "".join(RULES.values())
        for name, (path, _) in plan.paper_targets.items():
            own = "/".join(Path(path).parts[-3:]) in rules
            assert own or re.search(r"^table\w+$|^(ssl4eo|seco)_table$", name), name

    def test_no_target_is_called_like_a_stage_or_another_rule_of_another_file(self, plan):
        """A rule of the same name must be the one that makes it."""
        rules = {
            n: body
            for text in RULES.values()
            for n, body in re.findall(r"^rule (\w+):\n((?:[ \t].*\n|\n)+)", text, re.M)
        }
        for name, (path, _) in plan.paper_targets.items():
            if name in rules:
                assert "/".join(Path(path).parts[-3:]) in rules[name], name


class TestLacking:
    def test_the_papers_figures_and_tables_are_all_known(self):
        tables = [f"table{i}" for i in range(1, 8)] + [f"tableA{i}" for i in range(1, 11)]
        known = Plan(resolve(BARE)).paper_targets
        assert {"fig1", "fig2", "fig3", "figA1", "figA2", "ssl4eo_table", "seco_table", *tables} <= set(known)

    def test_a_study_of_sites_alone_has_only_what_is_of_sites(self):
        bare = Plan(resolve(BARE))
        assert set(bare.figures) == {"coverage"}
        for name in ("fig1", "fig2", "fig3", "figA1", "figA2", "training", "results", "tableA1"):
            assert bare.paper_targets[name][1], name

    @pytest.mark.parametrize("study", STUDIES)
    def test_each_names_a_key_of_the_configuration_first(self, study):
        """A user looks for it in the study file: every word of a dotted path is a key somewhere."""
        keys = {name for block in generate.blocks() for name in block.model_fields}
        for name, (_, lacks) in Plan(load_study(LIBRARY / f"{study}.yaml")).paper_targets.items():
            if lacks is not None:
                first = re.match(r"[a-z0-9_.A-Z]+", lacks)
                assert first, f"{name}: {lacks}"
                assert set(first[0].split(".")) <= keys, f"{name}: {lacks}"


def test_provenance_lies_beside_them():
    assert Plan(resolve(BARE)).provenance == "results/bare/paper/provenance.json"
