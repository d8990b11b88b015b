"""The user's table: what each format gives, and how its rows find their sites."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.config import parse, resolve
from greenup.config.data import ArchiveImagery
from greenup.config.sites import PointSites
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.sites.points import sample_points
from greenup.tasks.labels import label_images
from greenup.tasks.own_table import columns_of, match_rows, read_rows

RNG = np.random.default_rng(8)
LON, LAT = RNG.uniform(5, 12, 12), RNG.uniform(45, 50, 12)
HABITAT = ["fen", "moor", "heath"] * 4


@pytest.mark.parametrize(("name", "crs"), [("p.gpkg", 4326), ("p.gpkg", 2056), ("p.geojson", 4326), ("p.csv", None)])
def test_points_and_labels_of_one_file_belong_together(tmp_path, name, crs):
    """The same file as points and as labels: every site gets the label of its own row, by place."""
    path = tmp_path / name
    if crs is None:
        # As a spreadsheet writes it: a byte-order mark, and a space after a comma.
        frame = pd.DataFrame({"lon": LON, " lat": LAT, "habitat": HABITAT})
        frame.to_csv(path, index=False, encoding="utf-8-sig")
    else:
        frame = gpd.GeoDataFrame({"habitat": HABITAT}, geometry=gpd.points_from_xy(LON, LAT), crs=4326)
        frame.to_crs(crs).to_file(path)
    sites = sample_points("d", PointSites(sampler="points", file=str(path))).assign(land=True)
    assert sites["lat"].to_numpy() == pytest.approx(LAT, abs=1e-6)
    index = sites.assign(season="summer").sample(frac=1, random_state=1)
    labels = {"source": "file", "file": str(path), "columns": ["habitat"]}
    task = parse(Task, {"dataset": "d", "labels": labels, "kind": "classification", "metric": "macro_f1"})
    got = label_images(task, sites, index, ArchiveImagery(source="archive", path="x"))
    expected = {f"point_{i:06d}": habitat for i, habitat in enumerate(HABITAT)}
    assert got.set_index("site_id")["label"].to_dict() == expected


def test_a_layer_of_areas_is_refused(tmp_path):
    areas = gpd.GeoDataFrame({"habitat": ["fen"]}, geometry=gpd.points_from_xy([8], [47]).buffer(1), crs=4326)
    areas.to_file(tmp_path / "areas.gpkg")
    with pytest.raises(UserError, match="Polygon is not a point"):
        read_rows(str(tmp_path / "areas.gpkg"), "key")


def test_a_missing_column_is_told_with_those_that_are_there(tmp_path):
    frame = gpd.GeoDataFrame({"habitat": ["fen"]}, geometry=gpd.points_from_xy([8], [47]), crs=4326)
    frame.to_file(tmp_path / "p.gpkg")
    with pytest.raises(UserError, match=r"(?s)'biotope' is missing.*columns there: habitat, lon, lat"):
        columns_of(read_rows(str(tmp_path / "p.gpkg"), "key"), ["biotope"], "p.gpkg")


def test_names_are_compared_without_spaces_around_them():
    rows = match_rows(pd.DataFrame({"site_id": ["b ", " a"]}), pd.DataFrame({"site_id": ["a", "b"]}), "f")
    assert rows.tolist() == [1, 0]


LABELS = {"source": "file", "file": "l.csv", "columns": ["h"]}
POINTS = {"sites": {"sampler": "points", "file": "p.csv"}}
FEATURES = {"method": {"name": "features", "file": "l.csv", "columns": ["x"]}}


class TestStudies:
    """Simulated and real never meet, and where there is no image no network looks."""

    def study(self, dataset, labels=None, **blocks):
        task = {"dataset": "d", "labels": {**LABELS, **(labels or {})}, "kind": "classification"}
        tasks = {"t": {**task, "metric": "macro_f1"}}
        return resolve({"study": "x", "datasets": {"d": {**POINTS, **dataset}}, "tasks": tasks, **blocks})

    def test_real_labels_beside_simulated_images_are_refused(self):
        images = {"seasons": {"rule": "window"}, "imagery": {"source": "miniature"}}
        with pytest.raises(UserError, match=r"(?s)tasks\.t.labels: what l\.csv holds counts as real.*simulated: true"):
            self.study(images)
        assert self.study(images, {"simulated": True}).tasks["t"].labels.simulated

    def test_points_without_images_are_for_features_alone(self):
        assert self.study({}, models={"f": FEATURES}).datasets["d"].imagery is None
        models = {"f": FEATURES, "band_statistics": None}
        with pytest.raises(UserError, match=r"(?s)'d' has no images, which model 'band_statistics' needs"):
            self.study({}, models=models)
        assert self.study({}, models=models, evaluation={"models": ["f"]})
        with pytest.raises(UserError, match="'d' has no images"):
            self.study({})
