"""A submission to GeoLifeCLEF: who is predicted, in which order, and what the switches of compat change."""

import math

import numpy as np
import pandas as pd
import pytest
from greenup.config.evaluation import LinearProtocol, Protocols, Submission
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.evaluate import submission as module
from greenup.evaluate.submission import predicted_species
from greenup.evaluate.vectors import Vectors

TASK = Task(image_set="geolifeclef", kind="multilabel", metric="micro_f1", k=1, positive_weight=12)


def predict_species(embeddings, labels, blind, plots, **how):
    return module.predict_species(Vectors.of_table(embeddings), labels, Vectors.of_table(blind), plots, **how)


@pytest.fixture
def world() -> dict[str, pd.DataFrame]:
    """Two habitats, told by the first dimension: species 24 and 1275 here, 5 and 8196 there."""
    draws = np.random.default_rng(3)
    there = draws.random(200) < 0.5
    names = [f"{i}" for i in range(200)]

    def table(ids: list[str], x: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"site_id": ids, "season": "", "embedding": list(x.astype("float32"))})

    labels = pd.DataFrame(
        {
            "site_id": names,
            "season": "",
            "lon": draws.uniform(0, 10, 200),
            "lat": draws.uniform(42, 50, 200),
            "label": np.where(there, "5, 8196", "1275, 24"),
        }
    )
    surveys = np.column_stack([there * 4.0 - 2, draws.normal(size=(200, 3))])
    blind = np.array([[-2, 0, 0, 0], [2, 0, 0, 0]])
    plots = pd.DataFrame({"patchID": ["b", "a", "b"], "lon": 1.0, "lat": 45.0, "Id": ["1", "2", "3"]})
    return {"embeddings": table(names, surveys), "labels": labels, "blind": table(["a", "b"], blind), "plots": plots}


@pytest.mark.parametrize("protocol", ["linear", "knn"])
def test_every_row_gets_the_species_of_its_plot(world: dict[str, pd.DataFrame], protocol: str, tmp_path) -> None:
    submission = predict_species(
        **world,
        task=TASK,
        # At the published rate so few surveys leave the probe undertrained.
        protocols=Protocols(linear=LinearProtocol(lr=0.05)),
        submission=Submission(protocol=protocol),
        seed=1,
    )
    submission.to_csv(tmp_path / "submission.csv", index=False)
    lines = (tmp_path / "submission.csv").read_text().splitlines()
    # Species in rising order of their numbers, though their names as texts are ordered otherwise.
    assert lines == ["Id,Predicted", "1,5 8196", "2,24 1275", "3,5 8196"]
    back = pd.read_csv(tmp_path / "submission.csv", dtype=str)
    pd.testing.assert_frame_equal(back, submission.astype(object), check_dtype=False)


def test_the_order_of_rows_changes_nothing(world: dict[str, pd.DataFrame]) -> None:
    how = {"task": TASK, "protocols": Protocols(), "submission": Submission(), "seed": 1}
    straight = predict_species(**world, **how)
    shuffled = {name: table.sample(frac=1, random_state=2) for name, table in world.items() if name != "plots"}
    pd.testing.assert_frame_equal(straight, predict_species(**shuffled, plots=world["plots"], **how))


def test_a_plot_without_an_embedding_is_named(world: dict[str, pd.DataFrame]) -> None:
    world["blind"] = world["blind"].iloc[:1]
    with pytest.raises(UserError, match=r"1 of 2 blind plots have none, e\.g\. b"):
        predict_species(**world, task=TASK, protocols=Protocols(), submission=Submission(), seed=1)


def test_several_k_have_nothing_to_be_chosen_by(world: dict[str, pd.DataFrame]) -> None:
    several = TASK.model_copy(update={"k": (1, 5)})
    with pytest.raises(UserError, match=r"k: \[1, 5\]: a submission has no validation part"):
        predict_species(**world, task=several, protocols=Protocols(), submission=Submission(protocol="knn"), seed=1)


def test_thresholds_and_empty_predictions() -> None:
    species = ["3", "5", "9"]
    # 0.6225 is the probability of a logit of 0.5.
    edge = 1 / (1 + math.exp(-0.5))
    scores = np.array([[0.5, 0.49, 0.2], [edge - 1e-9, 0.1, 0.7], [0.1, 0.2, 0.3]])
    plain = predicted_species(scores, species, Submission())
    assert plain == [["3"], ["3", "9"], ["9"]]
    published = Submission(compat=("threshold_on_logits", "species_5_if_none"))
    assert predicted_species(scores, species, published) == [["5"], ["9"], ["5"]]
    # Votes of neighbours are no logits.
    votes = published.model_copy(update={"protocol": "knn"})
    assert predicted_species(scores, species, votes) == [["3"], ["3", "9"], ["5"]]
