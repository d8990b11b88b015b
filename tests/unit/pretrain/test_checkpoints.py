import logging
import resource

import pytest
import torch
from greenup.pretrain.checkpoints import Checkpoints, differences

MINE = {"model": {"method": {"name": "seco", "epochs": 3}}, "seed": 5}


@pytest.fixture
def checkpoints(tmp_path):
    c = Checkpoints(tmp_path, MINE)
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
    assert checkpoints.load(tidy=False)["step"] == 20 and newest.exists()
    with caplog.at_level(logging.WARNING):
        state = checkpoints.load()
    assert state["step"] == 20 and (state["weights"] == 20).all()
    assert f"{newest} is damaged" in caplog.text and not newest.exists()


def test_another_training_is_named_with_what_differs_and_put_aside(checkpoints, caplog):
    other = {"model": {"method": {"name": "seco", "epochs": 9}}, "seed": 5}
    mine = {p.name: p.read_bytes() for p in checkpoints.files()}
    with caplog.at_level(logging.WARNING):
        assert Checkpoints(checkpoints.folder, other).load() is None
    assert "model.method.epochs: 3, now 9" in caplog.text and "seed" not in caplog.text.replace("seed/", "")
    (aside,) = checkpoints.folder.glob("other-*")
    assert {p.name: p.read_bytes() for p in aside.iterdir()} == mine
    assert checkpoints.files() == []


def test_a_checkpoint_without_settings_is_another_training(checkpoints):
    checkpoints.settings = "{}"
    checkpoints.save(40, {})
    assert Checkpoints(checkpoints.folder, MINE).load()["step"] == 30


def test_differences_are_few_and_counted():
    assert differences({"a": 1, "b": {"c": [1]}}, {"a": 1, "b": {"c": [2], "d": 3}}) == [
        "b.c: [1], now [2]",
        "b.d: nothing, now 3",
    ]
    many = differences({}, {str(i): i for i in range(8)})
    assert len(many) == 6 and many[-1] == "and 3 more"


def test_a_half_written_file_is_never_seen(tmp_path):
    c = Checkpoints(tmp_path, MINE)
    with pytest.raises(Exception, match="pickle"):
        c.save(1, {"bad": lambda: None})
    assert list(tmp_path.iterdir()) == [] and c.load() is None


def test_without_room_the_one_before_stays(checkpoints):
    """A limit on the size of files, as a full disk: the write itself fails."""
    before = {p.name: p.read_bytes() for p in checkpoints.folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError):
            checkpoints.save(40, {"weights": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {p.name: p.read_bytes() for p in checkpoints.folder.iterdir()} == before
    assert checkpoints.load()["step"] == 30
