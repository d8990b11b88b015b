from greenup.config.published import read_names
from greenup.paper.plain import to_markdown
from greenup.paper.published import read_models
from greenup.paper.table2 import COLUMNS, compared_models, readable_models

MODELS = {
    "seco_eco": {"dataset": "ssl4eco", "backbone": "resnet50", "method": "seco", "weights": None, "simulated": True},
    "dofa_published": {
        **{"dataset": None, "backbone": "dofa_vit_large", "method": "published"},
        **{"weights": "dofa_vit_large", "simulated": False},
    },
    "band_statistics": {
        **{"dataset": None, "backbone": None, "method": "band_statistics", "weights": None, "simulated": False}
    },
}


def test_published_models_stand_before_those_of_the_study():
    table = compared_models(read_models(), MODELS, read_names())
    assert tuple(table.columns) == COLUMNS and len(table) == 7 + 3
    own = table[table["source"] == "this study"].set_index("model")
    assert own["stands_for"].to_dict() == {"seco_eco": "SeCo-Eco", "dofa_published": "DOFA", "band_statistics": ""}
    assert own["pretraining"].tolist() == ["seco", "as released: dofa_vit_large", "band_statistics"]
    assert own["simulated"].tolist() == [True, False, False]
    assert set(table["source"]) == {"this study", "Plekhanova et al. 2025, Table 2"}


def test_a_model_behind_another_of_the_same_row_stands_for_nothing():
    both = {"seco_eco": MODELS["seco_eco"], "seco_eco_published": MODELS["dofa_published"]}
    table = compared_models(read_models(), both, read_names()).set_index("model")
    assert table.loc["seco_eco_published", "stands_for"] == "SeCo-Eco" and table.loc["seco_eco", "stands_for"] == ""


def test_readers_see_what_is_simulated_and_that_nothing_is_evaluated():
    text = to_markdown(readable_models(compared_models(read_models(), MODELS, read_names())))
    assert "| seco_eco | SeCo-Eco | ssl4eco (simulated images) | resnet50 | seco |" in text
    assert "| band_statistics | – | – | – | band statistics |" in text
    assert "| Satlas | – | SatlasPretrain | Swin-B | Supervised |" in text
    assert "no model is evaluated" in to_markdown(readable_models(compared_models(read_models(), {}, read_names())))
