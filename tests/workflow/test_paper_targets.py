"""Figures and tables by their names, what a study cannot make, published image sets that are not there, provenance."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from greenup.config import load_study
from greenup.config.load import LIBRARY
from greenup.plan import Plan
from greenup.provenance import rerun_command
from greenup.tasks.image_sets.catalogue import ABOUT

from .conftest import REPOSITORY, snakemake
from .test_targets import planned


def refused(folder, *targets, **kwargs) -> str:
    """What a run that ends in planning says: one message, no traceback."""
    done = snakemake(folder, *targets, "-n", check=False, **kwargs)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert said.count("error: ") == 1
    for noise in ("Traceback", "Exception", 'File "', "affected files"):
        assert noise not in said
    assert not (folder / "results").exists()
    return said


@pytest.fixture(scope="module")
def tiny_plan() -> Plan:
    return Plan(load_study(LIBRARY / "tiny.yaml"))


class TestNames:
    def test_each_is_a_target(self, tmp_path, tiny_plan):
        listed = snakemake(tmp_path, "--list-target-rules").stdout.split()
        assert set(tiny_plan.paper_targets) <= set(listed)

    def test_all_at_once_plan_all_files(self, tmp_path, tiny_plan):
        names = [*tiny_plan.figures, *tiny_plan.tables]
        said = snakemake(tmp_path, *names, "-n").stdout
        for path in (*tiny_plan.figures.values(), *tiny_plan.tables.values()):
            assert path in said, path

    @pytest.mark.parametrize(
        ("name", "maker"),
        [("quality", "quality_figure"), ("results", "results_table"), ("table3", "paper_table"), ("fig1", "fig1")],
    )
    def test_a_name_asks_for_its_file_alone(self, tmp_path, tiny_plan, name, maker):
        jobs = planned(snakemake(tmp_path, name, "-n").stdout)
        assert jobs[maker] == 1
        others = {"fig1", "fig2", "figA1", "table1", "write_report", "quality_figure", "paper_table"} - {maker}
        assert not others & set(jobs)

    @pytest.mark.parametrize(
        ("target", "key"),
        [
            ("sampling_check", "paper.check_dataset"),
            ("learning", "models"),
            ("results/tiny/paper/figures/sampling_check.png", "paper.check_dataset"),
        ],
    )
    def test_what_a_study_does_not_make_says_what_it_needs(self, tmp_path, target, key):
        said = refused(tmp_path, target)
        assert f"{Path(target).stem}: study 'tiny' does not make it" in said
        assert f"mend: it needs {key}" in said

    def test_a_figure_of_no_dataset(self, tmp_path):
        """Its rule stands there all the same, for files of a dataset called None."""
        text = "study: bare\ndatasets: {ssl4eco: {phenology: null, seasons: null, imagery: null}}\n"
        (tmp_path / "study.yaml").write_text(text)
        for name, key in (("fig2", "paper.fig2_dataset"), ("figA1", "paper.figA1_dataset"), ("results", "models")):
            assert f"needs {key}" in refused(tmp_path, name, config=str(tmp_path / "study.yaml"))


class TestPublishedStudy:
    """config/published.yaml, whose image sets are downloaded by hand."""

    CONFIG = "config/published.yaml"

    def test_what_is_missing_is_told_at_once(self, tmp_path):
        said = refused(tmp_path, "paper", config=self.CONFIG)
        for kind in ("bigearthnet", "geolifeclef", "treesatai", "biomassters"):
            about = ABOUT[kind]
            assert f"data/image_sets/{kind}: {about.title}" in said
            assert about.url in said
            assert f"{about.size_gb:g} GB" in said
        assert said.count("BioMassters, ") == 1, "two image sets share one folder"

    def test_what_needs_none_of_them_plans(self, tmp_path):
        assert {"sample_sites", "table1"} <= set(
            planned(snakemake(tmp_path, "table1", "-n", config=self.CONFIG).stdout)
        )

    def test_it_plans_with_the_folders_there(self, tmp_path):
        study = load_study(LIBRARY / "published.yaml")
        for settings in study.image_sets.values():
            for need in ABOUT[settings.kind].needs(settings):
                path = tmp_path / settings.folder / need.split(" | ")[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        jobs = planned(snakemake(tmp_path, "paper", "-n", config=self.CONFIG).stdout)
        assert {"fetch_weights", "fetch_label_table", "list_image_set", "paper_table", "write_report"} <= set(jobs)


@pytest.mark.parametrize(
    ("name", "rule"), [("fig1", "fig1"), ("coverage", "coverage_figure"), ("table3", "paper_table")]
)
def test_the_command_that_makes_it_again_is_valid(tmp_path, name, rule):
    words = shlex.split(rerun_command(name, rule, "config/tiny.yaml"))
    assert words[0] == "snakemake"
    config = words[words.index("--configfile") + 1]
    options = words[1 : words.index("--configfile")]
    assert planned(snakemake(tmp_path, *options, "-n", config=config).stdout)[rule] == 1


class TestProvenance:
    @pytest.fixture(scope="class")
    def known(self, tiny) -> dict[str, dict]:
        return json.loads((tiny / "results/tiny/paper/provenance.json").read_text())

    def test_every_figure_and_table_has_it(self, known, tiny_plan, tiny):
        assert list(known) == [*tiny_plan.figures, *tiny_plan.tables]
        for name, found in known.items():
            assert found["rule"], name
            assert found["inputs"], name
            assert found["seed"] == 3
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["made"]), name
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", found["params_digest"]), name
            assert found["versions"]["numpy"], name
            assert found["upstream"]["unknown"] == 0, name
            assert all((tiny / p).exists() or (REPOSITORY / p).exists() for p in found["inputs"]), name

    def test_it_tells_of_no_machine_and_no_user(self, tiny):
        for path in [*(tiny / "results/tiny/paper").glob("provenance*"), tiny / "results/tiny/logs/runs.jsonl"]:
            text = path.read_text()
            for secret in (str(tiny), str(REPOSITORY), str(Path.home()), "/tmp", "/home"):
                assert secret not in text, f"{path.name} tells {secret}"

    def test_scores_lead_to_their_probes(self, tiny):
        rows = pd.read_csv(tiny / "results/tiny/paper/provenance_rows.csv")
        table = pd.read_csv(tiny / "results/tiny/paper/tables/results.csv")
        mine = rows[rows["table"] == "results"].set_index("row")["source"]
        for number, row in enumerate(table.itertuples(), start=1):
            path = f"results/tiny/probes/{row.model}/{row.task}/{row.protocol}.{row.folds}.parquet"
            assert mine[number] == path
            assert (tiny / path).is_file()

    def test_asking_for_it_makes_nothing_again(self, tiny):
        assert "Nothing to be done" in snakemake(tiny, "provenance", "paper", "-n").stdout
