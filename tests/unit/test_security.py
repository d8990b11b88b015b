"""What no code of ours may do, what configurations may not hold, and where credentials must never turn up."""

import ast
import logging
import os
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import yaml
from greenup.config import resolve
from greenup.errors import PassingError, UserError, job
from greenup.imagery.base import SceneMissing
from greenup.paper.markup import markdown_to_html
from greenup.paper.plain import PlainTable, to_html
from greenup.paper.report_map import map_page

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "scripts").rglob("*.py"))
SECRET = "hunter2-Zx81-q9"
LINK = f"https://a.blob.core.windows.net/c/B04.tif?se=2025-01-01&sp=rl&sig={SECRET}"
STUDY = yaml.safe_load((ROOT / "config/tiny.yaml").read_text())


# ------------------------------------------------------------------------------------------------------------- our code
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call in a file with the dotted name of what is called."""
    return [
        (ast.unparse(node.func), node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    ]


def keyword(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), None)


def test_nothing_is_run_that_comes_from_outside():
    """No pickles, no shells, no code made of text; archives are read member by member, TLS is checked."""
    wrong = []
    for path in SOURCES:
        for name, call in calls(path):
            end = name.rpartition(".")[2]
            is_wrong = (
                name in ("eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput")
                or (end == "load" and name.startswith(("pickle", "joblib", "marshal", "dill")))
                or (end in ("loads", "Unpickler") and name.startswith(("pickle", "marshal")))
                or end in ("read_pickle", "extractall", "unpack_archive")
                or (name == "torch.load" and keyword(call, "weights_only") != "True")
                or (name == "torch.hub.load")
                or (end == "load" and keyword(call, "allow_pickle") not in (None, "False"))
                or (name in ("yaml.load", "yaml.load_all") and keyword(call, "Loader") != "_Loader")
                or end in ("unsafe_load", "full_load")
                or keyword(call, "shell") == "True"
                or keyword(call, "verify") == "False"
                or keyword(call, "trust_remote_code") == "True"
            )  # fmt: skip
            wrong += [f"{path.relative_to(ROOT)}:{call.lineno}: {name}"] if is_wrong else []
    assert wrong == []


def test_the_check_sees_what_it_looks_for(tmp_path):
    """`calls` finds these calls, so that the test above can fail."""
    (tmp_path / "a.py").write_text("import torch\ntorch.load(p, weights_only=False)\nf.extractall()\n")
    assert [n for n, _ in calls(tmp_path / "a.py")] == ["torch.load", "f.extractall"]


def test_yaml_of_studies_makes_plain_values_only(tmp_path):
    from greenup.config import load_study

    (tmp_path / "a.yaml").write_text(f"study: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(UserError, match="not valid YAML"):
        load_study(tmp_path / "a.yaml")
    assert not (tmp_path / "made").exists()


def test_snakemake_runs_python_in_studies_and_the_loader_of_the_library_does_not(tmp_path):
    """docs/security.md warns of it; if Snakemake stops, the page is to be mended."""
    from greenup.config import load_study
    from snakemake.common.configfile import load_configfile

    study = tmp_path / "a.yaml"
    study.write_text(f"__use_yte__: true\nstudy: ?__import__('os').mkdir('{tmp_path}/made') or 'a'\n")
    with pytest.raises(UserError, match="unknown key '__use_yte__'"):
        load_study(study)
    assert not (tmp_path / "made").exists()
    assert load_configfile(str(study)) == {"study": "a"} and (tmp_path / "made").is_dir()
    assert "__use_yte__" in (ROOT / "docs/security.md").read_text()


# --------------------------------------------------------------------------------------------------------------- shells
PLAIN = {f"params.{name}" for name in ("recipe", "min_images", "seed", "fold_count", "precision", "triggers")}
"""Numbers, and words of a fixed list."""
COMPOSED = {"params.launcher"}
"""Begins of commands that the library composes, quoted there."""


def test_shell_commands_quote_all_that_is_not_a_name_or_a_number():
    found = 0
    for path in (ROOT / "rules").glob("*.smk"):
        for command in re.findall(r"    shell:\n((?: {8}.*\n)+)", path.read_text()):
            found += 1
            fields = re.findall(r"(?<!\{)\{([\w.]+)((?::q)?)\}", command)
            unquoted = {f for f, q in fields if not q} - PLAIN - COMPOSED - {"threads"}
            assert {f for f in unquoted if not f.startswith("wildcards.")} == set(), path.name
    assert found >= 8
    # Wildcards stand unquoted: they are names of the study, and digits.
    snakefile = (ROOT / "Snakefile").read_text()
    for wildcard in ("dataset", "model", "task", "shard", "folds"):
        assert re.search(rf"^    {wildcard}=", snakefile, re.M)


@pytest.mark.parametrize(
    "name", ["a;touch x", "a b", "$(id)", "`id`", "../a", "a/b", "a'b", 'a"b', "<b>", "a\nb", "-rf"]
)
@pytest.mark.parametrize("kind", ["study", "datasets", "models", "tasks"])
def test_names_that_a_shell_or_a_page_would_read_otherwise_are_refused(name, kind):
    written = {**STUDY, kind: name} if kind == "study" else {**STUDY, kind: {**STUDY[kind], name: {}}}
    with pytest.raises(UserError, match=r"small letters, digits and _|neither|does not exist|no block|not|missing"):
        resolve(written)


def test_paths_reach_the_shell_as_one_word(tmp_path):
    """Snakemake's :q, on the worst path there can be; and the settings that stand before each command."""
    from greenup.plan import Plan
    from snakemake.utils import QuotedFormatter

    worst = "a b;touch x$(touch y)`touch z`'\"{w}.csv"
    command = QuotedFormatter(shlex.quote).format("printf %s {input:q}", input=worst)
    prefix = Plan(resolve(STUDY)).shell_prefix(f"/checkout/{worst}").replace("{{", "{").replace("}}", "}")
    for text, told in ((command, worst), (prefix + 'printf %s "$SCRIPTS"', f"/checkout/{worst}/scripts")):
        done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == told and not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------------------- credentials
