"""The equal-distance grid against published cells of Major-TOM, and its land cells against counts."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import GridSites
from greenup.errors import UserError
from greenup.sites.grid import cell_names, grid_cells, sample_grid
from greenup.sites.packaged import is_land
from greenup.sites.sphere import great_circle_km
from hypothesis import given, settings
from hypothesis import strategies as st

# Name and lower-left corner (lon, lat) of cells of Major-TOM's 23 km grid, rows of a sample of that grid.
PUBLISHED = [
    ("411D_78L", -178.8535031847134, -84.8394495412844),
    ("411D_77L", -176.56050955414014, -84.8394495412844),
    ("375D_190L", -180.0, -77.4082568807339),
    ("244D_290L", -93.884892, -50.366972),
    ("167D_479L", -120.0, -34.472477),
    ("1D_286L", -59.070568, -0.206422),
    ("1D_8R", 1.652324, -0.206422),
    ("9U_635R", 131.228473, 1.857798),
    ("195U_665L", -180.0, 40.2522935779817),
    ("264U_222L", -78.972332, 54.495413),
]


def test_published_cells():
    cells = grid_cells(23)
    table = pd.DataFrame({"lon": cells.west, "lat": cells.south}, index=cells.names)
    for name, lon, lat in PUBLISHED:
        assert table.loc[name].tolist() == pytest.approx([lon, lat], abs=1e-6), name


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


@settings(max_examples=30)
@given(st.floats(20, 2000))
def test_cells_tile_the_globe(spacing):
    """Each row goes round once; cells are at most as large as the spacing, and tell their place by their name."""
    cells = grid_cells(spacing)
    lon, lat = cells.centres
    assert (np.abs(lon) <= 180).all()
    assert (np.abs(lat) <= 90 + 1e-9).all()
    assert np.bincount(cells.row - cells.row.min(), weights=cells.width) == pytest.approx(360)
    height = cells.height / 360 * 2 * np.pi * 6378.137
    width = cells.width / 360 * 2 * np.pi * 6378.137 * np.cos(np.radians(cells.south))
    assert height <= spacing * (1 + 1e-12)
    assert (width <= spacing * (1 + 1e-9)).all()
    assert np.count_nonzero(cells.row == 0) == np.ceil(2 * np.pi * 6378.137 / spacing)


def test_neighbouring_centres_lie_a_spacing_apart():
    cells = grid_cells(23)
    cells = cells[cells.row == 200]
    lon, lat = cells.centres
    assert great_circle_km(lon[:-1], lat[:-1], lon[1:], lat[1:]) == pytest.approx(23, rel=0.01)


def test_names_at_the_origin():
    assert cell_names(np.array([0, -1, 12]), np.array([0, -2, 34])).tolist() == ["0U_0R", "1D_2L", "12U_34R"]
    assert len(cell_names(np.array([], dtype=int), np.array([], dtype=int))) == 0


def sites(**keys) -> pd.DataFrame:
    seed = keys.pop("seed", 1)
    return sample_grid("test", GridSites(sampler="grid", spacing_km=100, **keys), seed=seed)


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


def test_too_little_land():
    with pytest.raises(UserError, match=r"dataset test: 0 land cells.*\n.*widen region"):
        sites(region=(-40, 20, -35, 25))
    with pytest.raises(UserError, match=r"sites.limit asks for 5000"):
        sites(region=(0, 45, 5, 50), limit=5000)
