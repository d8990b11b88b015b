"""The grid of an ablation: which datasets and models it makes, and what is refused."""

import copy

import pytest
from greenup.bands import SECO_ECO
from greenup.config.ablation import AXES, Ablation
from greenup.config.load import LIBRARY, load_study, parse, resolve
from greenup.errors import UserError
from greenup.plan import Plan

GRID = {
    "study": "trial",
    "every_dataset": {"imagery": {"source": "miniature"}, "shards": 2},
    "ablation": {
        "sampling": {"grid": {"limit": 30}, "cities": {"count": 20}},
        "seasons": ["evi", "calendar"],
        "methods": ["seco", "moco_seasonal"],
        "bands": ["b9", "rgb"],
        "dataset": {"phenology": {"source": "miniature"}},
        "model": {"backbone": "resnet18", "method": {"epochs": 3}},
    },
    "datasets": {"biome_points": {"sites": {"count": 40}}},
    "tasks": {"biomes": {}},
}


def study(**changes):
    written = copy.deepcopy(GRID)
    written["ablation"].update(changes)
    return resolve(written, where="trial.yaml")


def test_every_cell_is_a_model_and_datasets_are_shared():
    made = study()
    assert len(made.models) == len(made.ablation.cells) == 16
    grid = [n for n in made.datasets if n.startswith("ablation_")]
    assert grid == [f"ablation_{s}_{r}" for s in ("grid", "cities") for r in ("evi", "calendar")]
    model = made.models["ablation_cities_calendar_moco_seasonal_rgb"]
    assert model.dataset == "ablation_cities_calendar" and model.channels == ("B4", "B3", "B2")
    assert model.method.name == "moco_seasonal" and model.method.epochs == 3 and model.backbone == "resnet18"
    assert made.models["ablation_grid_evi_seco_b9"].channels == SECO_ECO
    # A preset of the method lies below what all have in common.
    assert made.models["ablation_grid_evi_seco_b9"].method.queue == parse_preset("seco", "queue")


def parse_preset(method, key):
    written = {"study": "x", "datasets": {"ssl4eco": None}, "models": {"m": {"dataset": "ssl4eco", "method": method}}}
    return getattr(resolve(written).models["m"].method, key)


def test_sites_are_drawn_once_a_sampling():
    made = study()
    for sampling in ("grid", "cities"):
        assert made.sampled_as(f"ablation_{sampling}_calendar") == f"ablation_{sampling}_evi"
    assert made.datasets["ablation_grid_evi"].sites.limit == 30
    assert made.datasets["ablation_cities_evi"].sites.sampler == "cities"


def test_dates_are_made_for_rule_evi_alone():
    made = study().datasets
    assert made["ablation_grid_evi"].phenology.source == "miniature"
    assert made["ablation_grid_calendar"].phenology is None
    assert made["ablation_grid_evi"].seasons.rule == "evi" and made["ablation_grid_calendar"].seasons.year == 2021


def test_the_same_text_makes_the_same_study_and_the_block_comes_back():
    assert study() == study()
    block = study(seeds=[1, 2]).ablation
    assert parse(Ablation, block.model_dump(mode="json")).cells == block.cells


def test_cells_are_left_out():
    made = study(exclude=[{"sampling": "cities", "seasons": "evi"}, {"bands": "rgb", "methods": "seco"}])
    assert len(made.models) == 16 - 4 - 4 + 1
    assert "ablation_cities_evi" not in made.datasets
    # The first dataset of the sampling that is there draws the sites.
    assert made.datasets["ablation_cities_calendar"].sites.sampler == "cities"


def test_seeds_are_trainings_of_a_cell():
    made = study(seeds=[1, 2, 3])
    assert len(made.models) == 48 and made.models["ablation_grid_evi_seco_b9_s3"].seed == 3
    together = Plan(made).called_together
    assert together["ablation_grid_evi_seco_b9_s2"] == "ablation_grid_evi_seco_b9"


