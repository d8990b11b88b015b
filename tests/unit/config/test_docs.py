"""The documentation's studies load, its messages are the real ones, its commands name what exists."""

import re
from pathlib import Path

import pytest
import yaml
from greenup.config import resolve
from greenup.errors import UserError

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config/README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}


def examples(language: str) -> list[tuple[str, str]]:
    """Page and text of every block of code in one language."""
    return [(page, code) for page, text in TEXT.items() for code in re.findall(rf"```{language}\n(.*?)```", text, re.S)]


STUDIES = [(page, code) for page, code in examples("yaml") if "# refused" not in code]


def test_there_are_examples():
    assert sum(page == "docs/configuration.md" for page, _ in STUDIES) >= 8


@pytest.mark.parametrize("page, code", STUDIES, ids=[f"{p}:{yaml.safe_load(c)['study']}" for p, c in STUDIES])
def test_study_loads(page, code):
    assert resolve(yaml.safe_load(code), where=page).study == yaml.safe_load(code)["study"]


def test_the_refused_study_is_refused_in_these_words():
    (_, wrong), (_, said) = next(e for e in examples("yaml") if "# refused" in e[1]), examples("text")[0]
    with pytest.raises(UserError) as caught:
        resolve(yaml.safe_load(wrong), where="wrong.yaml")
    assert str(caught.value) == said.strip()


def test_the_walkthroughs_mistake_is_refused_in_these_words():
    said = examples("console")[0][1].split("\n", 1)[1].strip()
    study = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    study["models"]["moco_eco"]["method"]["queue"] = 250
    with pytest.raises(UserError) as caught:
        resolve(study, where="my_demo.yaml")
    assert str(caught.value) == said


def test_merging_is_as_told():
    small = resolve(yaml.safe_load(next(c for _, c in STUDIES if "study: small" in c)))
    assert {n: d.patches.size_px for n, d in small.datasets.items()} == {"ssl4eco": 64, "ssl4eo_s12": 96}
    assert {d.imagery.source for d in small.datasets.values()} == {"miniature"}
    assert len(small.datasets["ssl4eco"].patches.bands) == 12 + 1


def test_kinds_told_are_the_kinds_there_are():
    from greenup.config.data import Imagery
    from greenup.config.generate import _kinds, _tag
    from greenup.config.labels import Labels
    from greenup.config.methods import Method
    from greenup.config.phenology import Phenology
    from greenup.config.seasons import Seasons
    from greenup.config.sites import Sites

    unions = {"sites": Sites, "phenology": Phenology, "seasons": Seasons, "imagery": Imagery}
    unions |= {"method": Method, "labels": Labels}
    for name, union in unions.items():
        row = re.search(rf"^\| `{name}\.\w+` \| (.*) \|$", TEXT["docs/configuration.md"], re.M)
        assert set(re.findall(r"`(\w+)`", row[1])) == {_tag(kind)[1] for kind in _kinds(union)}, name


def test_commands_name_targets_and_studies_that_exist():
    rules = "".join(p.read_text() for p in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    makefile = (ROOT / "Makefile").read_text()
    commands = [line.split("#")[0].strip() for _, code in examples("bash") for line in code.splitlines()]
    for command in commands:
        if command.startswith("snakemake"):
            for study in re.findall(r"--configfile (config/\S+)", command):
                assert (ROOT / study).is_file(), command
            for target in re.findall(r"--configfile \S+ ([a-z]\w+)$", command):
                assert f"\nrule {target}:" in rules, command
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.M), command
    assert sum(c.startswith("snakemake") for c in commands) >= 6


def test_the_graph_shows_the_rules():
    """docs/rulegraph.svg has every rule that makes the demo's report; these have no part in it."""
    shown = set(re.findall(r">(\w+)</text>", (ROOT / "docs/rulegraph.svg").read_text()))
    rules = {
        name
        for path in (ROOT / "rules").glob("*.smk")
        for name, body in re.findall(r"^rule (\w+):\n((?:[ \t].*\n|\n)+)", path.read_text() + "\n", re.M)
        if re.search(r"^    output:", body, re.M)
    }
    apart = {"fetch_source", "fetch_weights", "import_weights", "sampling_check", "list_published", "write_layout"}
    # Vectors of points without labels, and of no images.
    apart |= {"embed_points", "take_features"}
    # Labels and images of others.
    apart |= {"fetch_label_table", "list_image_set", "label_image_set", "embed_image_set", "detect_change"}
    apart |= {"submit_species"}
    # A grid of models.
    apart |= {"ablation_table"}
    assert shown == rules - apart | {"all"}


def test_contributing_names_what_exists():
    """Paths, names in the library and variables of the page; `...` and <...> stand for what is to be written."""
    text = re.sub(r"```.*?```", "", TEXT["CONTRIBUTING.md"], flags=re.S)
    library = ROOT / "scripts/greenup"
    code = "\n".join(p.read_text() for p in library.rglob("*.py"))
    checked = 0
    for quoted in re.findall(r"`([^`]+)`", text):
        if "<" in quoted or "..." in quoted or " " in quoted:
            continue
        if "/" in quoted or quoted.endswith((".py", ".toml", ".lock", ".md")):
            assert any((base / quoted.rstrip("/")).exists() for base in (ROOT, library)), quoted
            checked += 1
        elif match := re.fullmatch(r"(greenup(?:\.[a-z_]+)+?)(?:\.(\w+))?(?:\(.*\))?", quoted):
            module = ROOT.joinpath("scripts", *match[1].split("."))
            assert module.with_suffix(".py").exists() or module.is_dir(), quoted
            checked += 1
        elif re.fullmatch(r"[A-Z][A-Za-z]+|[a-z]+_[a-z_]+", quoted):
            assert re.search(rf"\b{quoted}\b", code), quoted
            checked += 1
    assert checked > 25


def test_links_between_pages_lead_somewhere():
    """Files, and headings of pages as GitHub names them."""
    for page, text in TEXT.items():
        for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            there = (ROOT / page).parent / path if path else ROOT / page
            assert there.exists(), f"{page}: {target}"
            if anchor and there.suffix == ".md":
                heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
                assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}, (
                    f"{page}: {target}"
                )
