"""Index, statistics, card and collection of a dataset."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pystac
import pytest
import yaml
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


def describe(study, shards=(0, 1), dataset=DATASET, workers=1):
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
        items=folder / "items.parquet",
        workers=workers,
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
    monkeypatch.chdir(finished.root.parents[1])
    names: dict = {}
    for part in card.split("```python\n")[1:]:
        exec(part.split("```")[0], names)
    assert len(names["ds"]) == 12 and names["ds"].__class__.__name__ == "PatchDataset"
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
    # Half a patch of 260 m around the outermost sites, and at most 30 m x sqrt(2) more.
    for site, edge, per_degree in (
        (index["lon"].min(), west, 111_320 * np.cos(np.radians(46.8))),
        (index["lon"].max(), east, 111_320 * np.cos(np.radians(46.8))),
        (index["lat"].min(), south, 111_200),
        (index["lat"].max(), north, 111_200),
    ):
        assert 95 < abs(site - edge) * per_degree < 180
    assert collection.assets["items"].roles == ["collection-mirror"]
    assert collection.extent.temporal.intervals[0] == [index["time"].min(), index["time"].max()]
    assert str(finished.root) not in text and '"self"' not in text
    # The quality report is made by a rule of its own.
    made = {name: asset for name, asset in collection.assets.items() if name != "quality"}
    assert made and all((path.parent / asset.href).is_file() for asset in made.values())
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


def test_any_number_of_processes_writes_the_same_files(finished):
    folder = describe(finished)
    alone = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert set(alone) == {"index.parquet", "statistics.json", "README.md", "collection.json", "items.parquet"}
    describe(finished, workers=3)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == alone


def test_counts_offsets_and_shares(finished):
    folder = describe(finished)
    found, index = read_json(folder / "statistics.json"), read_table(finished.index, INDEX)
    assert found["counts"] == {
        "land_cover": {"mixed_forest": 6, "unknown": 6},
        "hemisphere": {"north": 12},
        "month": {"2020-03": 6, "2020-06": 6},
    }
    store = PatchStore(finished.index)
    grids = [store.read_native(*key)[1] for key in index[["site_id", "season"]].to_numpy().tolist()]
    offsets = [
        np.hypot(*g.centre_offset_m(lon, lat)) for g, lon, lat in zip(grids, index["lon"], index["lat"], strict=True)
    ]
    # Metres on the ground against metres of the projection, whose scale is within 0.1 % of 1.
    assert found["centre_offset_m"]["median"] == pytest.approx(np.median(offsets), rel=2e-3)
    assert found["centre_offset_m"]["max"] == pytest.approx(max(offsets), rel=2e-3)
    holes = 1 - store.read_native("s001", "summer")[0].valid[10].mean()
    assert 0.1 < holes < 0.3 and found["invalid"] == pytest.approx(holes / 12, rel=1e-9)
    assert found["channels"]["B2"]["valid"] == pytest.approx(1 - holes / 12, rel=1e-9)
    b2 = [store.read_native(*key)[0] for key in index[["site_id", "season"]].to_numpy().tolist()]
    values = np.concatenate([p.values[10][0][p.valid[10]] for p in b2])
    assert (found["channels"]["B2"]["min"], found["channels"]["B2"]["max"]) == (values.min(), values.max())


def test_the_card_has_the_sections_of_hugging_face(finished):
    card = (describe(finished) / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["license"] == "other" and about["size_categories"] == ["n<1K"]
    assert {"simulated", "sentinel-2", "seasons"} <= set(about["tags"])
    headings = [line for line in body.splitlines() if line.startswith("#")]
    assert headings == [
        "# Dataset card for d", "## Dataset details", "## Uses", "## Dataset structure", "## Dataset creation",
        "## Bias, risks, and limitations", "## Citation and contact",
    ]  # fmt: skip
    assert "Quirks of released code reproduced (`docs/quirks.md`): none." in body and "XXH3-128" in body
    quirky = Dataset.model_validate(
        {
            **DATASET.model_dump(exclude_unset=True),
            "sites": {"sampler": "cities", "count": 6, "compat": ["sea_allowed"]},
        }
    )
    assert "`sea_allowed`" in (describe(finished, dataset=quirky) / "README.md").read_text()


def test_reasons_stand_in_the_card(study):
    sites = site_table(3)
    study.write_sites(sites)
    study.export(sites, scene_table(sites, other={("s001", "spring"): "cloudy"}), FakeSource())
    card = (describe(study, (0,)) / "README.md").read_text()
    assert "| cloudy: every scene is too cloudy | 1 | because cloudy |" in card
    assert "1 of 6 site x season have no image" in card


def test_a_shard_of_another_origin_is_named(finished):
    sites = site_table(6, shards=2)
    finished.delete_outputs(1)
    finished.export(sites, scene_table(sites[sites["shard"] == 1]), FakeSource(), 1, origin="elsewhere")
    with pytest.raises(UserError, match=r"0001\.h5: origin is elsewhere, the dataset has") as raised:
        describe(finished)
    assert "snakemake repair" in raised.value.mend


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
    assert (
        "Sentinel-1 GRD" in card
        and "(dB + 80) x 500" in card
        and "reflectance" not in card.replace("reflectance, index or dB", "")
    )
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
