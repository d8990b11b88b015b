"""The profile `slurm` gives every rule that is submitted what it needs, GPUs to those alone that use them."""

import re
from pathlib import Path

import pytest
from greenup.places import REPOSITORY
from snakemake.profiles import ProfileConfigFileParser

SITE = "cpu_partition: standard\ngpu_partition: accelerated\ngpu_kind: a100\naccount: mine\n"


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The profile as Snakemake reads it: option to value, resources by rule."""
    site = tmp_path_factory.mktemp("site") / "site.yaml"
    site.write_text(SITE)
    with pytest.MonkeyPatch.context() as patch, (REPOSITORY / "profiles/slurm/config.yaml").open() as stream:
        patch.setenv("GREENUP_SITE", str(site))
        patch.chdir(REPOSITORY)
        found = ProfileConfigFileParser().parse(stream)
    by_rule: dict[str, dict[str, str]] = {}
    for rule, name, value in (re.fullmatch(r"(\w+):(\w+)=(.*)", line).groups() for line in found["set-resources"]):
        by_rule.setdefault(rule, {})[name] = value
    return found | {
        "set-resources": by_rule,
        "default-resources": dict(line.split("=", 1) for line in found["default-resources"]),
        "set-threads": dict(line.split("=", 1) for line in found["set-threads"]),
    }


@pytest.fixture(scope="module")
def rules() -> dict[str, str]:
    """Every rule of the workflow, by name, with its text."""
    text = "\n".join(
        p.read_text() for p in [REPOSITORY / "Snakefile", *sorted(Path(REPOSITORY, "rules").glob("*.smk"))]
    )
    return dict(re.findall(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)+)", text + "\n", flags=re.MULTILINE))


@pytest.fixture(scope="module")
def local(rules) -> set[str]:
    """Rules that run where Snakemake runs."""
    told = re.search(r"^localrules:\n((?:[ \t]+\w+,\n)+)", (REPOSITORY / "Snakefile").read_text(), flags=re.MULTILINE)
    return set(re.findall(r"\w+", told[1])) | {name for name, text in rules.items() if "localrule: True" in text}


def test_resources_stand_in_the_profile_and_in_no_rule(rules):
    assert len(rules) > 50
    assert not [name for name, text in rules.items() if re.search(r"^ +resources:", text, flags=re.MULTILINE)]


def test_every_rule_that_is_submitted_gets_memory_and_time_that_grow(profile, rules, local):
    for rule in set(rules) - local:
        asked = profile["default-resources"] | profile["set-resources"].get(rule, {})
        assert "attempt" in asked["mem_mb"] and "attempt" in asked["runtime"], rule
        assert asked["slurm_partition"] in ("'standard'", "'accelerated'") and asked["slurm_account"] == "'mine'"


def test_gpu_rules_alone_get_the_gpu_partition(profile, rules):
    """Those rules train or encode with PyTorch and are run by `shell:`, as all long ones are."""
    long = {name for name, text in rules.items() if "envs/train.yaml" in text and "shell:" in text}
    asked = {rule for rule, what in profile["set-resources"].items() if what.get("slurm_partition") == "'accelerated'"}
    assert asked == {rule for rule, what in profile["set-resources"].items() if int(what.get("gpu", 0))} == long
    assert "gpu" not in profile["default-resources"]
    assert all(profile["set-resources"][rule]["gpu_model"] == "'a100'" for rule in long)


def test_rules_that_the_profile_names_are_there_and_submitted(profile, rules, local):
    """A name with a mistake would give its resources to nobody."""
    named = set(profile["set-resources"]) | set(profile["set-threads"]) | {g.split("=")[0] for g in profile["groups"]}
    assert named <= set(rules) - local


def test_what_only_gathers_looks_or_fetches_is_local(rules, local):
    works = re.compile(r"^ +(script|shell|run|notebook):", flags=re.MULTILINE)
    assert {name for name, text in rules.items() if not works.search(text)} <= local
    assert {"plan", "status", "verify", "repair", "record_provenance"} <= local
    assert {name for name in rules if name.startswith("fetch_")} <= local


def test_what_asks_an_image_source_is_counted(profile):
    asking = {rule for rule, what in profile["set-resources"].items() if what.get("imagery_jobs") == "1"}
    assert asking == {"choose_scenes", "export_patches"} and profile["resources"] == ["imagery_jobs=2"]


def test_jobs_are_started_again_by_one_alone(profile):
    assert profile["slurm-no-requeue"] == "True" and "slurm-requeue" not in profile
    assert int(profile["retries"]) > 0
