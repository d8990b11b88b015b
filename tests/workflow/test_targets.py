"""Named targets, planning at full size, bad input, damaged files, Snakemake's own report."""

import os
import re
import subprocess
import time
import zipfile

import pytest
import yaml

from .conftest import REPOSITORY, environment, snakemake


def planned(output: str) -> dict[str, int]:
    """Rule -> jobs from the job table of a dry run."""
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)$", output, flags=re.M)}


@pytest.mark.parametrize(
    ("target", "needed", "spared"),
    [
        ("fig1", {"sample_sites", "fig1"}, {"choose_scenes", "export_patches", "pretrain_model"}),
        ("fig2", {"date_phenology", "export_patches", "fig2"}, {"pretrain_model", "run_probe", "label_task"}),
        ("sites", {"sample_sites"}, {"date_phenology"}),
        ("phenology", {"date_phenology", "place_seasons"}, {"choose_scenes"}),
        ("scenes", {"choose_scenes"}, {"export_patches"}),
        ("patches", {"export_patches", "describe_dataset"}, {"pretrain_model"}),
        ("pretrain", {"pretrain_model"}, {"embed_images", "label_task"}),
        ("tasks", {"label_task"}, {"pretrain_model"}),
        ("evaluate", {"run_probe", "finetune_model"}, {"fig1", "write_report"}),
        ("paper", {"fig1", "fig2", "results_table", "write_report"}, set()),
        ("report", {"write_report"}, set()),
    ],
)
def test_target_needs_only_its_part(tmp_path, target, needed, spared):
    jobs = planned(snakemake(tmp_path, target, "-n").stdout)
    assert needed <= set(jobs)
    assert not spared & set(jobs)


def test_a_study_of_images_alone_exports_them(tmp_path):
    """The README's own points: no model, no task, only datasets."""
    readme = (REPOSITORY / "README.md").read_text()
    written = next(block for block in re.findall(r"```yaml\n(.*?)```", readme, flags=re.S) if "my_points" in block)
    (tmp_path / "study.yaml").write_text(written)
    (tmp_path / "points.csv").write_text("lon,lat\n8.5,47.4\n")
    jobs = planned(snakemake(tmp_path, "patches", "-n", config=str(tmp_path / "study.yaml")).stdout)
    assert {"sample_sites", "choose_scenes", "export_patches", "describe_dataset"} <= set(jobs)


def test_full_paper_plans_on_the_slurm_profile():
    """As typed in the README, from the repository's root, on config/paper.yaml; with the example of a site file."""
    done = subprocess.run(
        ["snakemake", "--profile", "slurm", "-n", "--quiet"],
        cwd=REPOSITORY, env={**environment(), "GREENUP_SITE": "profiles/slurm/site.example.yaml"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def study(tmp_path, change) -> str:
    """A copy of config/tiny.yaml with a mistake in it."""
    config = yaml.safe_load((REPOSITORY / "config/tiny.yaml").read_text())
    change(config)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda c: c.update(sead=1), ["sead", "did you mean 'seed'"]),
        (lambda c: c["datasets"]["ssl4eco"]["sites"].update(limit="many"), ["datasets.ssl4eco.sites.limit", "many"]),
        (
            lambda c: c["models"]["seco_eco"].update(dataset="ssl5eco"),
            ["models.seco_eco.dataset", "ssl5eco", "ssl4eco"],
        ),
        (lambda c: c["datasets"]["ssl4eco"].update(seasons={"rule": "moon"}), ["seasons.rule", "moon", "evi"]),
    ],
)
def test_bad_configuration_is_refused_before_any_job(tmp_path, change, names):
    started = time.monotonic()
    done = snakemake(tmp_path, "-n", config=study(tmp_path, change), check=False)
    assert done.returncode
    said = done.stdout + done.stderr
    for name in names:
        assert name in said
    assert "mend:" in said
    assert "Traceback" not in said
    assert time.monotonic() - started < 60
    assert not (tmp_path / "results").exists()


def test_bad_points_file_is_refused(tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("site_id,lon,lat\na,8.5,47.4\nb,9.1,95\n")
    config = study(
        tmp_path, lambda c: c["datasets"]["biome_points"].update(sites={"sampler": "points", "file": str(points)})
    )
    done = snakemake(tmp_path, "results/tiny/sites/biome_points.parquet", config=config, check=False)
    assert done.returncode
    for part in ("points.csv", "lat", "95", "mend:"):
        assert part in done.stdout + done.stderr


def test_empty_shard_is_refused(tmp_path):
    config = study(tmp_path, lambda c: c["datasets"]["ssl4eco"].update(shards=50))
    done = snakemake(tmp_path, "results/tiny/sites/ssl4eco.parquet", config=config, check=False)
    assert done.returncode
    assert "50 shards" in done.stdout + done.stderr


def test_damaged_shard_is_named_and_made_again(tmp_path, tiny):
    """Works on a copy of the clean run: one byte of one pixel file is turned over."""
    subprocess.run(["cp", "-a", f"{tiny}/.", str(tmp_path)], check=True)
    shard = tmp_path / "results/tiny/patches/ssl4eco/0001.h5"
    others = {p: p.stat().st_mtime for p in tmp_path.glob("results/tiny/patches/*/*.h5") if p != shard}
    good = shard.read_bytes()
    # In the middle of the compressed pixels, keeping the file's age: only the checksum can tell.
    stat = shard.stat()
    broken = bytearray(good)
    for i in range(len(good) // 2, len(good) // 2 + 64):
        broken[i] ^= 0xFF
    shard.chmod(0o644)
    shard.write_bytes(broken)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    done = snakemake(tmp_path, "verify", check=False)
    assert done.returncode
    assert "ssl4eco/0001" in done.stdout + done.stderr
    assert "repair" in done.stdout + done.stderr
    snakemake(tmp_path, "repair")
    assert not shard.exists()
    snakemake(tmp_path, "patches")
    snakemake(tmp_path, "verify")
    assert {p: p.stat().st_mtime for p in others} == others


def test_snakemakes_own_report(tmp_path, tiny):
    snakemake(tiny, "--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        names = archive.namelist()
    assert any("fig1" in n or n.endswith(".png") for n in names), names[:20]
