"""A small dataset with masks from the miniature Earth, through the exporter, and what a reader gets of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from fake_source import scene_table, site_table
from greenup.bands import S2_L2A, SCL_CLASSES
from greenup.config import Dataset, Model
from greenup.config.study import Runtime
from greenup.files import read_json
from greenup.grids import grid_for_site
from greenup.imagery.evi import evi as evi_of_reflectance
from greenup.imagery.miniature import MiniatureSource
from greenup.patches.store import PatchStore
from greenup.pretrain.data import SiteViews, sites_of
from greenup.pretrain.views import build_views
from test_describe import DATASET, describe

BANDS = (*S2_L2A, "SCL", "QA60", "CLDPRB")
SEED, SIZE = 11, 54
MASKED = Dataset.model_validate(
    {**DATASET.model_dump(exclude_unset=True), "patches": {"size_px": SIZE, "bands": BANDS}, "shards": 1}
)


def clearest_and_cloudiest(source, sites) -> pd.DataFrame:
    """The scenes table: of spring 2019 the clearest pass, of summer the cloudiest."""
    spans = {"spring": ("2019-04-01", "2019-06-15", True), "summer": ("2019-06-16", "2019-09-15", False)}
    dates = [(s, k, 2019, a, a, b) for s in sites["site_id"] for k, (a, b, _) in spans.items()]
    intervals = pd.DataFrame(dates, columns=["site_id", "season", "year", "first", "middle", "last"])
    grids = [grid_for_site(lon, lat, SIZE, (10, 20, 60)) for lon, lat in sites[["lon", "lat"]].to_numpy()]
    found = source.search(sites, intervals, grids).sort_values("cloud")
    table = scene_table(sites).set_index(["site_id", "season"])
    for key in table.index:
        hits = found[(found["site_id"] == key[0]) & (found["season"] == key[1])]
        hit = hits.iloc[0 if spans[key[1]][2] else -1]
        table.loc[key, ["scene_id", "time", "cloud"]] = [hit["scene_id"], hit["time"], hit["cloud"]]
    return table.reset_index()


@pytest.fixture
def masked(study):
    source, sites = MiniatureSource(SEED), site_table(3)
    study.write_sites(sites)
    scenes = clearest_and_cloudiest(source, sites)
    study.export(sites, scenes, source, patches=MASKED.patches, runtime=Runtime(requests=1))
    return study, source, scenes


def test_what_is_read_is_what_the_source_gave(masked):
    study, source, scenes = masked
    folder = describe(study, (0,), MASKED)
    store = PatchStore(study.index)
    assert store.bands == BANDS
    for row in scenes.itertuples():
        pixels, grid = store.read_native(row.site_id, row.season)
        given = source.read(row.scene_id, grid, BANDS)
        for m in (10, 20, 60):
            np.testing.assert_array_equal(pixels.values[m], given.values[m])
            np.testing.assert_array_equal(pixels.valid[m], given.valid[m])
        image, valid = store.read(row.site_id, row.season, ("EVI", "SCL", "B8", "B4", "B2", "B11", "CLDPRB"))
        scaled, same = store.read(row.site_id, row.season, ("EVI", "SCL", "B8", "B4", "B2", "B11"), physical=True)
        np.testing.assert_array_equal(valid, same)
        # The classes on 10 m: each of the product's pixels twice along each axis.
        np.testing.assert_array_equal(image[1][::2, ::2][valid[::2, ::2]], given.values[20][-2][valid[::2, ::2]])
        np.testing.assert_array_equal(image[1][::2], image[1][1::2])
        assert set(np.unique(image[1])) <= set(SCL_CLASSES)
        np.testing.assert_array_equal(scaled[1][valid], image[1][valid])
        blue, red, nir = (given.values[10][i] / 1e4 for i in (0, 2, 3))
        truth = np.clip(evi_of_reflectance(blue, red, nir), 0, 1)
        meant = nir + 6 * red - 7.5 * blue + 1 > 1e-6
        assert np.abs(scaled[0] - truth)[valid & meant].max() < 1.1e-4
        np.testing.assert_allclose(scaled[2][valid], nir[valid], atol=1e-7)
    statistics = read_json(folder / "statistics.json")
    assert list(statistics["channels"]) == [*S2_L2A, "NDVI", "EVI"]
    total = sum(statistics["masks"]["SCL"].values())
    assert total == sum(store.read_native(r.site_id, r.season)[0].valid[20].sum() for r in scenes.itertuples())


def test_a_reader_can_mask_clouds_by_the_classes(masked):
    """What masks are kept for: the ground of the clearest pass is darker than the clouds of the cloudiest."""
    study, _, scenes = masked
    describe(study, (0,), MASKED)
    store = PatchStore(study.index)
    cloud, ground = [], []
    for row in scenes.itertuples():
        (blue, classes), valid = store.read(row.site_id, row.season, ("B2", "SCL"), physical=True)
        cloud.append(blue[valid & np.isin(classes, (8, 9))])
        ground.append(blue[valid & np.isin(classes, (4, 5, 6))])
    cloud, ground = np.concatenate(cloud), np.concatenate(ground)
    assert len(cloud) > 1000 and len(ground) > 1000
    assert np.median(ground) < 0.1 < 0.25 < np.median(cloud)


def test_card_and_collection_name_the_masks(masked):
    folder = describe(masked[0], (0,), MASKED)
    card = (folder / "README.md").read_text()
    assert "Sentinel-2 Level-2A, surface reflectance (simulated)" in card
    assert "| SCL | 20 | class |" in card and "4 vegetation" in card and "| QA60 | 60 | bits |" in card
    assert "SCL, QA60, CLDPRB stand beside them" in card and "| EVI | 10 | index x 10 000 |" in card
    collection = json.loads((folder / "collection.json").read_text())
    bands = {b["name"]: b for b in collection["summaries"]["bands"]}
    classes = {c["value"]: c["description"] for c in bands["SCL"]["classification:classes"]}
    assert classes == SCL_CLASSES and "eo:center_wavelength" not in bands["SCL"]
    assert [f["offset"] for f in bands["QA60"]["classification:bitfields"]] == [10, 11]
    assert bands["CLDPRB"]["unit"] == "%"
    assert [e.split("/")[3] for e in collection["stac_extensions"]] == ["eo", "raster", "classification"]
    from pystac.validation.local_validator import LocalValidator

    assert [e.message for e in LocalValidator().collection_validator().iter_errors(collection)] == []


def test_masks_beside_change_nothing_for_a_network(masked, tmp_path):
    """Views of the dataset with masks are those of the same dataset without, to the bit."""
    study, source, scenes = masked
    describe(study, (0,), MASKED)
    plain = type(study)(tmp_path / "results" / "plain")
    sites = site_table(3)
    plain.write_sites(sites)
    patches = MASKED.patches.model_copy(update={"bands": S2_L2A})
    plain.export(sites, scenes, source, patches=patches, runtime=Runtime(requests=1))
    describe(plain, (0,), MASKED.model_copy(update={"patches": patches}))
    channels = ("B2", "B11", "EVI")
    method = {"name": "seco", "queue": 8, "batch_size": 4, "crop_px": 32}
    model = Model.model_validate({"dataset": "d", "channels": channels, "method": method})
    views = []
    for root in (study, plain):
        store = PatchStore(root.index)
        made = SiteViews(sites_of(store.index), lambda store=store: store, build_views(model), channels, 1)
        views.append([made[i][0].groups[0] for i in range(3)])
        assert read_json(root.index.parent / "statistics.json")["channels"]["B11"]["std"] > 0
    np.testing.assert_array_equal(*views)
