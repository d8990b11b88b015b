"""The registry of bands against the product's documentation, and what other modules ask of it."""

import subprocess
import sys

import numpy as np
import pytest
from greenup.bands import (
    BANDS,
    MINIATURE,
    PRODUCTS,
    QA60_BITS,
    RESOLUTIONS,
    RGB,
    S1_GRD,
    S2_L1C,
    S2_L2A,
    SCL_CLASSES,
    SECO_ECO,
    bands_at,
    check_bands,
    check_product,
    indices_of,
    masks_of,
    measured_of,
    native_resolutions,
    physical,
    sources_of,
)
from greenup.errors import UserError
from greenup.imagery.base import UNKNOWN_MASK
from hypothesis import given
from hypothesis import strategies as st

INDICES = {"NDVI", "EVI"}
subsets = st.lists(st.sampled_from(sorted(BANDS)), min_size=1, unique=True)


class TestRegistry:
    def test_twelve_bands_of_level_2a(self):
        """Level 2A has no B10 (cirrus); Sentinel-2 User Handbook, table 1, gives the resolutions."""
        assert len(S2_L2A) == 12
        assert "B10" not in S2_L2A
        assert set(S2_L1C) - set(S2_L2A) == {"B10"} and BANDS["B10"].native_m == 60
        assert {m: set(bands_at(S2_L2A, m)) for m in RESOLUTIONS} == {
            10: {"B2", "B3", "B4", "B8"},
            20: {"B5", "B6", "B7", "B8A", "B11", "B12"},
            60: {"B1", "B9"},
        }

    def test_in_order_of_wavelength(self):
        waves = [BANDS[n].wavelength_um for n in S2_L1C]
        assert waves == sorted(waves)

    def test_wavelengths_are_those_that_pystac_knows(self):
        """The ranges of STAC's common names (EO extension), written there independently of any sensor."""
        ranges = {
            "coastal": (0.40, 0.45), "blue": (0.45, 0.53), "green": (0.51, 0.60), "red": (0.62, 0.69),
            "rededge071": (0.69, 0.73), "rededge075": (0.73, 0.76), "rededge078": (0.76, 0.80), "nir": (0.76, 1.00),
            "nir08": (0.80, 0.90), "nir09": (0.90, 1.00), "cirrus": (1.35, 1.40), "swir16": (1.55, 1.75),
            "swir22": (2.08, 2.35),
        }  # fmt: skip
        for name in S2_L1C:
            low, high = ranges[BANDS[name].common_name]
            assert low <= BANDS[name].wavelength_um <= high, name
        assert len({BANDS[n].common_name for n in S2_L1C}) == 13

    def test_channels_of_seco_eco(self):
        assert len(SECO_ECO) == 9
        assert set(SECO_ECO) - set(S2_L2A) == {"NDVI"}
        assert RGB == ("B4", "B3", "B2")

    def test_every_band_has_a_kind_and_a_product(self):
        kinds = {k: {n for n, b in BANDS.items() if b.kind == k} for k in {b.kind for b in BANDS.values()}}
        assert kinds == {
            "reflectance": set(S2_L1C), "backscatter": {"VV", "VH"}, "index": INDICES,
            "mask": {"SCL", "QA60", "CLDPRB", "CSPLUS"},
        }  # fmt: skip
        assert {n for names in PRODUCTS.values() for n in names} == set(BANDS) - INDICES
        assert {p: measured_of(names) for p, names in PRODUCTS.items()} == {
            "s2_l2a": S2_L2A, "s2_l1c": S2_L1C, "s1_grd": S1_GRD
        }  # fmt: skip
        assert set(MINIATURE) <= set(PRODUCTS["s2_l2a"])

    def test_what_masks_say(self):
        """Scene classification of the L2A product: twelve classes; bits of QA60: 1024 and 2048 in the archives."""
        assert list(SCL_CLASSES) == list(range(12))
        assert [1 << bit for bit in QA60_BITS] == [1024, 2048]

    def test_where_masks_say_nothing(self):
        """One value for sources and readers, and none that means something else."""
        assert {n: BANDS[n].unknown for n in masks_of(tuple(BANDS))} == UNKNOWN_MASK
        assert all(BANDS[n].unknown is None for n in BANDS if BANDS[n].kind != "mask")

    def test_numbers_in_words(self):
        words = {n: BANDS[n].stored_as for n in ("B2", "EVI", "VH", "SCL", "QA60", "CSPLUS")}
        assert words == {
            "B2": "reflectance x 10 000", "EVI": "index x 10 000", "VH": "(dB + 80) x 500", "SCL": "class",
            "QA60": "bits", "CSPLUS": "percent",
        }  # fmt: skip