class TestConfiguration:
    @pytest.mark.parametrize(
        "url", [f"https://me:{SECRET}@stac.example.org/v1", f"https://stac.example.org/v1?token={SECRET}", LINK]
    )
    def test_an_address_with_a_login_is_refused_without_showing_it(self, url):
        imagery = {"source": "stac", "url": url}
        datasets = {n: {**(b or {}), "imagery": imagery} for n, b in STUDY["datasets"].items()}
        with pytest.raises(UserError, match=r"(?s)datasets\.\w+\.imagery\.url: holds a password.*netrc") as caught:
            resolve({**STUDY, "datasets": datasets})
        assert SECRET not in str(caught.value)

    def test_a_damaged_study_does_not_show_it_either(self, tmp_path):
        from greenup.config import load_study

        (tmp_path / "a.yaml").write_text(f"study: a\nurl: 'https://me:{SECRET}@host'\n  bad: [\n")
        with pytest.raises(UserError) as caught:
            load_study(tmp_path / "a.yaml")
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("table", ["sources.csv", "weights.csv", "label_tables.csv"])
    def test_tables_of_files_hold_no_login(self, table, tmp_path):
        from greenup.config import label_tables, weights
        from greenup.sites import sources

        module = {"sources.csv": sources, "weights.csv": weights, "label_tables.csv": label_tables}[table]
        text = (ROOT / "config" / table).read_text()
        (tmp_path / table).write_text(text.replace("https://", f"https://me:{SECRET}@"))
        with pytest.raises(UserError, match="holds a password") as caught:
            module._read(tmp_path / table)
        assert SECRET not in str(caught.value)


