"""The tests' own Slurm touches no other."""

import pytest

from tests.cluster import mini_slurm
from tests.cluster.mini_slurm import MiniSlurm, NoSlurm


@pytest.fixture
def no_namespace(tmp_path, monkeypatch):
    """A kernel that lends no mount namespace, and a folder in the place of /etc/slurm."""
    refuses = tmp_path / "bin/unshare"
    refuses.parent.mkdir()
    refuses.write_text("#!/bin/sh\nexit 1\n")
    refuses.chmod(0o755)
    monkeypatch.setenv("PATH", str(refuses.parent), prepend=":")
    settings = tmp_path / "etc"
    settings.mkdir()
    monkeypatch.setattr(mini_slurm, "SETTINGS", settings)
    return settings


def test_settings_that_are_there_are_left_alone(tmp_path, no_namespace):
    theirs = no_namespace / "slurm.conf"
    theirs.write_text("ClusterName=theirs\n")
    with pytest.raises(NoSlurm, match="this machine has a Slurm of its own"):
        MiniSlurm(tmp_path / "cluster")._enter()
    assert theirs.read_text() == "ClusterName=theirs\n" and list(no_namespace.iterdir()) == [theirs]


def test_links_are_taken_away_again(tmp_path, no_namespace):
    cluster = MiniSlurm(tmp_path / "cluster")
    cluster._enter()
    assert {p.name for p in no_namespace.iterdir()} == {"slurm.conf", "gres.conf"}
    cluster.stop()
    assert not list(no_namespace.iterdir())
