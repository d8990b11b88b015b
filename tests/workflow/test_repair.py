"""A damaged shard is found, moved aside and made again, and nothing else is made again with it."""

import os
import re
import shutil
from pathlib import Path

import pytest
from greenup.patches.container import ShardFile

from .conftest import snakemake


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The patches of config/tiny.yaml."""
    folder = tmp_path_factory.mktemp("repair")
    snakemake(folder, "patches")
    return folder


def times(folder: Path) -> dict[Path, int]:
    """When every file below the study was last written, but for what tells of the runs themselves."""
    root = folder / "results/tiny"
    untold = {"logs", "benchmarks", "work"}
    files = [p for p in root.rglob("*") if p.is_file() and p.relative_to(root).parts[0] not in untold]
    return {p.relative_to(root): p.stat().st_mtime_ns for p in files if p.name != "verify.csv"}


def jobs(run) -> list[str]:
    """Rules of the jobs that a run has finished, one entry a job; `patches` itself makes nothing."""
    return [r for r in re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", run.stdout + run.stderr) if r != "patches"]


def flip(path: Path) -> None:
    stamp = path.stat().st_mtime_ns
    with ShardFile(path) as file:
        chunk = file.handle["pixels_10"].id.get_chunk_info(0)
    with path.open("r+b") as handle:
        handle.seek(chunk.byte_offset + chunk.size // 2)
        byte = handle.read(1)[0]
        handle.seek(-1, 1)
        handle.write(bytes([byte ^ 0x10]))
    # As a failing disk does it.
    os.utime(path, ns=(stamp, stamp))


def test_only_the_damaged_shard_is_made_again(made):
    before = times(made)
    assert jobs(snakemake(made, "verify")) == ["verify"]
    shard = sorted((made / "results/tiny/patches/ssl4eco").glob("*.h5"))[0]
    whole = shard.read_bytes()
    flip(shard)
    assert times(made) == before
    found = snakemake(made, "verify", check=False)
    assert found.returncode and f"{shard.name}: row 0 " in f"{found.stdout}{found.stderr}"
    assert times(made) == before

    snakemake(made, "repair")
    assert not shard.exists()
    again = snakemake(made, "patches")
    logs = made / "results/tiny/logs/export_patches"
    assert jobs(again) == ["export_patches"], again.stderr
    assert "1 fetched" in (logs / "ssl4eco" / f"{shard.stem}.log").read_text()
    assert shard.read_bytes() == whole
    # The time stamps too, before the next run is planned: whatever was made of the shard is still newer than it.
    snakemake(made, "verify")
    assert times(made) == before
    assert "Nothing to be done" in snakemake(made, "patches", "-n").stdout


def test_an_index_that_was_tampered_with_is_made_again(made):
    root = made / "results/tiny"
    index = root / "datasets/ssl4eco/index.parquet"
    other = root / "datasets/biome_points/index.parquet"
    shutil.copy2(other, index)
    assert snakemake(made, "verify", check=False).returncode
    snakemake(made, "repair")
    assert jobs(snakemake(made, "patches")) == ["describe_dataset"]
    snakemake(made, "verify")
