"""The equal-distance grid against published cells of Major-TOM, and its land cells against counts."""

import os

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from greenup.config.sites import GridSites
from greenup.errors import UserError
from greenup.sites.grid import cell_names, cell_numbers, cell_of, grid_cells, sample_grid, utm_zones
from greenup.sites.packaged import is_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import great_circle_km
from hypothesis import given, settings
from hypothesis import strategies as st

# Name, lower-left corner (lon, lat) and UTM zone of cells of Major-TOM's 23 km grid, rows of a sample of that grid.
PUBLISHED = [
    ("411D_78L", -178.8535031847134, -84.8394495412844, 32701),
    ("411D_77L", -176.56050955414014, -84.8394495412844, 32701),
    ("375D_190L", -180.0, -77.4082568807339, 32701),
    ("1D_286L", -59.070568, -0.206422, 32721),
    ("9U_635R", 131.228473, 1.857798, 32652),
    ("195U_665L", -180.0, 40.2522935779817, 32601),
    ("289U_8R", 3.269012, 59.655963, 32632),
    ("380U_33R", 33.942857, 78.440367, 32637),
    ("389U_8R", 9.795918, 80.298165, 32633),
]


def test_published_cells():
    cells = grid_cells(23)
    table = pd.DataFrame({"lon": cells.west, "lat": cells.south, "epsg": cells.epsg}, index=cells.names)
    for name, lon, lat, epsg in PUBLISHED:
        assert table.loc[name].tolist() == pytest.approx([lon, lat, epsg], abs=1e-6), name


def test_two_thousand_published_cells(samples):
    """Names, lower-left corners, UTM zones and positions in the grid of a sample of Major-TOM's own table."""
    path = samples.parent / "reference" / "major_tom_grid_23km_sample.csv"
    if not path.exists():
        message = f"{path} not found: a table of Major-TOM's cells beside the folder of samples"
        pytest.fail(message) if os.environ.get("GREENUP_REQUIRE_SAMPLES") == "1" else pytest.skip(message)
    published = pd.read_csv(path)
    cells = grid_cells(23, max_lat=85)
    at = pd.Index(cells.names).get_indexer(published["name"])
    assert (at >= 0).all()
    cells = cells[at]
    assert cells.west == pytest.approx(published["lon"].to_numpy(), abs=1e-9)
    assert cells.south == pytest.approx(published["lat"].to_numpy(), abs=1e-9)
    assert (cells.epsg == published["utm_zone"]).all()
    row, col = cell_numbers(published["name"])
    assert (row == cells.row).all()
    assert (col == cells.col).all()
    assert (row - row.min() == published["row_idx"] - published["row_idx"].min()).all()
    inward = np.nextafter(cells.west, 360), np.nextafter(cells.south, 90)
    assert cell_names(*cell_of(*inward, 23)).tolist() == published["name"].tolist()


def test_counts_of_cells_and_unique_names():
    assert len(grid_cells(23)) == 967_708
    assert len(grid_cells(23, max_lat=85)) == 963_919
    assert len(set(grid_cells(100).names)) == len(grid_cells(100))


def test_counts_of_land_cells():
    """277,849 cells on land by a 1 km mask, 256,683 of them north of 60 degrees south."""
    lon, lat = grid_cells(23, max_lat=85).centres
    land = is_land(lon, lat)
    assert np.count_nonzero(land) == pytest.approx(277_849, rel=0.005)
    assert np.count_nonzero(land & (lat > -60)) == pytest.approx(256_683, rel=0.005)


spacings = st.one_of(st.floats(40, 30_000), st.sampled_from([50.0, 100.0, 200.0, 500.0, 7000.0, 20_037.6]))


@settings(max_examples=40)
@given(spacings)
def test_cells_tile_the_globe(spacing):
    """Rows meet, each goes round once, and the areas sum to that of the sphere."""
    cells = grid_cells(spacing)
    row = cells.row - cells.row.min()
    assert np.bincount(row, weights=cells.width) == pytest.approx(360)
    first = np.flatnonzero(np.diff(row, prepend=-1))
    south, north = cells.south[first], (cells.south + cells.height)[first]
    assert south[0] == pytest.approx(-90)
    assert north == pytest.approx(np.append(south[1:], 90), abs=1e-12)
    band = np.sin(np.radians(cells.south + cells.height)) - np.sin(np.radians(cells.south))
    assert np.sum(np.radians(cells.width) * band) == pytest.approx(4 * np.pi, rel=1e-9)


@settings(max_examples=40)
@given(spacings)
def test_cells_are_at_most_as_large_as_the_spacing(spacing):
    cells = grid_cells(spacing)
    degree = 2 * np.pi * 6378.137 / 360
    assert (cells.height * degree <= spacing * (1 + 1e-12)).all()
    assert (cells.width * degree * np.cos(np.radians(cells.south)) <= spacing * (1 + 1e-9)).all()
    assert np.count_nonzero(cells.row == 0) == np.ceil(2 * np.pi * 6378.137 / spacing)


@settings(max_examples=40)
@given(spacings)
def test_every_cell_holds_its_centre_and_its_corner(spacing):
    cells = grid_cells(spacing)
    lon, lat = cells.centres
    assert (np.abs(lon) <= 180).all()
    assert (np.abs(lat) <= 90).all()
    for points in ((lon, lat), (cells.west, cells.south)):
        row, col = cell_of(*points, spacing)
        assert (row == cells.row).all()
        assert (col == cells.col).all()
    assert [v.tolist() for v in cell_numbers(cells.names)] == [cells.row.tolist(), cells.col.tolist()]


