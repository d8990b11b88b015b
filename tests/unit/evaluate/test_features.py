"""Features that are not images: the right columns at the right points, and no gaps."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.config.given import FeaturesMethod
from greenup.errors import UserError
from greenup.evaluate.features import take_features
from greenup.schemas import EMBEDDINGS
from greenup.tasks.bare_points import without_images

POINTS = pd.DataFrame(
    {"site_id": ["b", "a", "c"], "season": "", "lon": [8.5, -70.25, 179.0], "lat": [47.4, -33.0, 0.5]}
)
ROWS = pd.DataFrame({"site_id": ["a", "c", "b", "x"], "height": [1.5, 3.0, 2.0, 9.0], "slope": [10, 30, 20, 90]})


def method(path, columns=("slope", "height")) -> FeaturesMethod:
    return FeaturesMethod(name="features", file=str(path), columns=columns)


def vectors(table: pd.DataFrame) -> np.ndarray:
    return np.stack(EMBEDDINGS.check(table, "features")["embedding"].to_list())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_are_found_by_name_whatever_their_order(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    ROWS.to_csv(path, index=False) if suffix == ".csv" else ROWS.to_parquet(path)
    got = take_features(method(path), POINTS)
    assert got["site_id"].tolist() == ["b", "a", "c"] and set(got["season"]) == {""}
    assert vectors(got).dtype == np.float32
    np.testing.assert_array_equal(vectors(got), [[20, 2.0], [10, 1.5], [30, 3.0]])


def test_rows_are_found_by_place_in_a_geopackage_of_another_reference_system(tmp_path):
    """Metres of UTM and degrees name the same places to a metre."""
    places = gpd.GeoDataFrame(
        {"height": [2.0, 3.0]}, geometry=gpd.points_from_xy([8.5, 9.5], [47.4, 46.4]), crs=4326
    ).to_crs(32632)
    places.to_file(tmp_path / "heights.gpkg")
    points = pd.DataFrame({"site_id": ["p", "q"], "season": "", "lon": [9.5, 8.5], "lat": [46.4, 47.4]})
    np.testing.assert_array_equal(
        vectors(take_features(method(tmp_path / "heights.gpkg", ("height",)), points)), [[3], [2]]
    )


@pytest.mark.parametrize(
    ("change", "columns", "told"),
    [
        ({}, ("slope", "depth"), "column 'depth' is missing"),
        ({"height": [1.5, None, 2.0, 9.0]}, ("height",), "column 'height' is empty for 1 of 3 points, first c"),
        ({"height": ["1,5", "3", "2", "9"]}, ("height",), "'1,5' is not a finite number"),
        ({"height": [1e300, 3, 2, 9]}, ("height",), "beyond float32"),
        ({"site_id": ["a", "y", "b", "x"]}, ("height",), "1 of 3 points have no row by site_id: c"),
        ({"site_id": ["a", "c", "b", "b"]}, ("height",), "site_id b stands twice"),
    ],
)
def test_gaps_are_refused(tmp_path, change, columns, told):
    ROWS.assign(**change).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(UserError) as caught:
        take_features(method(tmp_path / "table.csv", columns), POINTS)
    assert told in str(caught.value) and caught.value.mend


def test_a_missing_table_names_its_key():
    with pytest.raises(UserError, match=r"(?s)nowhere\.csv: no such file.*models\.<name>\.method\.file"):
        take_features(method("nowhere.csv"), POINTS)


def test_empty_cells_of_other_points_do_not_matter(tmp_path):
    ROWS.assign(height=[1.5, 3.0, 2.0, None]).to_csv(tmp_path / "table.csv", index=False)
    assert vectors(take_features(method(tmp_path / "table.csv"), POINTS)).shape == (3, 2)


def test_points_without_images_are_real():
    sites = POINTS.assign(stratum="s")
    sites.attrs = {"simulated": True, "attribution": "somebody"}
    points = without_images(sites)
    assert points.columns.tolist() == ["site_id", "lon", "lat", "season"]
    assert points.attrs == {"simulated": False, "attribution": "somebody"}
