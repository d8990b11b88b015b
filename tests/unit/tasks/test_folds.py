"""Folds: every image tested once, nothing shared between parts, neighbours kept together, whatever the input."""

import numpy as np
import pandas as pd
import pytest
import yaml
from greenup.config import resolve
from greenup.config.evaluation import Folds, Subsets
from greenup.config.load import LIBRARY
from greenup.errors import UserError
from greenup.tasks.folds import EARTH_RADIUS_KM, spatial_blocks, split_folds
from hypothesis import given, settings
from hypothesis import strategies as st


def _labels(n, seed=0, classes=5, spread=1.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "site_id": [f"p{i:05d}" for i in range(n)],
            "season": "summer",
            "lon": rng.uniform(-180, 180, n) * spread,
            "lat": rng.uniform(-60, 84, n) * spread,
            "label": [f"c{i}" for i in np.floor(classes * np.sqrt(rng.random(n))).astype(int)],
        }
    )


def _wide(folds, kind):
    return folds[folds["folds"] == kind].pivot(index="site_id", columns="fold", values="part")  # noqa: PD010


@st.composite
def tasks(draw):
    """Labels with repeated and nearly repeated coordinates, at the date line and the poles too."""
    n = draw(st.integers(24, 60))
    count = draw(st.integers(2, 5))
    places = draw(
        st.lists(
            st.tuples(
                st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 0.0])),
                st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0])),
            ),
            min_size=14, max_size=n, unique_by=lambda p: (round(p[0], 3), round(p[1], 3)),
        )
    )  # fmt: skip
    chosen = [places[i % len(places)] for i in range(n)]
    jitter = draw(st.sampled_from([0.0, 4e-9]))
    table = pd.DataFrame(
        {
            "site_id": draw(st.permutations([f"s{i}" for i in range(n)])),
            "season": "summer",
            "lon": [np.clip(p[0] + jitter * (i % 3), -180, 180) for i, p in enumerate(chosen)],
            "lat": [p[1] for p in chosen],
            "label": draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n)),
        }
    )
    return table, count


