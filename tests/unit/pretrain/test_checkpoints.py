import logging

import pytest
import torch
from greenup.pretrain.checkpoints import Checkpoints


@pytest.fixture
def checkpoints(tmp_path):
    c = Checkpoints(tmp_path, "mine")
    for step in (10, 20, 30):
        c.save(step, {"weights": torch.full((1000,), float(step))})
    return c


def test_two_are_kept_and_the_newest_is_loaded(checkpoints):
    assert [p.name for p in checkpoints.files()] == ["step-000000020.ckpt", "step-000000030.ckpt"]
    state = checkpoints.load()
    assert state["step"] == 30 and (state["weights"] == 30).all()


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_damaged_one_falls_back_to_the_one_before(checkpoints, harm, caplog):
    newest = checkpoints.files()[-1]
    content = bytearray(newest.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
    newest.write_bytes({"cut": content[:-500], "flip": content, "empty": b""}[harm])
    with caplog.at_level(logging.WARNING):
        state = checkpoints.load()
    assert state["step"] == 20 and (state["weights"] == 20).all()
    assert f"{newest} is damaged" in caplog.text and not newest.exists()


def test_nothing_of_another_training_is_used(checkpoints, caplog):
    with caplog.at_level(logging.WARNING):
        assert Checkpoints(checkpoints.folder, "another").load() is None
    assert "other settings or data" in caplog.text
    assert checkpoints.files() == []


def test_a_half_written_file_is_never_seen(tmp_path):
    c = Checkpoints(tmp_path, "mine")
    with pytest.raises(Exception, match="pickle"):
        c.save(1, {"bad": lambda: None})
    assert list(tmp_path.iterdir()) == [] and c.load() is None
