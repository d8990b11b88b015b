"""Points in polygons against GEOS by brute force, borders against the stated rule, and files of every kind."""

import os
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import shapely
from greenup.errors import UserError
from greenup.sites import polygons
from greenup.sites.edges import Rows
from greenup.sites.grid import grid_cells
from greenup.sites.polygons import covers, read_polygons, which
from greenup.sites.sphere import EARTH_KM
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Geod

SPHERE = Geod(a=EARTH_KM * 1000, b=EARTH_KM * 1000)
SQUARE = shapely.box(0, 0, 10, 10)
ISLAND_IN_LAKE = shapely.MultiPolygon(
    [shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 8, 8)), shapely.box(4, 4, 6, 6)]
)


def both_ways(lon, lat, geometries) -> np.ndarray:
    """The answer of the two ways of searching, after checking that it is one."""
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    ready = polygons._polygons(geometries)
    by_rows = polygons._by_rows(lon, lat, ready, Rows.of(lon, lat))
    assert (by_rows == polygons._by_points(lon, lat, ready)).all()
    return by_rows


# --------------------------------------------------------------------------------------------------------- inside, out
coordinates = st.floats(-170, 170).map(lambda v: round(v, 3))
points = st.tuples(coordinates, coordinates.map(lambda v: v / 2))


@st.composite
def blobs(draw):
    """A valid polygon with holes and parts: rings through random points, mended."""
    ring = draw(st.lists(points, min_size=3, max_size=12, unique=True))
    blob = shapely.make_valid(shapely.Polygon(ring), method="structure", keep_collapsed=False)
    assume(blob.area > 1)
    return blob


