"""Index, statistics, card and collection of a dataset."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pystac
import pytest
from conftest import BANDS
from fake_source import ATTRIBUTION, FakeSource, scene_table, site_table
from greenup.config import Dataset
from greenup.errors import UserError
from greenup.files import read_json, read_table, write_table
from greenup.patches.card import _shares
from greenup.patches.collection import COPERNICUS_TERMS
from greenup.patches.describe import describe_dataset
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX, LEDGER

DATASET = Dataset.model_validate(
    {
        "sites": {"sampler": "grid", "limit": 6},
        "seasons": {"rule": "calendar"},
        "imagery": {"source": "miniature"},
        "patches": {"size_px": 26, "bands": BANDS},
        "shards": 2,
    }
)


def describe(study, shards=(0, 1), dataset=DATASET):
    folder = study.index.parent
    describe_dataset(
        "d",
        dataset,
        sites=study.root / "sites" / "d.parquet",
        ledgers=[study.ledger(s) for s in shards],
        pixels=[study.pixels(s) for s in shards],
        index=study.index,
        statistics=folder / "statistics.json",
        card=folder / "README.md",
        collection=folder / "collection.json",
    )
    return folder


def test_what_is_described_is_what_is_read(finished):
    folder = describe(finished)
    index = read_table(finished.index, INDEX)
    assert index.attrs["simulated"] is True and index.attrs["attribution"] == ATTRIBUTION
    assert index["file"].unique().tolist() == ["patches/d/0000.h5", "patches/d/0001.h5"]
    assert index["site_id"].tolist() == [f"s{i:03d}" for i in range(6) for _ in range(2)]
    assert index["land_cover"].isna().sum() == 6

    store, statistics = PatchStore(finished.index), read_json(folder / "statistics.json")
    assert statistics["images"] == 12 and statistics["sites"] == 6
    assert statistics["seasons"] == {"spring": 6, "summer": 6} and statistics["ledger"] == {"ok": 12}
    assert statistics["simulated"] is True and statistics["attribution"] == ATTRIBUTION
    assert list(statistics["channels"]) == [*BANDS, "NDVI", "EVI"]
    assert statistics["product"] == "s2_l2a" and statistics["masks"] == {}
    images = [store.read_native(*key)[0] for key in index[["site_id", "season"]].to_numpy().tolist()]
    for name, m, band in (("B2", 10, 0), ("B8", 10, 2), ("B5", 20, 0), ("B9", 60, 0)):
        values = np.concatenate([p.values[m][band][p.valid[m]] for p in images]).astype(np.float64)
        found = statistics["channels"][name]
        assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert found["std"] == pytest.approx(values.std(), rel=1e-12)
        assert [found[k] for k in ("p02", "p50", "p98")] == pytest.approx(
            np.quantile(values, [0.02, 0.5, 0.98]).tolist()
        )


def test_the_card_says_what_matters_and_its_example_runs(finished, monkeypatch):
    card = (describe(finished) / "README.md").read_text()
    assert "**SIMULATED.**" in card and ATTRIBUTION in card and str(finished.root) not in card
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(finished.root)
    names: dict = {}
    exec(code, names)
    assert names["image"].shape == (3, 26, 26) and names["valid"].dtype == bool


def test_the_collection_is_valid_stac(finished, monkeypatch):
    path = describe(finished) / "collection.json"
    text = path.read_text()
    collection = pystac.Collection.from_file(str(path))
    assert collection.license == "other" and collection.summaries.to_dict()["gsd"] == [10, 20, 60]
    bands = {b["name"]: b for b in json.loads(text)["summaries"]["bands"]}
    assert bands["B8"]["eo:center_wavelength"] == 0.8328 and bands["B9"]["gsd"] == 60
    index = read_table(finished.index, INDEX)
    west, south, east, north = collection.extent.spatial.bboxes[0]
    assert (west, east) == (index["lon"].min(), index["lon"].max())
    assert (south, north) == (index["lat"].min(), index["lat"].max())
    assert collection.extent.temporal.intervals[0] == [index["time"].min(), index["time"].max()]
    assert str(finished.root) not in text and '"self"' not in text
    for asset in collection.assets.values():
        assert (path.parent / asset.href).is_file()
    # The core schema comes with pystac; those of the extensions would have to be downloaded.
    from pystac.validation.local_validator import LocalValidator

    assert [e.message for e in LocalValidator().collection_validator().iter_errors(json.loads(text))] == []


def test_real_pixels_carry_their_terms(study):
    class Real(FakeSource):
        simulated = False
        attribution = "Contains modified Copernicus Sentinel data 2020"

    sites = site_table(2)
    study.write_sites(sites)
    study.export(sites, scene_table(sites), Real())
    folder = describe(study, (0,))
    card, collection = (folder / "README.md").read_text(), (folder / "collection.json").read_text()
    assert "SIMULATED" not in card and Real.attribution in card and COPERNICUS_TERMS in card
    assert COPERNICUS_TERMS in collection and Real.attribution in collection
    assert read_json(folder / "statistics.json")["simulated"] is False


def test_a_dataset_without_images_says_why(study):
    sites = site_table(2)
    study.write_sites(sites)
    nothing = {(s, k): "cloudy" for s in sites["site_id"] for k in ("spring", "summer")}
    study.export(sites, scene_table(sites, other=nothing), FakeSource())
    with pytest.raises(UserError, match=r"dataset d: not a single image in 1 shards \(4 cloudy\)"):
        describe(study, (0,))


def test_shards_whose_files_disagree_are_named(finished):
    ledger = read_table(finished.ledger(1), LEDGER)
    about = {"simulated": True, "attribution": "test"}
    write_table(finished.ledger(1), ledger[:-1], LEDGER, **about)
    with pytest.raises(UserError, match=r"d/0001\.h5 and .*the ledger has 5 images, the pixel file 6"):
        describe(finished)
    write_table(finished.ledger(1), ledger.assign(checksum=ledger["checksum"].to_numpy()[::-1]), LEDGER, **about)
    with pytest.raises(UserError, match=r"d/0001\.h5 and .*row 0: checksum is"):
        describe(finished)


def test_a_shard_of_another_configuration_is_named(finished):
    other = DATASET.model_copy(update={"patches": DATASET.patches.model_copy(update={"size_px": 32})})
    with pytest.raises(UserError, match=r"0000\.h5: size_px is 26, the dataset has 32"):
        describe(finished, dataset=other)
    finished.write_sites(site_table(5))
    with pytest.raises(UserError, match=r"patches/d/0001\.h5: site 's005' is not in"):
        describe(finished)


def test_an_empty_shard_among_others(finished):
    sites = site_table(6, shards=2)
    scenes = scene_table(sites[:0]).reindex(columns=scene_table(sites).columns)
    finished.export(sites, scenes, FakeSource(), shard=2)
    describe(finished, (0, 2, 1))
    assert len(pd.read_parquet(finished.index)) == 12


def radar(study):
    """A finished dataset of Sentinel-1, and its folder."""

    class Real(FakeSource):
        simulated = False
        attribution = "Contains modified Copernicus Sentinel data 2020"

    imagery = {"source": "stac", "url": "earth-search", "product": "s1_grd"}
    settings = {**DATASET.model_dump(exclude_unset=True), "imagery": imagery}
    dataset = Dataset.model_validate({**settings, "patches": {"size_px": 26, "bands": ("VV", "VH")}})
    sites = site_table(2)
    study.write_sites(sites)
    study.export(sites, scene_table(sites), Real(), patches=dataset.patches)
    return describe(study, (0,), dataset)


def test_a_dataset_of_backscatter(study):
    folder = radar(study)
    card, collection = (folder / "README.md").read_text(), read_json(folder / "collection.json")
    assert "Sentinel-1 GRD" in card and "(dB + 80) x 500" in card and "reflectance" not in card.split("How to read")[0]
    summaries = collection["summaries"]
    assert summaries["sar:polarizations"] == ["VV", "VH"] and summaries["sar:frequency_band"] == ["C"]
    assert summaries["bands"][0] == {
        "name": "VV", "gsd": 10, "data_type": "uint16", "raster:scale": 0.002, "raster:offset": -80.0, "unit": "dB"
    }  # fmt: skip
    assert [e.split("/")[3] for e in collection["stac_extensions"]] == ["sar", "raster"]
    assert collection["keywords"] == ["Sentinel-1", "seasons"] and "Sentinel-2" not in json.dumps(collection)
    assert list(read_json(folder / "statistics.json")["channels"]) == ["VV", "VH"]


def test_shares_of_masks_in_words():
    assert _shares("SCL", {"0": 1, "4": 2, "9": 1}) == (
        "0 no data: 25.0%, 4 vegetation: 50.0%, 9 cloud, high probability: 25.0%"
    )
    assert _shares("QA60", {"0": 2, "1024": 1, "3072": 1, "65535": 4}) == (
        "opaque cloud: 25.0%, cirrus cloud: 12.5%, no value: 50.0%"
    )
    assert _shares("CLDPRB", {"0": 3, "100": 1}) == "0 to 19: 75.0%, 100 to 100: 25.0%"
    assert _shares("QA60", {"0": 9}) == "nothing flagged"
