"""The leakage audit against haversine over all pairs, and scores without overlapping images against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.evaluate.leakage import audit, scores_apart
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

RADIUS_KM = 6371.0088


def places(points, prefix):
    ids = [f"{prefix}{i:04d}" for i in range(len(points))]
    return pd.DataFrame({"site_id": ids, "lon": [p[0] for p in points], "lat": [p[1] for p in points]})


def haversine_km(a, b):
    (lon1, lat1), (lon2, lat2) = np.deg2rad(a), np.deg2rad(b)
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * RADIUS_KM * np.arcsin(min(1.0, np.sqrt(h)))


coordinates = st.tuples(
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0])),
    st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0])),
)


@given(st.lists(coordinates, min_size=1, max_size=12), st.lists(coordinates, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_distances_are_those_of_haversine_over_all_pairs(images, sites):
    table = audit(places(images, "p"), places(sites, "s"), task_m=2640, site_m=2640)
    for i, image in enumerate(images):
        every = [haversine_km(image, site) for site in sites]
        assert table["nearest_km"][i] == pytest.approx(min(every), abs=1e-6)
        assert every[int(table["nearest_site"][i][1:])] == pytest.approx(min(every), abs=1e-6)


def test_patches_overlap_by_their_sides_not_by_the_distance_of_centres():
    lat, metre = 60.0, 360 / (2 * np.pi * RADIUS_KM * 1000)
    image = [(10.0, lat)]
    for east_m, north_m, overlaps in (
        (0, 0, True),
        (1400, 1400, True),  # 1980 m apart, yet their corners overlap: half the sides are 1500 m
        (1600, 0, False),  # nearer than that, and they do not
        (0, -1490, True),
        (0, -1510, False),
        (-1490, 1490, True),
    ):
        site = [(10.0 + east_m * metre / np.cos(np.deg2rad(lat)), lat + north_m * metre)]
        assert audit(places(image, "p"), places(site, "s"), task_m=2000, site_m=1000)["overlaps"][0] == overlaps


def test_a_farther_site_may_overlap_where_the_nearest_does_not():
    metre = 360 / (2 * np.pi * RADIUS_KM * 1000)
    sites = [(1600 * metre, 0.0), (1450 * metre, 1450 * metre)]
    table = audit(places([(0.0, 0.0)], "p"), places(sites, "s"), task_m=1500, site_m=1500)
    assert table["nearest_site"][0] == "s0000" and table["overlaps"][0]


def test_across_the_date_line():
    table = audit(places([(179.999, 0.0)], "p"), places([(-179.999, 0.0)], "s"), task_m=640, site_m=640)
    assert table["nearest_km"][0] == pytest.approx(0.002 * np.pi / 180 * RADIUS_KM) and table["overlaps"][0]


def test_many_images_of_one_site_are_one_place_and_order_is_by_name():
    images = places([(0.0, 0.0), (5.0, 5.0)], "p").iloc[::-1]
    sites = pd.concat([places([(0.0, 1.0)], "s")] * 4)
    table = audit(images, sites, task_m=100, site_m=100)
    assert table["site_id"].tolist() == ["p0000", "p0001"]
    with pytest.raises(UserError, match="p0001 has no coordinates"):
        audit(images.assign(lon=[np.nan, 0.0]), sites, task_m=100, site_m=100)


def _predictions(rng, n):
    observed = rng.integers(0, 3, n)
    predicted = np.where(rng.random(n) < 0.6, observed, rng.integers(0, 3, n))
    ids = [f"p{i:04d}" for i in range(n)]
    return pd.DataFrame(
        {"site_id": ids, "fold": np.arange(n) % 4, "observed": observed.astype(str), "predicted": predicted.astype(str)}
    )


def test_scores_without_overlap_are_those_of_the_other_images():
    rng = np.random.default_rng(3)
    predictions = _predictions(rng, 200)
    leakage = pd.DataFrame({"site_id": predictions["site_id"], "overlaps": rng.random(200) < 0.3})
    got = scores_apart(predictions.sample(frac=1, random_state=0), leakage.iloc[::-1], "macro_f1")
    kept = predictions[~leakage["overlaps"]]

    def mean_f1(table):
        return np.mean([f1_score(f["observed"], f["predicted"], average="macro") for _, f in table.groupby("fold")])

    assert (got["full"], got["apart"]) == (pytest.approx(mean_f1(predictions)), pytest.approx(mean_f1(kept)))
    assert (got["images"], got["overlapping"], got["folds"]) == (200, 200 - len(kept), 4)


def test_where_all_of_a_fold_overlaps_there_is_no_number():
    predictions = _predictions(np.random.default_rng(0), 40)
    leakage = pd.DataFrame({"site_id": predictions["site_id"], "overlaps": predictions["fold"] == 2})
    got = scores_apart(predictions, leakage, "accuracy")
    assert np.isnan(got["apart"]) and got["full"] > 0 and got["overlapping"] == 10
    with pytest.raises(UserError, match="p0001 was not audited"):
        scores_apart(predictions, leakage.drop(1), "accuracy")