@settings(max_examples=60)
@given(st.lists(blobs(), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_random_polygons_agree_with_geos(blobs, seed):
    """Overlapping polygons too: the first that holds a point, by asking each polygon for each point."""
    rng = np.random.default_rng(seed)
    lat = np.repeat(rng.uniform(-88, 88, 20), 20)
    lon = rng.uniform(-180, 180, 400)
    holds = np.array([shapely.contains_xy(b, lon, lat) for b in blobs])
    near = np.min([shapely.distance(shapely.boundary(b), shapely.points(lon, lat)) for b in blobs], axis=0) < 1e-9
    want = np.where(holds.any(axis=0), holds.argmax(axis=0), -1)
    assert (both_ways(lon, lat, blobs) == want)[~near].all()
    assert (which(lon, lat, blobs) == want)[~near].all()
    assert (covers(lon, lat, blobs) == (want >= 0))[~near].all()


@settings(max_examples=60)
@given(st.lists(blobs(), min_size=1, max_size=3))
def test_points_on_vertices_latitudes(blobs):
    """The parallels through vertices are where counting crossings goes wrong first. The points keep off the borders."""
    lat = np.unique(shapely.get_coordinates(blobs)[:, 1])
    lon = np.linspace(-179.93, 179.91, 97)
    lon, lat = (v.ravel() for v in np.meshgrid(lon, lat))
    near = np.min([shapely.distance(shapely.boundary(b), shapely.points(lon, lat)) for b in blobs], axis=0) < 1e-9
    want = np.any([shapely.contains_xy(b, lon, lat) for b in blobs], axis=0)
    assert ((both_ways(lon, lat, blobs) >= 0) == want)[~near].all()


@settings(max_examples=60)
@given(blobs())
def test_both_ways_agree_on_vertices(blob):
    both_ways(*shapely.get_coordinates(blob).T, [blob])


def test_borders_are_half_open():
    corners = np.array([(0, 0), (10, 0), (10, 10), (0, 10), (0, 5), (5, 0), (10, 5), (5, 10)], dtype=float)
    want = [0, -1, -1, -1, 0, 0, -1, -1]
    assert both_ways(*corners.T, [SQUARE]).tolist() == want
    # Whichever way the ring runs and wherever it starts.
    for ring in (SQUARE.exterior.coords[::-1], [(5, 0), (10, 0), (10, 10), (5, 10), (0, 10), (0, 5), (0, 0)]):
        assert both_ways(*corners.T, [shapely.Polygon(ring)]).tolist() == want
    # Of a hole the western and southern border are its own, not the polygon's.
    lake = [2, 8, 5, 5], [5, 5, 2, 8]
    assert both_ways(*lake, [ISLAND_IN_LAKE]).tolist() == [-1, 0, -1, 0]


def test_a_tiling_shares_out_every_point():
    """Squares that share borders: each grid point, all of them on vertices or borders, lies in exactly one."""
    west, south = (v.ravel() for v in np.meshgrid(np.arange(-6, 6), np.arange(-6, 6)))
    tiles = shapely.box(west, south, west + 1, south + 1)
    lon, lat = (v.ravel() for v in np.meshgrid(np.arange(-6, 6, 0.5), np.arange(-6, 6, 0.5)))
    got = both_ways(lon, lat, tiles)
    assert (got >= 0).all()
    assert (np.floor(lon) == west[got]).all()
    assert (np.floor(lat) == south[got]).all()


def test_triangles_along_a_slanting_border_share_it():
    """Points reckoned on a border that two polygons share, each writing it from its own end: always in exactly one,
    whichever way is taken, though rounding may put a point on another side for the other way."""
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-80, 80, (2, 2))
    pair = [shapely.Polygon([a, b, (-100, 85)]), shapely.Polygon([b, a, (120, -85)])]
    lon, lat = (a + rng.uniform(0.01, 0.99, (500, 1)) * (b - a)).T
    for search in (
        lambda ready: polygons._by_rows(lon, lat, ready, Rows.of(lon, lat)),
        lambda ready: polygons._by_points(lon, lat, ready),
    ):
        one, other = (search(polygons._polygons([p])) >= 0 for p in pair)
        assert (one != other).all()


def test_lakes_and_islands():
    assert both_ways([1, 3, 5, 7, 9, 11], [5] * 6, [ISLAND_IN_LAKE]).tolist() == [0, -1, 0, -1, 0, -1]


def test_date_line_and_poles():
    either = shapely.MultiPolygon([shapely.box(170, -20, 180, -10), shapely.box(-180, -20, -175, -10)])
    lon = [169, 171, 180, -180, -176, -174, 190, -190]
    assert which(lon, [-15] * 8, [either]).tolist() == [-1, 0, 0, 0, 0, -1, -1, 0]
    # Meridian 180 is one line: a polygon on one side of it is enough.
    assert which([180, -180], [-15, -15], [shapely.box(170, -20, 180, -10)]).tolist() == [0, 0]
    caps = [shapely.box(-180, 60, 180, 90), shapely.box(-180, -90, 180, -60)]
    assert which([0, 77, 0, -180], [90, 90, -90, -90], caps).tolist() == [0, 0, 1, 1]


def test_nothing_to_search():
    assert covers([], [], [SQUARE]).tolist() == []
    assert which([5], [5], []).tolist() == [-1]
    assert which([5], [5], [], nearest_km=10).tolist() == [-1]


def test_real_ecoregions_on_a_grid_and_scattered(samples):
    """Every ecoregion against every point of the boxes around, by GEOS; and by either way."""
    table = read_polygons(samples / "ecoregions2017_simplified" / "Ecoregions2017.shp", "test")
    assert len(table) == 847
    rng = np.random.default_rng(0)
    scattered = rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))
    for lon, lat in (grid_cells(120).centres, scattered):
        got = both_ways(lon, lat, table.geometry)
        assert (got == which(lon, lat, table.geometry)).all()
        joined = gpd.sjoin(gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat), crs=4326), table, predicate="within")
        want = joined["index_right"].groupby(level=0).min().reindex(range(len(lon)), fill_value=-1).to_numpy()
        assert np.count_nonzero(got >= 0) > 5000
        assert (got == want).all()


# -------------------------------------------------------------------------------------------------------------- nearest
@given(st.floats(-179, 179), st.floats(-88, 88), st.floats(0, 359), st.floats(1, 400))
def test_nearest_polygon_by_great_circle(lon, lat, bearing, km):
    """A tiny square at a known distance and bearing on the sphere is found within that distance, not below it."""
    east, north, _ = SPHERE.fwd(lon, lat, bearing, km * 1000)
    assume(abs(north) < 89 and abs(east) < 179.9)
    there = shapely.box(east - 1e-5, north - 1e-5, east + 1e-5, north + 1e-5)
    assert which([lon], [lat], [there], nearest_km=1.01 * km).tolist() == [0]
    assert which([lon], [lat], [there], nearest_km=0.99 * km - 0.01).tolist() == [-1]


