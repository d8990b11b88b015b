"""One row a point, in the order of the user's file, with or without a vector."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import PointSites
from greenup.errors import UserError
from greenup.evaluate.point_embeddings import point_embeddings
from greenup.files import read_table, write_table
from greenup.schemas import POINT_EMBEDDINGS


@pytest.fixture
def points(tmp_path) -> PointSites:
    path = tmp_path / "points.csv"
    path.write_text("site_id,lon,lat\nz,8.5,47.4\na,9.5,46.4\nm,0,0\nk,10,50\n")
    return PointSites(sampler="points", file=str(path), sea="drop")


SITES = pd.DataFrame({"site_id": ["a", "k", "z"]})  # m lies at sea


def ledger(statuses: dict[str, str]) -> pd.DataFrame:
    ok = pd.Series(statuses.values()) == "ok"
    return pd.DataFrame(
        {
            "site_id": list(statuses),
            "season": "summer",
            "status": list(statuses.values()),
            "scene_id": ok.map({True: "S", False: None}),
            "time": pd.to_datetime(ok.map({True: "2020-07-01", False: None}), utc=True),
            "cloud": ok.map({True: 3.0, False: np.nan}),
        }
    )


def embeddings(*ids: str) -> pd.DataFrame:
    vectors = [np.full(4, i, dtype="float32") for i in range(len(ids))]
    return pd.DataFrame({"site_id": list(ids), "season": "summer", "embedding": vectors})


def test_rows_are_those_of_the_file(points, tmp_path, caplog):
    parts = [ledger({"a": "ok", "k": "cloudy"}), ledger({"z": "ok"})]
    got = point_embeddings(points, SITES, parts, embeddings("a", "z"))
    assert got["site_id"].tolist() == ["z", "a", "m", "k"]
    assert got["status"].tolist() == ["ok", "ok", "sea", "cloudy"]
    write_table(tmp_path / "out.parquet", got, POINT_EMBEDDINGS, simulated=False, attribution="x", model="m")
    back = read_table(tmp_path / "out.parquet", POINT_EMBEDDINGS)
    assert back["embedding"].isna().tolist() == [False, False, True, True]
    assert back["embedding"][0].tolist() == [1, 1, 1, 1] and back["embedding"][1].tolist() == [0, 0, 0, 0]
    assert back.attrs["model"] == "m"
    assert "2 of 4 points have no vector: " in caplog.text and "cloudy 1" in caplog.text


def test_no_image_at_all_is_an_error(points):
    with pytest.raises(UserError, match=r"(?s)none of the 4 points has an image \(no_scene 3, sea 1\).*years="):
        point_embeddings(
            points, SITES, [ledger(dict.fromkeys("akz", "no_scene"))], embeddings("b").assign(season="winter")
        )
