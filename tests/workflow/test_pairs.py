"""Two datasets of the same sites, one paired with the other, through the real rules on the miniature Earth."""

import pandas as pd
import pytest
import yaml
from greenup.files import read_table
from greenup.schemas import SCENES, SITES

from .conftest import snakemake

EARTH = {"source": "miniature", "seed": 11}
STUDY = {
    "study": "pairs",
    "seed": 3,
    "every_dataset": {"patches": {"size_px": 48}, "shards": 2, "imagery": EARTH},
    "datasets": {
        "ssl4eo_s12": {"sites": {"count": 12}, "scenes": {"min_images": 1}},
        # The miniature Earth has optical images alone: these stand in for those of another product.
        "paired": {
            "like": "ssl4eo_s12_l1c",
            "scenes": {"min_images": 1, "pair_days": 6, "max_cloud": 60},
        },
        "given": {"like": "ssl4eo_s12_l1c", "scenes": {"min_images": 1, "pair_with": None, "index": "ids.csv"}},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    config = folder / "study.yaml"
    snakemake(folder, *shards("ssl4eo_s12", "scenes"), config=config)
    scenes = table(folder, "ssl4eo_s12")
    wide = scenes.set_index(["site_id", "season"])["scene_id"].unstack()  # noqa: PD010 (texts are not aggregated)
    wide.columns = [f"image_id_{i + 1}" for i in range(len(wide.columns))]
    # The times stand in the names of the miniature Earth's scenes as in those of Sentinel's products.
    wide.to_csv(folder / "ids.csv")
    snakemake(folder, *shards("paired", "scenes"), *shards("given", "scenes"), config=config)
    return folder


def shards(dataset, kind):
    return [f"results/pairs/{kind}/{dataset}/{i:04d}.parquet" for i in range(2)]


def table(folder, dataset):
    return pd.concat([read_table(folder / path, SCENES) for path in shards(dataset, "scenes")], ignore_index=True)


def test_the_sites_are_the_same(folder):
    one, two = (read_table(folder / f"results/pairs/sites/{d}.parquet", SITES) for d in ("ssl4eo_s12", "paired"))
    assert one.attrs["attribution"] == two.attrs["attribution"]
    pd.testing.assert_frame_equal(one, two)


def test_every_scene_has_its_pair_or_a_reason(folder):
    first, second = table(folder, "ssl4eo_s12"), table(folder, "paired")
    both = first.merge(second, on=["site_id", "season"], suffixes=("", "_2"), validate="1:1")
    assert len(both) == 12 * 4
    chosen = both[both["status"] == "chosen"]
    assert len(chosen) > 20
    # The same images are offered to both, and the nearest to an image is itself.
    assert (chosen["scene_id"] == chosen["scene_id_2"]).all()
    assert (chosen["days_from_middle"] - chosen["days_from_middle_2"]).abs().max() < 1e-6
    others = both[both["status"] != "chosen"]
    assert len(others)
    assert (others["status_2"] == "no_scene").all()
    assert others["reason_2"].str.startswith("ssl4eo_s12 has no scene to pair with: ").all()


def test_a_table_of_ids_gives_the_same_scenes(folder):
    first, second = table(folder, "ssl4eo_s12"), table(folder, "given")
    key = ["site_id", "season"]
    pd.testing.assert_series_equal(first.set_index(key)["scene_id"], second.set_index(key)["scene_id"], check_like=True)
    assert second["reason"].str.contains("ids.csv").all()


def test_nothing_is_left_to_do(folder):
    files = [*shards("paired", "scenes"), *shards("given", "scenes")]
    assert "Nothing to be done" in snakemake(folder, "-n", *files, config=folder / "study.yaml").stdout