class TestErrorsAndLogs:
    @pytest.mark.parametrize("kind", [UserError, PassingError, SceneMissing])
    def test_messages_hide_what_they_were_given(self, kind):
        error = kind(f"no answer from {LINK}")
        assert SECRET not in repr(error) + str(error) + str(error.__dict__) and "B04.tif" in str(error)

    def test_mends_too(self):
        assert SECRET not in str(UserError("no", f"open {LINK}"))

    def test_logs_of_jobs_whatever_comes(self, tmp_path):
        """A job that logs, warns, chains and dies, in a process of its own with secrets in its environment."""
        code = f"""
import logging, warnings
from greenup.errors import job, UserError
with job("log.txt"):
    logging.getLogger("rasterio._err").error("CPLE_HttpResponse in %s", {LINK!r})
    logging.getLogger().info("headers %r", {{"Authorization": "Bearer {SECRET}{SECRET}"}})
    warnings.warn("not closed: " + {LINK!r})
    import os
    try:
        try:
            raise OSError("403 " + {LINK!r})
        except OSError as error:
            raise RuntimeError("key " + os.environ["AWS_SECRET_ACCESS_KEY"]) from error
    except RuntimeError as error:
        raise ValueError(("https://me:{SECRET}@host/", 1)) from error
"""
        known = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "AWS_SECRET_ACCESS_KEY": f"{SECRET}/plain"}
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=known, capture_output=True, text=True)
        assert done.returncode == 1
        for text in ((tmp_path / "log.txt").read_text(), done.stderr):
            assert "ValueError" in text and "UserWarning: not closed" in text and text.count("B04.tif") >= 3
            # Python shows the lines of the program itself, which here hold the secret; what they made is hidden.
            shown = [line for line in text.splitlines() if not line.startswith("    ")]
            assert not [line for line in shown if SECRET in line]

    def test_warnings_and_handlers_are_as_before_when_a_job_has_ended(self, tmp_path, capsys):
        root = logging.getLogger()
        handlers, level, showing = root.handlers[:], root.level, warnings.showwarning
        try:
            with job(str(tmp_path / "log")):
                assert warnings.showwarning is not showing
            assert warnings.showwarning is showing
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)

    def test_a_broken_key_file_is_named_and_not_shown(self, tmp_path, monkeypatch):
        from greenup.imagery.earthengine.login import _credentials

        key = tmp_path / "key.json"
        key.write_text(
            '{"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "token_uri": "https://x", '
            f'"private_key_id": "{SECRET}", "private_key": "-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n"}}'
        )
        with pytest.raises(UserError, match=r"key\.json: not a key") as caught:
            _credentials(str(key), False)
        assert SECRET not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------- pages
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class TestPages:
    def test_tables(self):
        table = PlainTable(columns=(HOSTILE,), groups=((HOSTILE, ((HOSTILE,),)),), legend=HOSTILE)
        assert "<script" not in to_html(table) and "<img" not in to_html(table)

    def test_cards(self):
        text = "# {0}\n\n> {0}\n\n- {0}\n\n| a |\n|---|\n| {0} |\n\n[x](javascript:a)"
        page = markdown_to_html(text.format(HOSTILE))
        assert "<script" not in page and "<img" not in page and "href" not in page

    def test_data_of_the_map_cannot_end_its_script(self, tmp_path, tiny_map):
        text = map_page([tiny_map])["json"]
        assert "</" not in text and "<!--" not in text and "alert(1)" in text

    def test_scripts_put_texts_into_the_page_as_texts(self):
        for path in (ROOT / "scripts/greenup/paper").glob("*.js"):
            for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
                assert way not in path.read_text(), f"{path.name}: {way}"

    def test_templates_mark_as_safe_only_what_was_escaped_before(self):
        marked = set()
        for path in (ROOT / "scripts/greenup/paper").glob("*.j2"):
            marked |= set(re.findall(r"\{\{ ?([\w.]+) ?\| ?safe", path.read_text()))
        # Markup of captions, cards and tables made by the functions above, data of the map, scripts of ours.
        assert marked <= {
            "section.caption", "sheet.caption", "part.caption", "part.html", "table", "card", "script", "map.still",
            "map.json",
        }  # fmt: skip


@pytest.fixture
def tiny_map(tmp_path) -> Path:
    """The file of a map whose names are hostile."""
    import json

    path = tmp_path / "map.json"
    frame = {"key": "world", "width": 10, "height": 5, "border": "M0 0", "land": "M0 0"}
    path.write_text(json.dumps(MAP | {"name": HOSTILE, "frame": frame, "simulated": True, "seasons": [HOSTILE]}))
    return path


MAP = {
    "total": 1, "density": None, "images": [[]], "pictures": 0, "view": "",
    "names": {"land_cover": [HOSTILE], "biome": [HOSTILE]},
    "sites": {"id": [HOSTILE], "x": [1], "y": [1], "lat": [1.0], "lon": [1.0], "land_cover": [0], "biome": [0]},
}  # fmt: skip
