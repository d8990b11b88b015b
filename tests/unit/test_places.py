"""Paths as they can be shown to others."""

import pytest
from greenup.places import portable, shipped


@pytest.fixture
def here(tmp_path):
    for name in ("work", "checkout", "home/somebody"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("results/x/sites/a.parquet", "results/x/sites/a.parquet"),
        ("{}/work/results/a.csv", "results/a.csv"),
        ("{}/checkout/config/demo.yaml", "config/demo.yaml"),
        ("{}/home/somebody/points.csv", "points.csv"),
        ("../home/somebody/points.csv", "points.csv"),
        ("../work/results/a.csv", "results/a.csv"),
    ],
)
def test_no_folder_of_anyone_is_shown(here, monkeypatch, path, shown):
    monkeypatch.chdir(here / "work")
    assert portable(path.format(here), repository=here / "checkout") == shown


def test_the_folder_of_the_run_comes_first(here):
    inner = here / "checkout/trial"
    inner.mkdir()
    assert portable(inner / "a.csv", folder=inner, repository=here / "checkout") == "a.csv"


def test_a_shipped_file_moves_with_the_checkout_that_is_run_in(here):
    checkout = here / "checkout"
    assert shipped("config/a.csv", folder=checkout, repository=checkout) == "config/a.csv"
    assert shipped("config/a.csv", folder=here / "work", repository=checkout) == str(checkout / "config/a.csv")
