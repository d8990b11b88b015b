"""The text of `snakemake status` from jobs as they are planned."""

from greenup.status.planned import Planned
from greenup.status.words import status_text


def planned(rule: str, stage: str, *, after: tuple[int, ...] = (), **given) -> Planned:
    wildcards = {k: given.pop(k) for k in ("dataset", "shard", "model", "task") if k in given}
    known = {"outputs": ("f",), "missing": (), "is_due": False, "causes": (), "has_begun": False, "log": ""}
    return Planned(rule=rule, stage=stage, wildcards=wildcards, after=after, **{**known, **given})


def text(*jobs: Planned, root="results/x", locked=False) -> list[str]:
    return status_text(jobs, root, ("sites", "patches", "pretrain", "paper"), locked=locked).splitlines()


def test_all_is_done():
    said = text(planned("sample_sites", "sites", dataset="d"), planned("fig1", "paper"))
    assert said == ["results/x: all 2 jobs are done", "sites      all 1 done", "paper      all 1 done"]


def test_outdated_says_why_and_what_follows_once():
    said = text(
        planned("pretrain_model", "pretrain", model="m", is_due=True, causes=("recipe was 1, is 2",), after=(1, 2)),
        planned("run_probe", "paper", model="m", task="t", is_due=True, after=(3,)),
        planned("run_probe", "paper", model="m", task="u", is_due=True, after=(3,)),
        planned("fig3", "paper", is_due=True),
        planned("fig1", "paper"),
    )
    assert said[0] == "results/x: 4 of 5 jobs to do"
    why = "outdated (recipe was 1, is 2): pretrain_model m; then 3 jobs after that: run_probe 2, fig3"
    assert said[2].strip() == why
    assert said[3:] == ["paper      1 of 4 done", f"{'':11}again, after what they are made of: run_probe 2, fig3"]


def test_missing_failed_under_way_and_not_needed(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("10:00:00 error: d/0002: 3 images are lacking\n")
    shards = [
        planned("export_patches", "patches", dataset="d", shard="0000", missing=("f",), is_due=True),
        planned("export_patches", "patches", dataset="d", shard="0001", missing=("f",), is_due=True, has_begun=True),
        planned("export_patches", "patches", dataset="d", shard="0002", missing=("f",), is_due=True, log=str(log)),
        planned("export_patches", "patches", dataset="e", shard="0000", missing=("f",)),
        planned("describe_dataset", "patches", dataset="d", outputs=("f", "g"), missing=("g",), is_due=True),
    ]  # fmt: skip
    for locked, begun in ((False, "begun and not ended"), (True, "under way")):
        said = [line.strip() for line in text(*shards, root=tmp_path, locked=locked)]
        assert f"{begun}: export_patches d (1 shard: 0001)" in said
        assert f"failed: export_patches d (1 shard: 0002): d/0002: 3 images are lacking ({log})" in said
        assert "missing: export_patches d (1 shard: 0000)" in said
        assert "missing but for 1 of its 2 files: describe_dataset d" in said
        assert "not there and not needed, since what is made of it is there: export_patches e (1 shard: 0000)" in said
        assert any("another Snakemake" in line for line in said) == locked


def test_long_lists_are_cut_and_counted():
    said = text(*(planned("run_probe", "paper", task=f"t{i}", missing=("f",), is_due=True) for i in range(20)))
    assert said[-1].endswith("run_probe t0, t1, t2, t3, t4, t5 and 14 more")
    said = text(*(planned(f"r{i}", "paper", is_due=True, causes=(f"c{i}",)) for i in range(20)))
    assert len(said) == 15 and said[-1].strip() == "and 8 more reasons"