@given(tasks(), st.sampled_from(["classification", "multilabel", "regression"]), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_image_is_tested_once_and_parts_do_not_overlap(task, kind, seed):
    labels, count = task
    try:
        folds = split_folds(labels, kind, Folds(count=count, block_km=50), seed=seed)
    except UserError as error:  # so few places that they cannot be dealt: said so, not crashed
        assert "folds" in str(error)
        return
    assert not folds.duplicated(["site_id", "folds", "fold"]).any()
    assert len(folds) == 2 * count * len(labels)
    for split in ("random", "blocks"):
        wide = _wide(folds, split)
        assert sorted(wide.index) == sorted(labels["site_id"])
        assert ((wide == "test").sum(axis=1) == 1).all()
        assert wide.isin(["train", "val", "test"]).all(axis=None)
        for fold in wide.columns:
            assert set(wide[fold]) == {"train", "val", "test"}


@given(tasks(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_one_location_is_never_split(task, seed):
    labels, count = task
    folds = split_folds(labels, "classification", Folds(count=count, kinds=("random",)), seed=seed)
    wide = _wide(folds, "random")
    # Independent of the code under test: distance on the unit sphere, in metres.
    lon, lat = np.deg2rad(labels["lon"].to_numpy()), np.deg2rad(labels["lat"].to_numpy())
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    # Jittered copies are 0.4 mm apart; rounding may part them only where they straddle a raster line of 1e-5 degrees.
    on_line = np.abs(labels[["lon", "lat"]].to_numpy() * 1e5 % 1 - 0.5).min(axis=1) < 0.01
    near = (np.linalg.norm(xyz[:, None] - xyz, axis=2) * EARTH_RADIUS_KM * 1e3 < 0.01) & ~on_line[:, None] & ~on_line
    ids = labels["site_id"].to_numpy()
    at_pole = np.abs(labels["lat"].to_numpy()) > 89.9999
    for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        if not at_pole[i]:
            assert (wide.loc[ids[i]] == wide.loc[ids[j]]).all()


@given(st.integers(0, 20), st.floats(20, 3000), st.integers(2, 10))
@settings(max_examples=30, deadline=None)
def test_blocks_are_never_split(seed, block_km, count):
    labels = _labels(200, seed)
    folds = split_folds(labels, "regression", Folds(count=count, kinds=("blocks",), block_km=block_km), seed=seed)
    wide = _wide(folds, "blocks")
    block = spatial_blocks(labels[["lon", "lat"]].to_numpy().round(5), block_km)
    assert (wide.loc[labels["site_id"]].groupby(block).nunique() == 1).all(axis=None)  # noqa: PD101


@given(st.floats(10, 5000))
@settings(max_examples=50, deadline=None)
def test_blocks_have_equal_area(block_km):
    """A parallel meets as many blocks as its length holds sides; with rows of equal height the areas are then equal."""
    around = np.linspace(0, 360, 20_001)[:-1]
    parallel = 41.7
    met = len(np.unique(spatial_blocks(np.column_stack([around, np.full(20_000, parallel)]), block_km)))
    rows = round(np.pi * EARTH_RADIUS_KM / block_km)
    middle = (np.floor((parallel + 90) / 180 * rows) + 0.5) / rows * 180 - 90
    assert abs(met - 2 * np.pi * EARTH_RADIUS_KM * np.cos(np.deg2rad(middle)) / block_km) <= 0.5 + 1e-6


def test_rows_are_block_km_high():
    lat = np.linspace(-89.999, 89.999, 100_000)
    rows = len(np.unique(spatial_blocks(np.column_stack([np.zeros_like(lat), lat]), 300.0)))
    assert rows == round(np.pi * EARTH_RADIUS_KM / 300) == 67


def test_both_sides_of_the_date_line_are_one_place():
    a, b = spatial_blocks(np.array([[180.0, 10.0], [-180.0, 10.0]]), 300)
    assert a == b


def test_random_folds_are_stratified_and_of_equal_size():
    labels = _labels(997, classes=6)
    wide = _wide(split_folds(labels, "classification", Folds(), seed=1), "random")
    test = wide == "test"
    assert test.sum().max() - test.sum().min() <= 1
    of_class = test.loc[labels["site_id"]].groupby(labels["label"].to_numpy()).sum()
    assert (of_class.max(axis=1) - of_class.min(axis=1)).max() <= 1


def test_nine_to_one_of_the_rest_trains():
    labels = _labels(1000)
    for kind in ("random", "blocks"):
        wide = _wide(split_folds(labels, "regression", Folds(), seed=1), kind)
        rest, val = (wide != "test").sum(), (wide == "val").sum()
        np.testing.assert_allclose(val, 0.1 * rest, atol=1)


def test_blocked_folds_are_balanced():
    wide = _wide(split_folds(_labels(2000), "regression", Folds(), seed=1), "blocks")
    assert (wide == "test").sum().between(195, 205).all()


def test_blocked_folds_are_farther_from_training_than_random_ones():
    labels = _labels(1500, spread=0.25)
    folds = split_folds(labels, "regression", Folds(block_km=800), seed=1)
    lon, lat = np.deg2rad(labels["lon"].to_numpy()), np.deg2rad(labels["lat"].to_numpy())
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    median = {}
    for kind in ("random", "blocks"):
        part = _wide(folds, kind)[0].loc[labels["site_id"]].to_numpy()
        distance = np.linalg.norm(xyz[part == "test"][:, None] - xyz[part == "train"], axis=2).min(axis=1)
        median[kind] = np.median(distance)
    assert median["blocks"] > 1.5 * median["random"]


def test_seed_and_site_decide_not_the_order_of_rows():
    labels = _labels(300)
    one = split_folds(labels, "classification", Folds(), seed=1)
    two = split_folds(labels.sample(frac=1, random_state=0), "classification", Folds(), seed=1)
    pd.testing.assert_frame_equal(one, two)
    other = split_folds(labels, "classification", Folds(), seed=2)
    for kind in ("random", "blocks"):
        assert (_wide(one, kind) != _wide(other, kind)).any(axis=None)


def test_a_class_rarer_than_the_folds_is_spread_and_named(caplog):
    labels = _labels(200)
    labels.loc[:2, "label"] = "rare"
    wide = _wide(split_folds(labels, "classification", Folds(), seed=1), "random")
    assert ((wide.loc[labels["site_id"][:3]] == "test").sum() <= 1).all()
    assert "rare 3" in caplog.text


def test_too_few_blocks_names_a_side_that_works():
    labels = _labels(300, spread=0.01)
    with pytest.raises(UserError, match="block_km: 300") as error:
        split_folds(labels, "regression", Folds(), seed=1)
    side = float(error.value.mend.split("block_km: ")[1].split(",")[0])
    split_folds(labels, "regression", Folds(block_km=side), seed=1)


def test_too_few_locations():
    labels = _labels(30).assign(lon=[1.0, 2.0, 3.0] * 10, lat=5.0)
    with pytest.raises(UserError, match="30 labelled images at 3 locations cannot make 10 folds"):
        split_folds(labels, "regression", Folds(kinds=("random",)), seed=1)
    assert len(split_folds(labels, "regression", Folds(kinds=("random",), count=3), seed=1)) == 90


# ------------------------------------------------------------------------------------------------------------ official
def _split(n=400, parts=("train", "val", "test"), shares=(0.5, 0.2, 0.3), seed=0):
    rng = np.random.default_rng(seed)
    return _labels(n, seed).assign(split=rng.choice(parts, n, p=shares))


def _official(labels, **how):
    return _wide(split_folds(labels, "classification", Folds(kinds=("official",)), seed=1, **how), "official")


@given(st.integers(0, 50), st.sampled_from(["train", "train val", "train val test", "train val test -", "train test"]))
@settings(max_examples=40, deadline=None)
def test_official_parts_stay_as_they_are(seed, words):
    parts = ["" if w == "-" else w for w in words.split()]
    labels = _split(60, parts, None, seed)
    if len(parts) == 1:
        with pytest.raises(UserError, match="no image in test or val"):
            _official(labels)
        return
    wide = _official(labels)[0].loc[labels["site_id"]].to_numpy(dtype=object)
    given = labels["split"].to_numpy(dtype=object)
    if "test" in parts:
        assert ((wide == "test") == (given == "test")).all()
    else:  # SeCo's and SSL4EO-S12's BigEarthNet: what is called val is tested
        assert ((wide == "test") == (given == "val")).all()
    assert ((wide == "unused") == (given == "")).all()
    if "test" in parts and "val" in parts:
        assert ((wide == "val") == (given == "val")).all()
    else:
        trained = given == "train"
        assert set(wide[trained]) == {"train", "val"}
        assert (wide[trained] == "val").sum() == max(1, round(0.1 * trained.sum()))


def test_subsets_are_random_parts_of_the_training_part():
    labels = _split(3000, ("train", "val", "test"), (0.6, 0.2, 0.2))
    wide = _official(labels, subsets=Subsets())
    given = labels.set_index("site_id")["split"]
    assert list(wide.columns) == list(range(10))
    train = (given == "train").sum()
    for fold in wide:
        chosen = wide[fold].isin(["train", "val"])
        assert chosen.sum() == round(0.11 * train) and (given[chosen.index[chosen]] == "train").all()
        assert (wide[fold] == "val").sum() == round(0.1 * chosen.sum())
        assert ((wide[fold] == "test") == (given.loc[wide.index] == "test")).all()
        assert (wide[fold][given.loc[wide.index] == "val"] == "unused").all()
    # Independent draws: an image is in a given number of subsets by the binomial law; of none in 0.89^10.
    times = wide.isin(["train", "val"]).sum(axis=1)[given.loc[wide.index] == "train"]
    assert (times == 0).mean() == pytest.approx(0.89**10, abs=0.04)
    assert times.mean() == pytest.approx(1.1, abs=0.01)


def test_ten_percent_of_bigearthnet_are_ten_subsets_of_a_tenth():
    """SSL4Eco: ten random subsets of 11 % of the training list, 0.9 of each train; one test list, no val list."""
    named = yaml.safe_load((LIBRARY / "tasks.yaml").read_text())
    study = {"study": "s", "tasks": {name: None for name in named if name.startswith("bigearthnet")}}
    sets = dict.fromkeys(["bigearthnet", "bigearthnet_seco"])
    tasks = resolve(
        {**study, "datasets": {"ssl4eco": None}, "image_sets": sets, "models": {"seco_eco_published": None}}
    ).tasks
    sizes = {"train": 4000, "val": 1000, "test": 1000}
    split = np.repeat(list(sizes), list(sizes.values()))
    labels = pd.DataFrame({"site_id": [f"p{i:04d}" for i in range(len(split))], "lon": np.nan, "lat": np.nan})
    labels = labels.assign(split=split, label="Pastures")
    for name, counts, folds in (
        ("bigearthnet10", {"train": 396, "val": 44, "test": 1000, "unused": 4560}, 10),
        ("bigearthnet100", {"train": 4000, "val": 1000, "test": 1000}, 1),
    ):
        table = split_folds(labels, "multilabel", Folds(), seed=3, subsets=tasks[name].subsets)
        assert set(table["folds"]) == {"official"} and table["fold"].nunique() == folds
        for _, fold in table.groupby("fold"):
            assert fold["part"].value_counts().to_dict() == counts
            assert set(fold.loc[fold["part"] == "test", "site_id"]) == set(labels.loc[split == "test", "site_id"])
            assert fold.loc[fold["part"] == "train", "site_id"].isin(labels.loc[split == "train", "site_id"]).all()
    # Drawn anew for every subset: two share about a tenth of theirs.
    table = split_folds(labels, "multilabel", Folds(), seed=3, subsets=tasks["bigearthnet10"].subsets)
    first, second = (set(table.query("fold == @f and part == 'train'")["site_id"]) for f in (0, 1))
    assert 20 < len(first & second) < 70
    assert tasks["bigearthnet10_seco"].subsets.count == 1 and tasks["bigearthnet100"].subsets is None


def test_held_back_images_take_their_whole_location_with_them():
    labels = _split(400, ("train", "test"), (0.7, 0.3))
    labels[["lon", "lat"]] = labels[["lon", "lat"]].to_numpy()[np.arange(400) // 4]
    wide = _official(labels)[0].loc[labels["site_id"]].to_numpy(dtype=object)
    place = np.arange(400) // 4
    for kept, held in ((place[wide == "train"], place[wide == "val"]),):
        assert not set(kept) & set(held) and len(held) == round(0.1 * (wide != "test").sum())


def test_an_official_split_that_parts_a_location_is_told(caplog):
    labels = _split(40, ("train", "test"), (0.5, 0.5))
    labels.loc[:9, ["lon", "lat"]] = (1.0, 2.0)
    _official(labels)
    here, tested = (labels["split"][:10] == "test").sum(), (labels["split"] == "test").sum()
    assert f"{here} of {tested} test images lie where a training image lies" in caplog.text


def test_which_kinds_are_made():
    labels = _split(200)
    nowhere = labels.assign(lon=np.nan, lat=np.nan)
    for table, kinds in (
        (labels, {"official", "blocks"}),
        (nowhere, {"official"}),
        (labels.drop(columns="split"), {"random", "blocks"}),
        (labels.assign(split=""), {"random", "blocks"}),
        (nowhere.assign(split=""), {"random"}),
    ):
        assert set(split_folds(table, "regression", Folds(), seed=1)["folds"]) == kinds
    assert set(split_folds(labels, "regression", Folds(kinds=("random",)), seed=1)["folds"]) == {"random"}
    with pytest.raises(UserError, match=r"\[blocks\] cannot be made of images without coordinates"):
        split_folds(nowhere.assign(split=""), "regression", Folds(kinds=("blocks",)), seed=1)
    with pytest.raises(UserError, match="without an official split"):
        split_folds(labels.drop(columns="split"), "regression", Folds(kinds=("official",)), seed=1)


def test_images_without_coordinates_are_dealt_one_by_one():
    labels = _labels(103).assign(lon=np.nan, lat=np.nan)
    wide = _wide(split_folds(labels, "regression", Folds(), seed=1), "random")
    assert set((wide == "test").sum()) == {10, 11}


def test_an_official_split_that_cannot_be_is_refused():
    labels = _split(30)
    with pytest.raises(UserError, match="split 'testing' is none of train, val, test"):
        _official(labels.assign(split="testing"))
    with pytest.raises(UserError, match="no image in train"):
        _official(labels.assign(split="test"))
    alone = labels.assign(split=["train"] + ["test"] * 29)
    with pytest.raises(UserError, match="cannot also validate"):
        _official(alone)
    with pytest.raises(UserError, match=r"larger subsets\.share"):
        _official(labels, subsets=Subsets(share=0.01))


def test_draws_depend_on_the_site_alone():
    """Images of other classes, far away, leave the dealing of a class as it is."""
    labels = _labels(300)
    some = labels["label"] == "c0"
    whole = _wide(split_folds(labels, "classification", Folds(kinds=("random",)), seed=1), "random")
    alone = _wide(split_folds(labels[some], "classification", Folds(kinds=("random",)), seed=1), "random")
    first_dealt = "c0"  # the first class in order finds all folds empty in both
    ids = labels.loc[labels["label"] == first_dealt, "site_id"]
    assert ((whole.loc[ids] == "test") == (alone.loc[ids] == "test")).all(axis=None)