@given(st.floats(-75, 75), st.floats(0.5, 100))
def test_nearest_side_of_a_large_polygon(lat, km):
    """South of a box 60 degrees wide, whose side has no vertex near: the distance is that along the meridian."""
    box = shapely.box(-30, lat, 30, lat + 5)
    south = lat - np.degrees(km / EARTH_KM)
    # Of two, the nearer one, though the other stands first and its vertices are nearer.
    other = shapely.box(-1, south - np.degrees(1.2 * km / EARTH_KM) - 1, 1, south - np.degrees(1.2 * km / EARTH_KM))
    assert which([0], [south], [other, box], nearest_km=1.01 * km).tolist() == [1]
    assert which([0], [south], [other, box], nearest_km=0.99 * km).tolist() == [-1]


def test_nearest_over_date_line_and_pole():
    fiji = shapely.box(179, -18, 179.9, -16)
    # 0.15 degrees of longitude at 17 S are 16 km.
    assert which([-179.95], [-17], [fiji], nearest_km=16.2).tolist() == [0]
    assert which([-179.95], [-17], [fiji], nearest_km=15.7).tolist() == [-1]
    beyond = shapely.box(170, 88, 180, 89)
    assert which([-5], [89.5], [beyond], nearest_km=170).tolist() == [0]
    assert which([-5], [89.5], [beyond], nearest_km=160).tolist() == [-1]


def test_points_inside_keep_their_polygon():
    tiles = [SQUARE, shapely.box(10, 0, 20, 10)]
    assert which([9.99, 5, 30], [5, 10.1, 5], tiles, nearest_km=50).tolist() == [0, 0, -1]


# ---------------------------------------------------------------------------------------------------------------- files
def frame(*geometries, crs=4326) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": [f"p{i}" for i in range(len(geometries))]}, geometry=list(geometries), crs=crs)


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.shp", "a.parquet", "a.zip", "folder.zip"])
def test_formats(tmp_path, name):
    table, path = frame(SQUARE, ISLAND_IN_LAKE), tmp_path / name
    if name.endswith(".parquet"):
        table.to_parquet(path)
    elif name.endswith(".zip"):
        table.to_file(tmp_path / "inner.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("inner.*"):
                archive.write(part, f"deep/{part.name}" if name == "folder.zip" else part.name)
    else:
        table.to_file(path)
    read = read_polygons(path, "test")
    assert read.crs == 4326
    assert read["name"].tolist() == ["p0", "p1"]
    assert shapely.area(read.geometry).tolist() == [100, 68]


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "a.geojson"
    frame(SQUARE).to_file(path)
    first = read_polygons(path, "test")
    assert read_polygons(str(path), "test") is first
    frame(SQUARE, SQUARE).to_file(path)
    os.utime(path, ns=(1, 1))
    assert len(read_polygons(path, "test")) == 2


def test_projected_polygons_are_curved_as_they_are(tmp_path):
    """A square of the polar stereographic projection round the pole and over the date line, with four vertices."""
    path, far = tmp_path / "arctic.gpkg", 2_000_000
    ring = shapely.box(-far, -far, far, far).difference(shapely.box(-far / 4, -far / 4, far / 4, far / 4))
    frame(ring, crs=3413).to_file(path)
    read = read_polygons(path, "test")
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 4000), rng.uniform(60, 90, 4000)
    inside = covers(lon, lat, read.geometry)
    x, y = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=4326).to_crs(3413).get_coordinates().to_numpy().T
    off = np.minimum(*(abs(np.maximum(abs(x), abs(y)) - side) for side in (far, far / 4)))
    # Straight in one projection between vertices 10 km apart is straight in the other to some tens of metres.
    sure = off > 100
    assert sure.sum() > 3900
    assert (inside == (shapely.contains_xy(ring, x, y)))[sure].all()
    assert 500 < np.count_nonzero(inside) < 3500
    assert covers([0, 180], [90, 89], read.geometry).tolist() == [False, False]


