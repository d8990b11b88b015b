"""A model's folder says all that its block needs to, whoever trained it."""

import json

import pytest
from greenup.config import Model, parse
from greenup.config.given import model_of_folder
from greenup.config.weights import known
from greenup.pretrain.backbones import architecture_of
from greenup.pretrain.preprocess import Preprocess
from pydantic import ValidationError

TAKEN = ("backbone", "patch_px", "channels", "input_scale", "size_px", "interpolation", "zero_when_missing")


def write_config(folder, architecture, preprocess):
    about = {"architecture": architecture, "preprocess": preprocess, "channels": preprocess["channels"]}
    (folder / "config.json").write_text(json.dumps(about))
    return {"method": {"name": "folder", "path": str(folder)}}


@pytest.mark.parametrize("name", known())
def test_released_weights_are_the_same_from_their_folder(name, tmp_path):
    released = parse(Model, {"method": {"name": "published", "weights": name}})
    written = write_config(tmp_path, architecture_of(released), Preprocess.from_model(released, None).to_json())
    given = parse(Model, written)
    for key in TAKEN:
        if key != "patch_px" or not released.backbone.startswith("resnet"):
            assert getattr(given, key) == getattr(released, key), key
    assert given.is_given and given.dataset is None


def test_a_network_that_this_greenup_has_not_is_named(tmp_path):
    model = parse(
        Model, {"method": {"name": "random_init"}, "dataset": "d", "backbone": "resnet18", "input_scale": "reflectance"}
    )
    preprocess = Preprocess.from_model(model, None).to_json()
    written = write_config(tmp_path, {"name": "resnet180", "arguments": {}}, preprocess)
    with pytest.raises(ValidationError, match=r"'resnet180' is none of resnet18, .*dofa_vit_large"):
        parse(Model, written)
    write_config(tmp_path, architecture_of(model), preprocess)
    assert model_of_folder(tmp_path)["backbone"] == "resnet18" and "patch_px" not in model_of_folder(tmp_path)