def test_values_of_ones_own():
    made = study(
        sampling={"alps": {"sampler": "uniform", "count": 10, "region": [5, 44, 16, 48]}},
        seasons={"summer": {"rule": "window"}},
        methods={"long": {"name": "seco", "epochs": 9}},
        bands={"nir": ["B8", "NDVI"]},
    )
    (model,) = made.models.values()
    assert list(made.models) == ["ablation_alps_summer_long_nir"]
    assert model.method.name == "seco" and model.method.epochs == 9 and model.channels == ("B8", "NDVI")


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("empty", [[], {}, None])
def test_an_axis_without_a_value(axis, empty):
    with pytest.raises(UserError, match=rf"trial.yaml: ablation\.{axis}: the axis has no value"):
        study(**{axis: empty})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling": ["gird"]}, r"ablation\.sampling: 'gird' does not exist\n.*grid, cities, ecoregion"),
        ({"seasons": ["monsoon"]}, r"ablation\.seasons: 'monsoon' does not exist\n.*evi, calendar"),
        ({"methods": ["simclr"]}, r"ablation\.methods: 'simclr' does not exist\n.*seco, moco"),
        ({"bands": ["b99"]}, r"ablation\.bands: 'b99' does not exist\n.*b9, b12"),
        ({"bands": {"mine": ["B4", "B77"]}}, r"ablation\.bands\.mine: unknown band 'B77'"),
        ({"bands": {"mine": []}}, r"ablation\.bands\.mine: cannot be \[\]"),
        ({"seasons": ["evi", "evi"]}, r"ablation\.seasons: .* names a value twice"),
        ({"seasons": "evi"}, r"ablation\.seasons: cannot be 'evi'"),
        ({"exclude": [{"season": "evi"}]}, r"ablation\.exclude: 'season' is no axis"),
        ({"exclude": [{"seasons": "quarters"}]}, r"ablation\.exclude\.seasons: 'quarters' is not on the axis"),
        ({"exclude": [{"seasons": "evi"}, {"seasons": "calendar"}]}, r"ablation\.exclude: leaves no cell"),
        ({"exclude": ["evi"]}, r"ablation\.exclude: cannot be"),
        ({"seeds": [1, 1]}, r"ablation\.seeds: \[1, 1\]: seeds must differ"),
        ({"seeds": "one"}, r"ablation\.seeds"),
        ({"axes": 3}, r"ablation\.axes: unknown key 'axes'"),
        ({"model": 3}, r"ablation\.model: cannot be 3"),
        (
            {"dataset": {"phenology": {"source": "miniature"}, "patches": {"bands": ["B4", "B3", "B2"]}}},
            r"ablation\.bands\.b9: 'B5' is not exported|ablation\.bands\.b9: .*not exported by dataset",
        ),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        study(**changes)


def test_names_of_the_grid_are_taken():
    written = copy.deepcopy(GRID)
    written["datasets"]["ablation_grid_evi"] = {"like": "ssl4eco"}
    with pytest.raises(UserError, match=r"datasets\.ablation_grid_evi: the ablation makes one of this name"):
        resolve(written, where="trial.yaml")


def test_two_cells_of_one_name_are_refused():
    methods = {"a": {"name": "seco"}, "a_b": {"name": "seco"}}
    bands = {"b_c": ["B4"], "c": ["B4"]}
    with pytest.raises(UserError, match=r"two cells are called 'ablation_grid_evi_a_b_c'"):
        study(methods=methods, bands=bands, sampling=["grid"], seasons=["evi"])


def test_a_study_without_models_of_its_own_or_a_grid_that_is_no_block():
    written = {**copy.deepcopy(GRID), "ablation": ["grid"]}
    with pytest.raises(UserError, match=r"ablation: cannot be \['grid'\]"):
        resolve(written, where="trial.yaml")


@pytest.mark.parametrize("name", ["ablation", "ablation_tiny"])
def test_packaged_grids_plan(name):
    made = load_study(LIBRARY / f"{name}.yaml")
    tables = Plan(made).tables if name == "ablation_tiny" else {"ablation_table": 1, "ablation_effects": 1}
    assert {"ablation_table", "ablation_effects"} <= set(tables)
    assert len(made.models) == len(made.ablation.cells) == {"ablation": 48, "ablation_tiny": 24}[name]
