"""What stands in a user's environment or was typed by mistake turns up in nothing that a run writes."""

import pyarrow.parquet as pq
import yaml

from .conftest import REPOSITORY, SECRETS, snakemake

TYPED = "tests-hidden-typed"


def holding(folder, secrets) -> list[str]:
    """Files below a folder that hold one of these texts; in Parquet the columns too, which are compressed."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if content[:4] == b"PAR1":
            content += str(pq.read_table(path).to_pydict()).encode()
        found += [path.relative_to(folder).as_posix()] if any(s.encode() in content for s in secrets) else []
    return found


def test_the_environment_of_a_whole_run_is_nowhere_in_what_it_wrote(tiny):
    """Logs, records of Snakemake, provenance, cards, tables, pages."""
    assert (tiny / "results/tiny/report.html").is_file() and (tiny / "results/tiny/logs").is_dir()
    assert (tiny / ".snakemake/metadata").is_dir() and any((tiny / ".snakemake/log").iterdir())
    assert holding(tiny, SECRETS.values()) == []


def test_a_login_in_a_study_ends_the_run_before_anything_is_written(tmp_path):
    study = yaml.safe_load((REPOSITORY / "config/tiny.yaml").read_text())
    study["every_dataset"] = {"imagery": {"source": "stac", "url": f"https://me:{TYPED}@stac.example.org/v1"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    run = tmp_path / "run"
    done = snakemake(run, check=False, config=tmp_path / "study.yaml")
    assert done.returncode and "every_dataset.imagery.url: holds a password, token or signature" in done.stderr
    assert TYPED not in done.stdout + done.stderr and holding(run, [TYPED]) == []


def test_the_search_finds_what_is_there(tmp_path):
    (tmp_path / "a.log").write_text(f"x{TYPED}y")
    assert holding(tmp_path, [TYPED]) == ["a.log"]