@given(spacings, st.floats(-180, 180), st.floats(-90, 90))
def test_cell_of_a_point_holds_it(spacing, lon, lat):
    (row,), (col,) = cell_of([lon], [lat], spacing)
    cells = grid_cells(spacing)
    cell = cells[(cells.row == row) & (cells.col == col)]
    assert len(cell) == 1
    assert cell.south[0] <= lat <= cell.south[0] + cell.height[0] + 1e-12
    assert (lon - cell.west[0]) % 360 <= cell.width[0] + 1e-9 or (cell.west[0] - lon) % 360 < 1e-9


def test_cells_at_poles_and_date_line():
    assert cell_names(*cell_of([0, 0], [90, -90], 23)).tolist() == ["435U_0R", "436D_0R"]
    # Row 0U has 1743 columns: the easternmost cell spans the date line, and holds what lies just west and east of it.
    assert np.count_nonzero(grid_cells(23).row == 0) == 1743
    assert cell_names(*cell_of([179.99, 180, -180, -179.99, -179.89], [0] * 5, 23)).tolist() == [
        *["0U_871R"] * 4,
        "0U_871L",
    ]


def test_neighbouring_centres_lie_a_spacing_apart():
    cells = grid_cells(23)
    cells = cells[cells.row == 200]
    lon, lat = cells.centres
    assert great_circle_km(lon[:-1], lat[:-1], lon[1:], lat[1:]) == pytest.approx(23, rel=0.01)


def test_names_at_the_origin():
    assert cell_names(np.array([0, -1, 12]), np.array([0, -2, 34])).tolist() == ["0U_0R", "1D_2L", "12U_34R"]
    assert len(cell_names(np.array([], dtype=int), np.array([], dtype=int))) == 0
    with pytest.raises(UserError, match="'12U-34R' is not the name of a grid cell"):
        cell_numbers(["0U_0R", "12U-34R"])


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (-180.0, 0.0, 32601),
        (180.0, -1.0, 32701),
        (179.99, 10.0, 32660),
        (2.99, 60.0, 32631),
        (3.0, 56.0, 32632),
        (3.0, 64.0, 32631),
        (8.99, 72.0, 32631),
        (9.0, 84.0, 32633),
        (21.0, 78.0, 32635),
        (33.0, 78.0, 32637),
        (42.0, 78.0, 32638),
        (9.0, 84.1, 32632),
    ],
)
def test_utm_zones(lon, lat, epsg):
    assert utm_zones([lon], [lat]).tolist() == [epsg]


def sites(data: SiteData | None = None, **keys) -> pd.DataFrame:
    seed = keys.pop("seed", 1)
    return sample_grid("test", GridSites(sampler="grid", spacing_km=100, **keys), data or SiteData(), seed=seed)


def test_a_larger_limit_only_adds_cells_and_ignores_the_region_of_others():
    small, large, everything = sites(limit=100), sites(limit=300), sites()
    assert set(small["site_id"]) < set(large["site_id"]) < set(everything["site_id"])
    # A cell's rank is its own: inside a region the same cells come first.
    north = sites(limit=300, region=(-180, 0, 180, 90))
    assert set(large["site_id"][large["lat"] > 0]) <= set(north["site_id"])
    assert set(sites(limit=100, seed=2)["site_id"]) != set(small["site_id"])


def test_a_limit_draws_evenly_over_land():
    """North-south shares of a draw of 1000 are those of all land cells, within four standard errors."""
    everything, drawn = sites(), sites(limit=1000)
    for low, high in ((-90, -60), (-60, 0), (0, 30), (30, 60), (60, 90)):
        share = everything["lat"].between(low, high).mean()
        error = np.sqrt(share * (1 - share) / 1000)
        assert drawn["lat"].between(low, high).mean() == pytest.approx(share, abs=4 * error)


def test_sites_lie_on_land_inside_the_region():
    drawn = sites(region=(-10, 35, 30, 60))
    assert drawn["lon"].between(-10, 30).all()
    assert drawn["lat"].between(35, 60).all()
    assert is_land(drawn["lon"], drawn["lat"]).all()


def test_land_and_region_of_the_users_files(tmp_path):
    """Sites of a file of land inside a file of a region: the grid's centres inside both."""
    land, region = tmp_path / "land.gpkg", tmp_path / "region.geojson"
    island = shapely.Point(0, 0).buffer(20)
    gpd.GeoDataFrame(geometry=[island], crs=4326).to_file(land)
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 40, 40)], crs=4326).to_file(region)
    drawn = sites(SiteData(land=land), region=str(region))
    lon, lat = grid_cells(100).centres
    inside = shapely.contains_xy(island.intersection(shapely.box(0, 0, 40, 40)), lon, lat)
    assert len(drawn) == np.count_nonzero(inside) > 300
    assert set(zip(drawn["lon"], drawn["lat"], strict=True)) == set(zip(lon[inside], lat[inside], strict=True))


def test_too_little_land():
    with pytest.raises(UserError, match=r"dataset test: 0 land cells.*\n.*widen region"):
        sites(region=(-40, 20, -35, 25))
    with pytest.raises(UserError, match=r"sites.limit asks for 5000"):
        sites(region=(0, 45, 5, 50), limit=5000)
