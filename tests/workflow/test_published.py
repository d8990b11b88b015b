"""From a downloaded folder of SSL4EO-S12 to a patch store, by the real Snakemake."""

import numpy as np
import pytest
import yaml
from greenup.bands import S2_L1C, bands_at
from greenup.files import read_table
from greenup.patches.container import ShardFile
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX, LEDGER, SITES

from tests.standins import published as made

from .conftest import snakemake

PLACES = {f"{7 + 31 * i:07d}": (8.7 + 0.25 * i, 46.9 + 0.1 * i) for i in range(6)}
ROOT = "results/download"


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    """The folder as downloaded, one of its images cut short."""
    folder = tmp_path_factory.mktemp("download")
    images = made.write_folder(folder / "ssl4eo", PLACES, "s2c")
    return folder, images


def study(folder, **imagery) -> str:
    block = {"source": "published", "layout": "ssl4eo_s12", "path": "ssl4eo", "product": "s2_l1c", **imagery}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({"study": "download", "datasets": {"mine": {"imagery": block, "shards": 2}}}))
    return str(path)


def test_a_download_becomes_a_store(download):
    folder, images = download
    damaged = images[f"0000038/{made.s2_name(made.DAYS[1])}"].folder / "B8.tif"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:3000])
    done = snakemake(folder, "patches", "--keep-going", config=study(folder), check=False)
    said = done.stdout + done.stderr
    assert done.returncode and "B8.tif" in said and "fetch 0000038/" in said and "1 damaged" in said
    assert "Traceback" not in said

    # Only what was damaged has to be fetched again; the other 23 images are kept.
    damaged.write_bytes(whole)
    snakemake(folder, "patches", config=study(folder))
    sites = read_table(folder / f"{ROOT}/sites/mine.parquet", SITES)
    assert set(sites["site_id"]) == set(PLACES) and sites["land_cover"].notna().all()
    index = read_table(folder / f"{ROOT}/datasets/mine/index.parquet", INDEX)
    assert len(index) == len(images) and set(index["season"]) == {"d1", "d2", "d3", "d4"}
    assert (index["cloud"] == 3.5).all() and set(index["scene_id"]) == set(images)

    ledgers = [read_table(p, LEDGER) for p in sorted((folder / f"{ROOT}/patches/mine").glob("*.ledger.parquet"))]
    assert len(ledgers) == 2 and all((t["status"] == "ok").all() and (t["epsg"] == 4326).all() for t in ledgers)
    for row in index.itertuples():
        with ShardFile(folder / ROOT / row.file) as shard:
            pixels = shard.read(row.row)
        for m in (10, 20, 60):
            expected = [images[row.scene_id].values[b] for b in bands_at(S2_L1C, m)]
            np.testing.assert_array_equal(pixels.values[m], expected)

    store = PatchStore(folder / f"{ROOT}/datasets/mine/index.parquet")
    image, valid = store.read("0000007", "d3", ("B4", "B3", "B2"))
    assert valid.all()
    scene = f"0000007/{made.s2_name(made.DAYS[2])}"
    np.testing.assert_array_equal(image, [images[scene].values[b] for b in ("B4", "B3", "B2")])
    assert "Nothing to be done" in snakemake(folder, "-n", "patches", config=study(folder)).stdout


def test_another_folder_is_refused_with_what_it_is(download):
    folder, _ = download
    done = snakemake(folder, "sites", config=study(folder, layout="seco", product="s2_l2a"), check=False)
    said = done.stdout + done.stderr
    assert done.returncode and "looks like layout: ssl4eo_s12" in said and "Traceback" not in said
