"""Strata: areas in closed form and by projection, places uniform by area, the same however many are taken at a time."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from greenup.sites import strata
from greenup.sites.ecoregions import ecoregions_at, read_ecoregions
from greenup.sites.land import on_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM
from greenup.sites.strata import PackagedStrata, Places, PolygonStrata, area_km2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from shapely.geometry import MultiPolygon, Point, Polygon, box


def layer(path, polygons, names=None, biomes=None):
    """A layer with the columns of RESOLVE Ecoregions 2017."""
    biomes = biomes or [13.0] * len(polygons)
    table = gpd.GeoDataFrame(
        {
            "ECO_NAME": names or [f"e{i}" for i in range(len(polygons))],
            "BIOME_NUM": biomes,
            "REALM": ["Afrotropic"] * len(polygons),
        },
        geometry=list(polygons),
        crs=4326,
    )
    table.to_file(path)
    return SiteData(ecoregions=path)


def polygon_strata(data, by="ecoregion", region=None):
    return PolygonStrata(by, region, data, seed=1, name="d")


# ---------------------------------------------------------------------------------------------------------------- area
def test_areas_of_boxes_in_closed_form():
    octant, all_round, holed = box(0, 0, 90, 90), box(-180, -90, 180, 90), box(0, 0, 90, 60).difference(box(5, 5, 9, 7))
    hole = np.radians(4) * (np.sin(np.radians(7)) - np.sin(np.radians(5)))
    expected = [np.pi / 2, 4 * np.pi, np.pi / 2 * np.sin(np.radians(60)) - hole]
    assert area_km2(np.array([octant, all_round, holed])) / EARTH_KM**2 == pytest.approx(expected, rel=1e-12)


@settings(max_examples=40)
@given(st.floats(-80, 80), st.floats(0.001, 9.0), st.integers(4, 12), st.integers(0, 2**32 - 1))
def test_areas_of_any_polygon_are_those_of_an_equal_area_map(lat, size, corners, seed):
    """Edges straight in degrees are curves on the map of (longitude, sine of latitude), so they are cut fine there."""
    rng = np.random.default_rng(seed)
    angle = (np.arange(corners) + rng.uniform(0, 0.8, corners)) * 2 * np.pi / corners
    radius = size * rng.uniform(0.2, 1, corners)
    star = Polygon(np.stack([20 + radius * np.cos(angle), lat + radius * np.sin(angle)], axis=1))
    fine = shapely.segmentize(star, size / 2000)
    on_map = shapely.transform(fine, lambda xy: np.stack([np.radians(xy[:, 0]), np.sin(np.radians(xy[:, 1]))], axis=1))
    expected = EARTH_KM**2 * on_map.area
    assert area_km2(np.array([star]))[0] == pytest.approx(expected, rel=1e-4, abs=1e-6 * size**2)


# ------------------------------------------------------------------------------------------------------------ polygons
SAHARA = [
    MultiPolygon([box(5, 20, 8, 23), Polygon([(20, 25), (25, 25), (20, 30)])]),
    box(0, 20, 5, 24).difference(box(1, 21, 2, 23)),
    box(-5, 20, 0, 24),
]


def test_places_are_uniform_by_area_within_holes_and_parts(tmp_path):
    found = polygon_strata(layer(tmp_path / "e.gpkg", SAHARA))
    assert found.names == ("e0", "e1", "e2")
    assert found.area_km2 == pytest.approx(
        [area_km2(shapely.get_parts(p)).sum() for p in SAHARA], rel=1e-12
    )  # fmt: skip
    lon, lat, stratum = Places(found, seed=3, name="d").take(np.full(3, 4000), np.arange(3))
    points = shapely.points(lon, lat)
    for k, polygon in enumerate(SAHARA):
        assert shapely.covers(polygon, points[stratum == k]).all()
    # The share of the box among the two parts is that of its area.
    in_box = shapely.covers(SAHARA[0].geoms[0], points[stratum == 0]).mean()
    area = area_km2(np.array(SAHARA[0].geoms))
    assert in_box == pytest.approx(area[0] / area.sum(), abs=0.03)
    # In the plain box longitudes and sines of latitudes are uniform.
    east, up = lon[stratum == 2], np.sin(np.radians(lat[stratum == 2]))
    low, high = np.sin(np.radians([20, 24]))
    assert kstest((east + 5) / 5, "uniform").pvalue > 1e-3
    assert kstest((up - low) / (high - low), "uniform").pvalue > 1e-3
    # And in the triangle those of latitudes as its width: 1 - (5 - y)^2 / 25 but for the cosine, which changes by 5 %.
    triangle = (stratum == 0) & (lat > 24)
    assert kstest(lat[triangle] - 25, lambda y: 1 - (1 - np.clip(y, 0, 5) / 5) ** 2).pvalue > 1e-4


def test_parts_whose_boxes_overlap_are_drawn_alike(tmp_path):
    """Two facing triangles share their box: a place of either is as likely as one of a third beside them."""
    low, high, beside = (
        Polygon(c) for c in ([(0, 20), (4, 20), (0, 24)], [(4, 20.2), (4, 24), (0.2, 24)], [(6, 20), (8, 20), (8, 24)])
    )
    both = MultiPolygon([low, high, beside])
    lon, lat, _ = Places(polygon_strata(layer(tmp_path / "e.gpkg", [both])), seed=3, name="d").take(
        np.array([6000]), np.array([0])
    )
    points = shapely.points(lon, lat)
    count = [np.count_nonzero(shapely.covers(p, points)) for p in both.geoms]
    area = area_km2(np.array(both.geoms))
    assert sum(count) == 6000
    assert chisquare(count, 6000 * area / area.sum()).pvalue > 1e-3


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(1, 60), min_size=1, max_size=6), surplus=st.floats(0.05, 4))
def test_the_same_places_however_many_are_taken_at_a_time(tmp_path_factory, steps, surplus, chunked):
    found, whole = chunked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strata, "_SURPLUS", surplus)
        places = Places(found, seed=3, name="d")
        taken = [places.take(np.array([n, 2 * n, 0]), np.array([1, 0, 2])) for n in steps]
    lon, stratum = np.concatenate([t[0] for t in taken]), np.concatenate([t[2] for t in taken])
    for k in (0, 1):
        assert lon[stratum == k].tolist() == whole[k][: np.count_nonzero(stratum == k)].tolist()


@pytest.fixture(scope="module")
def chunked(tmp_path_factory):
    found = polygon_strata(layer(tmp_path_factory.mktemp("layer") / "e.gpkg", SAHARA))
    lon, _, stratum = Places(found, seed=3, name="d").take(np.full(3, 800), np.arange(3))
    return found, [lon[stratum == k] for k in range(3)]


def test_a_region_cuts_areas_and_places(tmp_path):
    data = layer(tmp_path / "e.gpkg", SAHARA)
    region = (6.0, 20.0, 21.0, 26.0)
    found = polygon_strata(data, region=region)
    assert found.names == ("e0",), "strata outside are left out"
    assert found.all_names == ("e0", "e1", "e2")
    left = shapely.get_parts(shapely.intersection(SAHARA[0], box(*region)))
    assert found.area_km2 == pytest.approx([area_km2(left).sum()], rel=1e-12)
    lon, lat, _ = Places(found, seed=3, name="d").take(np.array([500]), np.array([0]))
    assert shapely.covers(box(*region), shapely.points(lon, lat)).all()

    disc = Point(20, 25).buffer(1)
    gpd.GeoSeries([disc], crs=4326).to_file(tmp_path / "disc.gpkg")
    found = polygon_strata(data, region=str(tmp_path / "disc.gpkg"))
    assert found.area_km2 == pytest.approx(area_km2(shapely.get_parts(disc.intersection(SAHARA[0]))).sum(), rel=1e-12)


def test_polygons_of_one_biome_are_one_stratum(tmp_path):
    found = polygon_strata(layer(tmp_path / "e.gpkg", SAHARA, biomes=[13.0, 7.0, 13.0]), by="biome")
    assert found.names == ("desert_xeric_shrubland", "tropical_grassland_savanna")
    each = [area_km2(shapely.get_parts(p)).sum() for p in SAHARA]
    assert found.area_km2 == pytest.approx([each[0] + each[2], each[1]], rel=1e-12)


def test_sea_is_passed_over_but_not_where_no_land_is_known(tmp_path):
    """Half of the one lies in the Atlantic; of the other, in the middle of it, the land mask knows nothing."""
    coast, islet = box(-18, 22, -15, 23), box(-30.01, 30, -30, 30.01)
    data = layer(tmp_path / "e.gpkg", [coast, islet])
    found = polygon_strata(data)
    assert found.islets.tolist() == [False, True]
    lon, lat, stratum = Places(found, seed=3, name="d").take(np.array([300, 20]), np.arange(2))
    land = on_land(lon, lat, data)
    assert land[stratum == 0].all()
    assert not land[stratum == 1].any()
    assert np.count_nonzero(stratum == 1) == 20
    assert found.area_km2[1] < strata._ISLET_KM2


def test_a_stratum_at_sea_is_exhausted(tmp_path, monkeypatch):
    """A large stratum without land, as in a layer of the sea, ends the search."""
    monkeypatch.setattr(strata, "_PATIENCE", 3000)
    found = polygon_strata(layer(tmp_path / "e.gpkg", [box(-40, 20, -30, 30), SAHARA[2]]))
    places = Places(found, seed=3, name="d")
    _, _, stratum = places.take(np.array([5, 5]), np.arange(2))
    assert stratum.tolist() == [1] * 5
    assert places.exhausted.tolist() == [True, False]


# ------------------------------------------------------------------------------------------------------------ packaged
@pytest.mark.parametrize("by", ["ecoregion", "biome"])
def test_packaged_places_lie_in_their_stratum(by):
    region = (-20.0, 0.0, 20.0, 40.0)
    found = PackagedStrata(by, region, SiteData(), seed=1, name="d", count=100)
    more = np.array([p.shape[1] for p in found.first]) + 30
    lon, lat, stratum = Places(found, seed=1, name="d").take(np.minimum(more, 2000), np.arange(len(found.names)))
    label = ecoregions_at(lon, lat, SiteData())[by].to_numpy()
    assert label.tolist() == [found.names[k] for k in stratum]
    assert on_land(lon, lat, SiteData()).all()
    assert shapely.covers(box(*region), shapely.points(lon, lat)).all()
    beyond = np.bincount(stratum, minlength=len(found.names)) - [min(p.shape[1], 2000) for p in found.first]
    assert (beyond > 0).any(), "some places come from the boxes, beyond those of the pilot"


def test_packaged_strata_of_scattered_polygons(tmp_path):
    """Two parks on two continents: the pilot goes to them, not to all that lies between."""
    parks = [box(10, 22, 10.5, 22.5), box(-60, -5, -59.5, -4.5)]
    gpd.GeoSeries(parks, crs=4326).to_file(tmp_path / "parks.gpkg")
    found = PackagedStrata("realm", str(tmp_path / "parks.gpkg"), SiteData(), seed=1, name="d", count=1)
    assert found.names == ("neotropic", "palearctic")
    parks.reverse()
    assert found.area_km2 == pytest.approx(area_km2(np.array(parks)), rel=0.05)
    wanted = np.array([p.shape[1] for p in found.first]) + 500
    lon, lat, stratum = Places(found, seed=1, name="d").take(wanted, np.arange(2))
    for k, park in enumerate(parks):
        assert shapely.covers(park, shapely.points(lon, lat)[stratum == k]).all()


def test_packaged_areas_sum_to_that_of_the_land():
    """148.9 million km2 of land (CIA World Factbook); the mask counts lakes and ice shelves too."""
    found = PackagedStrata("biome", None, SiteData(), seed=1, name="d", count=1)
    assert found.area_km2.sum() == pytest.approx(148.9e6, rel=0.03)


def test_places_from_the_boxes_of_the_pilot_spread_like_the_stratum():
    """Deserts between 0 and 40 degrees north: longitudes of places beyond the pilot like those of the pilot."""
    found = PackagedStrata("biome", (-20.0, 0.0, 60.0, 40.0), SiteData(), seed=1, name="d", count=1)
    k = found.names.index("desert_xeric_shrubland")
    rng = np.random.default_rng(0)
    places = found.draw(k, rng, 20_000)
    ok = found.accept(*places, np.full(20_000, k))
    for axis in (0, 1):
        assert kstest(places[axis, ok], found.first[k][axis]).pvalue > 1e-3


# -------------------------------------------------------------------------------------------------------- real sample
def test_areas_of_the_real_layer(samples):
    """Against the equal-area projection EPSG:6933 of the ellipsoid, which differs from the sphere by latitude."""
    data = SiteData(ecoregions=samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    found = polygon_strata(data)
    table = read_ecoregions(data.ecoregions)
    projected = (table.to_crs(6933).area / 1e6).groupby(table["ecoregion"]).sum()
    assert list(found.names) == sorted(projected.index)
    assert len(found.names) == 847
    assert found.area_km2 == pytest.approx(projected[list(found.names)].to_numpy(), rel=0.01)
    assert found.area_km2.sum() == pytest.approx(146.2e6, rel=0.005)
