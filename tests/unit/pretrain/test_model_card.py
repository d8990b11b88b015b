"""What a model card tells, for models that were trained and for released ones."""

import pytest
from greenup.config.weights import weights_named
from greenup.pretrain.backbones import architecture_of
from greenup.pretrain.card import describe, describe_released, model_card
from greenup.pretrain.preprocess import Preprocess
from learners import model_of

STATISTICS = {"simulated": False, "attribution": "Copernicus Sentinel data", "product": "s2_l1c"}


def about_of(model, **more):
    numbers = {
        "seed": 1,
        "sites": 5000,
        "training_sites": 4900,
        "images": 20_000,
        "calibration_images": 256,
        "width": 192,
    }
    return describe("m", model, STATISTICS, **numbers) | more


@pytest.fixture
def row():
    return {"epoch": 3, "step": 12, "loss": 1.25, "held_out_loss": float("nan")}


def test_a_trained_transformer(row):
    model = model_of("dino", "vit_tiny", compat=("solarize_below",)).model_copy(
        update={"input_scale": "reflectance_8bit", "size_px": 32}
    )
    card = model_card(about_of(model, skipped=3), Preprocess.from_model(model, None), [row])
    assert "| channel | stored as | mean | std | low | high | steps |" in card
    assert "| B8 | reflectance x 10 000 | 0.00 | 10000.00 | 0.00 | 10000.00 | 255 |" in card
    assert f"multiples of {model.patch_px} pixels, one token" in card and "32 x 32 pixels" in card
    assert "3 were skipped in training" in card and "solarize_below" in card
    assert "teacher_temperature 0.04" in card and "local_views 8" in card
    assert "Level-1C" in card and "timm.create_model('vit_tiny_patch16_224'" in card
    assert "Batch norm" not in card and "torchvision" not in card
    assert "held-out loss - and -" in card and "Copernicus Sentinel data" in card


def test_a_plain_scale_tells_of_no_cut(row):
    model = model_of("seco").model_copy(update={"input_scale": "published_255"})
    card = model_card(about_of(model), Preprocess.from_model(model, None), [row])
    assert "| channel | stored as | mean | std |\n" in card and "low" not in card.split("## Loading")[0]
    assert "Batch norm holds the statistics of 256 images" in card and "torchvision alone" in card
    assert "skipped" not in card and "Quirks" not in card


def test_released_weights_name_licence_and_citation():
    model = model_of("seco").model_validate({"method": {"name": "published", "weights": "ssl4eo_mae_vits"}})
    about = describe_released("mae", model, weights_named("ssl4eo_mae_vits"), architecture_of(model), width=384)
    card = model_card(about, Preprocess.from_model(model, None), [])
    assert "Licence: CC BY 4.0. Cite Wang et al. 2023" in card and "not trained here" in card
    assert "## Training" not in card and "Smoke" not in card
    assert card.count("| 255 |") == 13
