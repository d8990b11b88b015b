"""Configuration of a published folder: what need not be written, and what is refused."""

import pytest
from greenup.bands import S1_GRD, S2_L1C, S2_L2A
from greenup.config import resolve
from greenup.errors import UserError

IMAGERY = {"source": "published", "layout": "ssl4eo_s12", "path": "data/s12"}


def dataset(imagery: dict | None = None, **keys):
    return resolve({"study": "s", "datasets": {"mine": {"imagery": {**IMAGERY, **(imagery or {})}, **keys}}}).datasets[
        "mine"
    ]


def refused(imagery: dict | None = None, **keys) -> str:
    with pytest.raises(UserError) as caught:
        dataset(imagery, **keys)
    return str(caught.value)


@pytest.mark.parametrize(
    "imagery, bands, size_px",
    [
        ({}, S2_L2A, 264),
        ({"product": "s2_l1c"}, S2_L1C, 264),
        ({"product": "s1_grd"}, S1_GRD, 264),
        ({"layout": "ssl4eco"}, S2_L2A, 256),
        ({"layout": "seco"}, S2_L2A, 264),
    ],
)
def test_only_the_imagery_need_be_written(imagery, bands, size_px):
    made = dataset(imagery)
    assert made.sites.sampler == made.seasons.rule == "published"
    assert (made.patches.bands, made.patches.size_px, made.patches.grid) == (bands, size_px, "image")


def test_what_is_written_holds():
    made = dataset(patches={"size_px": 96, "bands": ["B4"]}, sites={"sampler": "points", "file": "some.csv"})
    assert (made.patches.size_px, made.patches.bands, made.sites.sampler) == (96, ("B4",), "points")
    assert type(made).model_validate(made.model_dump(mode="json")) == made


def test_three_modalities_share_their_sites():
    pair = {"radar": {"imagery": {**IMAGERY, "product": "s1_grd"}, "sites": {"sampler": "dataset", "dataset": "mine"}}}
    study = resolve({"study": "s", "datasets": {"mine": {"imagery": IMAGERY}, **pair}})
    assert study.sampled_as("radar") == "mine"


@pytest.mark.parametrize(
    "imagery, keys, said",
    [
        ({"layout": "seco", "product": "s2_l1c"}, {}, "layout 'seco' has no s2_l1c"),
        ({"layout": "ssl4eco", "place": "utm"}, {}, "SSL4Eco's folder has not"),
        ({"index": "some.csv"}, {}, "has no index of images"),
        ({}, {"patches": {"grid": "site"}}, "write grid: image"),
        ({"layout": "ssl4eco"}, {"patches": {"size_px": 264}}, "have 256 pixels"),
        ({}, {"patches": {"bands": ["SCL"]}}, "has no 'SCL'"),
        ({}, {"seasons": {"rule": "calendar"}}, "write seasons: {rule: published}"),
        ({}, {"sites": {"sampler": "uniform", "count": 3}}, "write sites: {sampler: published}"),
        ({}, {"scenes": {"index": "x.csv"}}, "all images of a published folder are taken"),
        ({"source": "earthengine"}, {}, ""),
    ],
)
def test_refused(imagery, keys, said):
    assert said in refused(imagery, **keys)


@pytest.mark.parametrize("keys", [{"seasons": {"rule": "published"}}, {"sites": {"sampler": "published"}}])
def test_other_images_have_no_published_sites_or_dates(keys):
    block = {"sites": {"sampler": "uniform", "count": 3}, "seasons": {"rule": "calendar"}}
    with pytest.raises(UserError, match="published"):
        resolve({"study": "s", "datasets": {"mine": {**block, "imagery": {"source": "miniature"}, **keys}}})


def test_a_library_block_of_another_kind_is_told():
    with pytest.raises(UserError, match="a name of its own"):
        resolve({"study": "s", "datasets": {"ssl4eo_s12": {"imagery": IMAGERY}}})