class TestQuestions:
    @given(subsets)
    def test_resolutions_split_the_measured_bands(self, names):
        split = [n for m in native_resolutions(names) for n in bands_at(names, m)]
        assert sorted(split) == sorted(n for n in names if n not in INDICES)
        assert list(native_resolutions(names)) == sorted(set(native_resolutions(names)))

    @given(subsets)
    def test_order_is_kept_within_a_resolution(self, names):
        for m in RESOLUTIONS:
            assert [n for n in names if n in bands_at(names, m)] == list(bands_at(names, m))

    @given(subsets)
    def test_sources_are_measured_and_enough(self, names):
        sources = sources_of(names)
        check_bands(sources, derived=False) if sources else None
        assert set(names) - INDICES <= set(sources)
        assert "NDVI" not in names or {"B4", "B8"} <= set(sources)
        assert "EVI" not in names or {"B2", "B4", "B8"} <= set(sources)
        assert list(sources) == [n for n in BANDS if n in sources]
        assert set(sources) <= set(names) | {"B2", "B4", "B8"}

    @given(subsets)
    def test_masks_measured_and_indices_are_all(self, names):
        parts = [*masks_of(names), *measured_of(names), *(n for n in names if n in INDICES)]
        assert sorted(parts) == sorted(names)

    @given(subsets)
    def test_indices_are_those_whose_bands_are_there(self, names):
        assert set(indices_of(names)) == {i for i in INDICES if set(sources_of([i])) <= set(names)}

    def test_ndvi_alone(self):
        assert sources_of(["NDVI"]) == ("B4", "B8")
        assert native_resolutions(["NDVI"]) == ()


class TestCheck:
    @given(subsets)
    def test_known_names_pass(self, names):
        check_bands(names, "x")

    @pytest.mark.parametrize(
        "wrong, right", [("B02", "B2"), ("b8a", "B8A"), ("B08", "B8"), ("b1", "B1"), (" B3", "B3")]
    )
    def test_near_misses(self, wrong, right):
        with pytest.raises(UserError, match=f"mend: write {right}$"):
            check_bands([wrong], "patches.bands")

    @pytest.mark.parametrize("archive, ours", [("MSK_CLDPRB", "CLDPRB"), ("cs_cdf", "CSPLUS"), ("vv", "VV")])
    def test_names_of_archives(self, archive, ours):
        with pytest.raises(UserError, match=f"mend: write {ours}$"):
            check_bands([archive], "patches.bands")

    @pytest.mark.parametrize("wrong", ["B13", "NIR", ""])
    def test_others_get_the_list(self, wrong):
        with pytest.raises(UserError) as caught:
            check_bands([wrong], "patches.bands")
        assert str(caught.value).startswith(f"patches.bands: unknown band {wrong!r}\n  mend: choose from B1, B2")

    def test_b12_is_not_taken_for_b1_and_b2(self):
        check_bands(["B12"], derived=False)

    def test_derived_only_where_allowed(self):
        check_bands(["NDVI"])
        with pytest.raises(UserError, match="unknown band 'NDVI'"):
            check_bands(["NDVI"], derived=False)

    def test_masks_only_where_allowed(self):
        check_bands(["B2", "SCL"])
        with pytest.raises(UserError, match=r"m.channels: 'SCL' is a mask.* no input of a model\n  mend: leave it out"):
            check_bands(["B2", "SCL"], "m.channels", masks=False)

    def test_twice(self):
        with pytest.raises(UserError, match="twice"):
            check_bands(["B2", "B3", "B2"])


class TestProduct:
    @given(st.sampled_from(sorted(PRODUCTS)), st.sampled_from(sorted(BANDS)))
    def test_only_its_own_bands(self, product, name):
        if set(sources_of([name])) <= set(PRODUCTS[product]):
            check_product([name], product)
        else:
            with pytest.raises(UserError, match=f"product {product} has no band '{name}'"):
                check_product([name], product)

    @pytest.mark.parametrize(
        "name, product, mend",
        [
            ("B10", "s2_l2a", "write product: s2_l1c"),
            ("SCL", "s2_l1c", "write product: s2_l2a"),
            ("VV", "s2_l2a", "write product: s1_grd"),
            ("EVI", "s1_grd", "write product: s2_l2a or s2_l1c"),
        ],
    )
    def test_the_mend_names_the_product(self, name, product, mend):
        with pytest.raises(UserError, match=rf"^d.patches.bands: product {product} has no band") as caught:
            check_product(["B2", name] if product != "s1_grd" else [name], product, "d.patches.bands")
        assert str(caught.value).endswith(mend)

    def test_unknown(self):
        with pytest.raises(UserError, match=r"unknown product 's2'\n.*s2_l2a, s2_l1c, s1_grd"):
            check_product([], "s2")


class TestPhysical:
    @given(st.sampled_from(sorted(BANDS)), st.lists(st.integers(0, 65_535), min_size=1, max_size=20))
    def test_against_float64(self, name, stored):
        values = np.array(stored, np.uint16)
        found = physical(values, name)
        truth = np.array(stored, np.float64) / BANDS[name].scale + BANDS[name].offset
        if name in ("QA60", "CLDPRB", "CSPLUS"):
            truth[values == 65_535] = np.nan
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, truth, rtol=3e-7, atol=1e-5)

    def test_by_hand(self):
        assert physical(np.array([10_000], np.uint16), "B8") == 1.0
        assert physical(np.array([34_000, 0], np.uint16), "VV").tolist() == [-12.0, -80.0]
        assert physical(np.array([11, 0], np.uint16), "SCL").tolist() == [11.0, 0.0]


def test_nothing_heavy_is_imported():
    """The configuration asks here, and a workflow of thousands of jobs is planned without numpy."""
    code = "import sys; import greenup.bands; print([m for m in ('numpy', 'pandas') if m in sys.modules])"
    folder = sys.modules["greenup.bands"].__file__.removesuffix("/greenup/bands.py")
    told = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
