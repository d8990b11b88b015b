"""Scenes of a published folder: all of them."""

import pandas as pd
from greenup.scenes.published import published_scenes


def test_every_image_is_chosen_and_every_lack_told():
    times = pd.to_datetime(["2020-01-15T10:10:21", "2020-04-15T10:10:21", "2020-02-01T10:00:00"], utc=True)
    listed = pd.DataFrame(
        {
            "site_id": ["a", "a", "b"], "season": ["d1", "d2", "d1"], "lon": 0.0, "lat": 0.0,
            "scene_id": ["a/x", "a/y", "b/z"], "time": times, "cloud": [95.0, None, 0.0],
        }
    )  # fmt: skip
    sites = pd.DataFrame({"site_id": ["b", "a", "c"]}, index=[7, 8, 9])
    table = published_scenes(sites, listed, ["d1", "d2"]).set_index(["site_id", "season"])
    assert table["status"].tolist() == ["chosen", "no_scene", "chosen", "chosen", "no_scene", "no_scene"]
    assert table.loc[("a", "d1"), ["scene_id", "cloud", "cloud_of"]].tolist() == ["a/x", 95.0, "tile"]
    assert pd.isna(table.loc[("a", "d2"), "cloud_of"])
    assert table.loc[("b", "d2"), "reason"] == "the folder has no such image of this site"
    assert table.loc[("c", "d1"), "reason"] == "the folder has no such site"
