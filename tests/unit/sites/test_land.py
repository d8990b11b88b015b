"""Land by the packaged mask or by the user's polygons."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from greenup.errors import UserError
from greenup.sites.land import on_land
from greenup.sites.packaged import is_land
from greenup.sites.sources import SiteData


def test_packaged_mask():
    lon, lat = [2.35, -30, 179.9, 0], [48.85, 40, -16.5, -89.9]
    assert on_land(lon, lat, SiteData()).tolist() == [True, False, True, True]
    assert (on_land(lon, lat, SiteData()) == is_land(lon, lat)).all()


def test_polygons_of_land(tmp_path):
    path = tmp_path / "land.gpkg"
    atlantis = shapely.box(-40, 30, -20, 50).difference(shapely.box(-31, 39, -29, 41))
    gpd.GeoDataFrame(geometry=[atlantis], crs=4326).to_file(path)
    assert on_land([-25, -30, 2.35], [40, 40, 48.85], SiteData(land=path)).tolist() == [True, False, False]


def test_real_land_agrees_with_the_mask(samples):
    """The union of all ecoregions is the land: 97 of 100 places as the packaged mask has them, but for Antarctica."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, 30_000), np.degrees(np.arcsin(rng.uniform(-0.85, 1, 30_000)))
    file = samples / "ecoregions2017_simplified" / "Ecoregions2017.shp"
    assert np.mean(on_land(lon, lat, SiteData(land=file)) == is_land(lon, lat)) > 0.97


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"sources\.land: .*none\.gpkg: no such file"):
        on_land([0], [0], SiteData(land=tmp_path / "none.gpkg"))
