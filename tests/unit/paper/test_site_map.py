"""Maps of the report: what stands in the data is what the tables say, where the projection puts it."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.files import write_table
from greenup.paper.maps import WORLD_FRAME, frame_of
from greenup.paper.report_map import map_page
from greenup.paper.site_map import COLUMNS, UNITS, on_map, shown_sites, site_map, svg_path, write_site_map
from greenup.paper.thumbnails import SIDE, thumbnails
from greenup.schemas import SITES
from PIL import Image
from pyproj import Transformer


def ledger(world) -> pd.DataFrame:
    """A row a site x season: the images of the index, and why the others are not there."""
    rows = world.seasons[["site_id", "season"]].drop_duplicates()
    rows = rows.merge(world.index[["site_id", "season", "scene_id", "time", "cloud"]], how="left")
    there = rows["scene_id"].notna()
    return rows.assign(status=np.where(there, "ok", "cloudy"), cause=np.where(there, None, "none below 20 % cloud"))


@pytest.fixture
def places(world) -> pd.DataFrame:
    return world.sites.assign(biome=["tundra", None] * 6)


def test_sites_carry_their_attributes_intervals_and_images(world, places):
    shown = np.arange(len(places))
    found = site_map(places, shown, world.seasons, ledger(world), {("0U_0R", "summer"): "abc"})
    assert found["total"] == 12 and found["density"] is None and found["pictures"] == 1
    assert found["sites"]["id"] == list(places["site_id"])
    assert found["sites"]["lat"] == list(places["lat"])
    covers = [found["names"]["land_cover"][i] for i in found["sites"]["land_cover"]]
    assert covers == list(places["land_cover"])
    assert found["sites"]["biome"] == [0, -1] * 6 and found["names"]["biome"] == ["tundra"]
    assert found["seasons"] == ["spring", "summer", "autumn", "winter"]
    first = world.seasons[world.seasons["site_id"] == "0U_0R"]
    assert found["intervals"][0] == [
        [k, f"{r['first']:%Y-%m-%d}", f"{r['last']:%Y-%m-%d}", 0] for k, (_, r) in enumerate(first.iterrows())
    ]
    season, status, when, cloud, scene, picture = found["images"][0][1]
    mine = world.index[(world.index["site_id"] == "0U_0R") & (world.index["season"] == "summer")].iloc[0]
    assert (season, status, cloud, scene, picture) == (1, "ok", 3.0, mine["scene_id"], "abc")
    assert pd.Timestamp(when, tz="UTC") == mine["time"]
    # Site 3 lacks autumn, and says why.
    assert found["images"][3][2] == [2, "cloudy", None, None, None, "none below 20 % cloud"]
    json.dumps(found, allow_nan=False)


def test_places_are_those_of_equal_earth(places):
    found = site_map(places, np.arange(len(places)), None, None, {})
    x, y = Transformer.from_crs(4326, 8857, always_xy=True).transform(places["lon"], places["lat"])
    edge, _ = Transformer.from_crs(4326, 8857, always_xy=True).transform([-180.0, 180.0], [0.0, 0.0])
    _, pole = Transformer.from_crs(4326, 8857, always_xy=True).transform([0.0], [90.0])
    scale = UNITS / (edge[1] - edge[0])
    np.testing.assert_allclose(found["sites"]["x"], (np.asarray(x) - edge[0]) * scale, atol=0.51)
    np.testing.assert_allclose(found["sites"]["y"], (pole[0] - np.asarray(y)) * scale, atol=0.51)
    assert found["frame"]["height"] == round(2 * pole[0] * scale) and not found["frame"]["regional"]
    assert found["intervals"] == found["images"] == [[]] * 12 and found["seasons"] == []


def test_the_density_counts_every_site_once_in_squares_of_one_area():
    rng = np.random.default_rng(0)
    many = pd.DataFrame({"lon": rng.uniform(-180, 180, 3000), "lat": rng.uniform(-89, 89, 3000)})
    many = many.assign(site_id=[f"s{i}" for i in range(3000)], land_cover="barren", biome=None)
    found = site_map(many, np.arange(100), None, None, {})
    cells = np.reshape(found["density"]["cells"], (-1, 3))
    assert cells[:, 2].sum() == 3000 == found["total"] and len(found["sites"]["id"]) == 100
    assert cells[:, 0].min() >= 0 and cells[:, 0].max() < COLUMNS
    # The world between them has the area of the Earth, but for squares across its border.
    x, y, height = on_map(WORLD_FRAME, many["lon"].to_numpy(), many["lat"].to_numpy())
    border = np.reshape([float(v) for v in _absolute(found["frame"]["border"])], (-1, 2))
    area = 0.5 * abs(np.sum(border[:, 0] * np.roll(border[:, 1], -1) - border[:, 1] * np.roll(border[:, 0], -1)))
    km2 = area / found["density"]["side"] ** 2 * found["density"]["km2"]
    assert km2 == pytest.approx(510.07e6, rel=0.002)
    assert x.min() >= 0 and x.max() <= UNITS and y.min() >= 0 and y.max() <= height


def _absolute(path: str) -> list[int]:
    """Corners of a path of one ring, from its steps."""
    start, steps = path[1:-1].split("l")
    corners = np.vstack([np.array(start.split(), int), np.reshape(np.array(steps.split(), int), (-1, 2))])
    return np.cumsum(corners, axis=0).ravel().tolist()


def test_a_region_has_a_frame_of_its_own_and_land_within():
    lon, lat = np.array([3.0, 4.1]), np.array([50.8, 50.9])
    x, y, height = on_map(frame_of(lon, lat), lon, lat)
    assert x[0] < x[1] and y[0] > y[1] and y.min() > 0 and y.max() < height
    places = pd.DataFrame({"site_id": ["a", "b"], "lon": lon, "lat": lat, "land_cover": "cropland", "biome": None})
    frame = site_map(places, np.arange(2), None, None, {})["frame"]
    assert frame["regional"] and frame["land"].startswith("M") and 10 < frame["metres"] < 100


def test_paths_leave_out_what_changes_nothing():
    ring = np.array([[0, 0], [5, 0], [5, 0], [10, 0], [10, 10], [0, 10], [0, 0]])
    assert svg_path(ring) == "M0 0l10 0 0 10 -10 0 0 -10z"
    # A spike turns back on its own line and stays.
    assert svg_path(np.array([[0, 0], [9, 0], [4, 0], [4, 4]])) == "M0 0l9 0 -5 0 0 4z"
    assert svg_path(np.array([[1, 1], [1, 1], [2, 1]])) == ""


def test_sites_shown_are_the_same_again_and_hold_those_with_pictures():
    ids = pd.Series([f"s{i:04d}" for i in range(1000)])
    chosen = shown_sites(ids, ["s0999", "s0003"], 50, 7, "d")
    assert len(chosen) == 50 and {3, 999} <= set(chosen) and (np.diff(chosen) > 0).all()
    assert (chosen == shown_sites(ids, ["s0999", "s0003"], 50, 7, "d")).all()
    assert set(chosen) != set(shown_sites(ids, ["s0999", "s0003"], 50, 8, "d"))
    assert (shown_sites(ids, [], 1000, 7, "d") == np.arange(1000)).all()


def test_thumbnails_are_small_pictures_of_every_image(world, store):
    bands = ("B2", "B3", "B4", "B8")
    words, pictures = thumbnails(world.index, store, bands)
    assert words == "true colour (B4, B3, B2)" and len(pictures) == len(world.index)
    with Image.open(io.BytesIO(base64.b64decode(pictures["0U_0R", "winter"]))) as image:
        assert image.format == "JPEG" and image.size == (24, 24)
        winter = np.asarray(image, float)[8:].mean()
    with Image.open(io.BytesIO(base64.b64decode(pictures["0U_0R", "spring"]))) as image:
        assert winter > np.asarray(image, float)[8:].mean() + 50  # one stretch for all: winter is brighter
    store.size = 264
    _, large = thumbnails(world.index[:1], store, ("VV", "VH"))
    with Image.open(io.BytesIO(base64.b64decode(next(iter(large.values()))))) as image:
        assert image.size == (SIDE, SIDE)


def test_a_dataset_of_which_only_sites_are_drawn(world, tmp_path):
    table = world.sites.assign(
        stratum="s", land=True, climate_zone="cold", ecoregion=None, biome="tundra", realm=None, mountain=False
    ).assign(weight=1.0, shard=0)
    write_table(tmp_path / "sites.parquet", table, SITES, simulated=False, attribution="")
    for out in ("a.json", "b.json"):
        write_site_map("mine", sites=tmp_path / "sites.parquet", out=tmp_path / out, seed=1, most=5)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["name"] == "mine" and len(found["sites"]["id"]) == 5 and found["total"] == 12
    with pytest.raises(UserError, match=r"none\.parquet"):
        write_site_map("mine", sites=tmp_path / "none.parquet", out=tmp_path / "c.json", seed=1)


def test_the_page_puts_images_first_and_tells_what_is_shown(world, places, tmp_path):
    drawn = {"simulated": True, "view": "true colour"}
    full = site_map(places, np.arange(12), world.seasons, ledger(world), {("5U_5R", "summer"): "abc"})
    bare = site_map(places, np.arange(4), None, None, {})
    hostile = {**bare, "sites": {**bare["sites"], "id": ["</script><!--", *bare["sites"]["id"][1:]]}}
    for name, one in (("bare", hostile), ("full", full)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, **drawn, **one}))
    page = map_page([tmp_path / "bare.json", tmp_path / "full.json"])
    assert [d["name"] for d in page["datasets"]] == ["full", "bare"]
    assert "</" not in page["json"] and "<!--" not in page["json"]
    data = json.loads(page["json"])
    assert data["datasets"][1]["sites"]["id"][0] == "</script><!--"
    assert len(data["frames"]) == 1 and "land" not in data["datasets"][0]
    first, second = (d["words"] for d in page["datasets"])
    assert "12 sites, each a dot." in first and "47 images" in first and "of 1 sites" in first and "simulated" in first
    assert "12 sites; 4 of them" in second and "km²" in second and "no images" in second
    # The site with a picture stands first in the table for who has no script.
    assert page["datasets"][0]["rows"][0][0] == "5U_5R"
    assert "autumn: cloudy" in next(r[4] for r in page["datasets"][0]["rows"] if r[0] == "3U_3R")
    assert page["still"].count("h0") == 12
    assert map_page([]) is None