def test_utm_zone_on_the_date_line(tmp_path):
    """Zone 60 with a polygon that reaches 1 degree beyond 180."""
    path = tmp_path / "fiji.gpkg"
    square = shapely.box(750_000, 8_000_000, 1_000_000, 8_100_000)
    frame(square, crs=32760).to_file(path)
    read = read_polygons(path, "test")
    west, _, east, _ = read.total_bounds
    assert (west, east) == (-180, 180)
    lon, lat = (
        gpd.GeoSeries(gpd.points_from_xy([760_000, 990_000, 870_000], [8_050_000] * 3), crs=32760)
        .to_crs(4326)
        .get_coordinates()
        .to_numpy()
        .T
    )
    assert lon[1] < 0 < lon[0]
    assert covers([*lon, 0], [*lat, lat[0]], read.geometry).tolist() == [True, True, True, False]


@pytest.mark.parametrize("west", [170, -190])
def test_longitudes_beyond_180(tmp_path, west):
    path = tmp_path / "fiji.geojson"
    frame(shapely.box(west, -20, west + 20, -10)).to_file(path)
    read = read_polygons(path, "test")
    assert shapely.area(read.geometry).tolist() == [200]
    assert covers([171, 179.9, 180, -171, -169, 169, 0], [-15] * 7, read.geometry).tolist() == [True] * 4 + [False] * 3


def test_longitudes_from_0_to_360(tmp_path):
    path = tmp_path / "pacific.geojson"
    frame(shapely.box(0, -60, 360, 60)).to_file(path)
    assert covers([-180, -100, 0, 100], [0] * 4, read_polygons(path, "test").geometry).all()


def test_self_crossing_rings_are_mended_and_other_shapes_left_out(tmp_path):
    path = tmp_path / "mixed.geojson"
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    collection = shapely.GeometryCollection([SQUARE, shapely.Point(1, 1)])
    frame(bow_tie, shapely.Point(3, 3), None, collection).to_file(path)
    read = read_polygons(path, "test")
    assert read["name"].tolist() == ["p0", "p3"]
    assert read.geometry.is_valid.all()
    assert shapely.area(read.geometry).tolist() == [50, 100]
    assert set(read.geom_type) <= {"Polygon", "MultiPolygon"}


def refused(path, *words: str) -> None:
    with pytest.raises(UserError) as error:
        read_polygons(path, "region")
    assert error.value.mend
    for word in ("region", str(path), *words):
        assert word in str(error.value), word


def test_refusals(tmp_path):
    refused(tmp_path / "none.gpkg", "no such file")
    (tmp_path / "text.gpkg").write_text("no polygons")
    refused(tmp_path / "text.gpkg", "cannot be read")
    (tmp_path / "text.parquet").write_text("no polygons")
    refused(tmp_path / "text.parquet", "cannot be read")
    for layer in ("here", "there"):
        frame(SQUARE).to_file(tmp_path / "two.gpkg", layer=layer)
    refused(tmp_path / "two.gpkg", "2 layers", "here, there", "ogr2ogr")
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        frame(SQUARE, crs=None).to_file(tmp_path / "bare.shp")
    refused(tmp_path / "bare.shp", "coordinate reference system", ".prj")
    frame(SQUARE, crs=None).to_parquet(tmp_path / "bare.parquet")
    refused(tmp_path / "bare.parquet", "coordinate reference system")
    frame(shapely.Point(0, 0)).to_file(tmp_path / "points.gpkg")
    refused(tmp_path / "points.gpkg", "no polygons", "Point")
    frame(shapely.box(0, 0, 5e5, 5e5)).to_file(tmp_path / "metres.gpkg")
    refused(tmp_path / "metres.gpkg", "500000", "no degrees")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    refused(tmp_path / "empty.zip", "holds none")
    frame().to_parquet(tmp_path / "empty.parquet")
    refused(tmp_path / "empty.parquet", "no polygons")


def test_points_beside_polygons_do_not_count_as_a_layer(tmp_path):
    """QGIS keeps styles, and people keep points, in the same GeoPackage."""
    path = tmp_path / "project.gpkg"
    frame(SQUARE).to_file(path, layer="area")
    frame(shapely.Point(0, 0)).to_file(path, layer="plots")
    assert len(read_polygons(path, "test")) == 1
