"""The real sample's products: real pixels, real clouds, attributed, and a smoke test called one."""

import numpy as np
import pandas as pd
from greenup.files import read_json, read_table
from greenup.schemas import INDEX, LEDGER, PHENOLOGY
from greenup.sites.coverage import read_coverage


def test_nothing_is_simulated_and_all_is_attributed(real):
    assert "Contains modified Copernicus Sentinel data" in (real / "report.html").read_text()
    for dataset in ("worldcereal", "boadella"):
        index = read_table(real / f"datasets/{dataset}/index.parquet", INDEX)
        assert index.attrs["simulated"] is False
        assert "Copernicus Sentinel" in index.attrs["attribution"]
        assert read_json(real / f"datasets/{dataset}/statistics.json")["simulated"] is False


def test_belgian_phenology_is_plausible(real):
    """Fields at 50.8 N: full green in spring or early summer, bare in the second half of the year.

    Green-up is left open: winter cereals are green before the winter.
    """
    dates = read_table(real / "phenology/worldcereal.parquet", PHENOLOGY)
    observed = dates[dates["origin"] == "observed"]
    assert len(observed) >= 1
    assert observed["maturity"].between(60, 200).all()
    assert observed["dormancy"].between(160, 366).all()


def test_flux_towers_are_dated_in_both_hemispheres(real):
    """Ten towers, 18 years of MOD13A1: greenup from March to May in the north, September to November in the south."""
    dates = read_table(real / "phenology/fluxnet.parquet", PHENOLOGY).set_index("site_id")
    assert dates.attrs["simulated"] is False
    observed = dates[dates["origin"] == "observed"]
    assert len(observed) >= 8
    south = observed.index.isin(["AU-How", "ZA-Kru"])
    forest = observed.loc[~south & (observed.index != "US-KS2"), "greenup"]
    assert forest.between(60, 160).all()
    assert observed.loc[south, "greenup"].between(240, 335).all()


def test_ecoregions_are_the_real_ones(real):
    """Nearly all of RESOLVE's 847 ecoregions get a site by the stratified sampling, fewer by the one around cities."""
    reached = {}
    for dataset in ("ecoregion", "ssl4eo_s12"):
        table = read_coverage(real / f"coverage/{dataset}.csv")
        strata = table[(table["kind"] == "ecoregion") & (table["stratum"] != "unknown")]
        reached[dataset] = (~strata["empty"]).mean()
    assert reached["ecoregion"] > 0.97 > reached["ssl4eo_s12"]


def test_four_real_seasons(real):
    index = read_table(real / "datasets/worldcereal/index.parquet", INDEX)
    assert index.groupby("site_id")["season"].nunique().max() == 4
    assert (index["cloud"].dropna() < 20).all()


def test_missing_seasons_are_recorded(real):
    ledger = pd.concat(read_table(p, LEDGER) for p in real.glob("patches/boadella/*.ledger.parquet"))
    assert {"ok"} <= set(ledger["status"]) <= {"ok", "no_scene", "cloudy", "masked"}


def test_smoke_training_is_called_one(real):
    curves = pd.read_csv(next(iter((real / "models").glob("seco*/curves.csv"))))
    assert np.isfinite(curves["loss"]).all()
    assert "smoke" in (real / "report.html").read_text().lower()


def test_embeddings_are_finite(real):
    found = list((real / "embeddings").glob("*/*.parquet"))
    assert found
    for path in found:
        assert np.isfinite(np.stack(read_table(path)["embedding"])).all()
