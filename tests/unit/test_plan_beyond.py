"""What the experiments beyond the papers read and make."""

import copy

import pytest
from greenup.config.load import resolve
from greenup.errors import UserError
from greenup.plan import Plan

MINIATURE = {"source": "miniature"}
WRITTEN = {
    "study": "trial",
    "every_dataset": {"imagery": MINIATURE, "shards": 1},
    "datasets": {
        "ssl4eco": {"sites": {"limit": 20}, "phenology": MINIATURE},
        "ssl4eco_calendar": {"sites": {"limit": 20}},
        "other": {"like": "ssl4eco", "sites": {"limit": 30}, "phenology": MINIATURE},
        "biome_points": {"sites": {"count": 30}},
        "table": {
            "like": "points",
            "sites": {"file": "p.csv"},
            "phenology": {"source": "table", "file": "d.csv", "halfway": True},
        },
    },
    "models": {
        "seco_eco": {},
        "seco_eco_s2": {"like": "seco_eco", "seed": 2},
        "seco_calendar": {},
        "mine": {"like": "seco_eco", "dataset": "other"},
    },
    "tasks": {"biomes": {}},
    "paper": {"season_fit": {"datasets": ["ssl4eco", "table"]}, "sampling_effect": ["seco_eco", "seco_calendar"]},
}


def planned(**paper):
    written = copy.deepcopy(WRITTEN)
    written["paper"].update(paper)
    return Plan(resolve(written, where="trial.yaml"))


def test_images_of_the_same_sites_are_judged_with_a_truth():
    plan = planned()
    assert plan.fit_images("ssl4eco") == ["ssl4eco", "ssl4eco_calendar"]
    assert plan.fit_inputs("ssl4eco")["images"] == [
        f"results/trial/datasets/{d}/index.parquet" for d in ("ssl4eco", "ssl4eco_calendar")
    ]
    assert plan.season_fits == [f"results/trial/season_fit/{d}.summary.parquet" for d in ("ssl4eco", "table")]
    assert plan.is_halfway("table") and not plan.is_halfway("ssl4eco")


def test_sides_of_an_effect_are_all_their_trainings():
    plan = planned()
    assert plan.effect_sides == {"seco_eco": ["seco_eco", "seco_eco_s2"], "seco_calendar": ["seco_calendar"]}
    found = plan.effect_scores
    assert found["doubt"] == ["results/trial/comparisons/biomes.doubt.parquet"]
    assert {p.split("/")[3] for p in found["scores"]} == {"seco_eco", "seco_eco_s2", "seco_calendar"}


def test_what_is_not_asked_for_is_not_made():
    plan = planned(season_fit={}, sampling_effect=None)
    assert "season_fit" not in plan.figures and "season_fit_table" not in plan.tables
    assert "sampling_effect" not in plan.tables and "ablation_table" not in plan.tables
    assert plan.effect_scores == {"scores": [], "doubt": []} and plan.ablated == []


@pytest.mark.parametrize(
    ("paper", "message"),
    [
        ({"season_fit": {"datasets": ["nowhere"]}}, r"paper\.season_fit\.datasets: dataset 'nowhere'"),
        (
            {"season_fit": {"datasets": ["biome_points"]}},
            r"'biome_points' has no dates; give it phenology|has no dates",
        ),
        ({"season_fit": {"rules": {"p": {"rule": "published"}}}}, r"rules\.p: its days stand in a file"),
        ({"season_fit": {"rules": {"p": {"rule": "lunar"}}}}, r"'lunar' does not exist"),
        ({"sampling_effect": ["seco_eco", "nobody"]}, r"paper\.sampling_effect: model 'nobody'"),
        ({"sampling_effect": ["seco_eco", "seco_eco"]}, r"'seco_eco' is named twice"),
        ({"sampling_effect": ["seco_eco"]}, r"paper\.sampling_effect"),
    ],
)
def test_what_is_refused(paper, message):
    with pytest.raises(UserError, match=message):
        planned(**paper)
