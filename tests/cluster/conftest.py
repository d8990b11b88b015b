"""The workflow on a real Slurm: one small cluster, one run on it and one without it, for all tests of the session."""

import os

import pytest

from tests.cluster.mini_slurm import MiniSlurm, NoSlurm
from tests.cluster.runs import ClusterRun, copy_until, run_locally


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A running cluster. Skips loudly where none can be had, fails where it is required (`make test-cluster`)."""
    cluster = MiniSlurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
    except NoSlurm as error:
        if os.environ.get("GREENUP_REQUIRE_SLURM") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def clean(slurm, tmp_path_factory):
    """tests/cluster/small.yaml run to its end without a cluster; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("clean")
    run_locally(folder, "evaluate")
    return folder


@pytest.fixture
def begun(slurm, clean, tmp_path):
    """The same study with its scenes chosen and no patches yet, about to be run on the cluster."""
    run = ClusterRun(slurm, copy_until("patches", clean, tmp_path / "study"), faults=tmp_path / "faults")
    yield run
    run.end()
    slurm.clear()
