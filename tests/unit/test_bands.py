"""The registry of bands against the product's documentation, and what other modules ask of it."""

import pytest
from greenup.bands import (
    BANDS,
    RESOLUTIONS,
    RGB,
    S2_L2A,
    SECO_ECO,
    bands_at,
    check_bands,
    native_resolutions,
    sources_of,
)
from greenup.errors import UserError
from hypothesis import given
from hypothesis import strategies as st

subsets = st.lists(st.sampled_from(sorted(BANDS)), min_size=1, unique=True)


class TestRegistry:
    def test_twelve_bands_of_level_2a(self):
        """Level 2A has no B10 (cirrus); Sentinel-2 User Handbook, table 1, gives the resolutions."""
        assert len(S2_L2A) == 12
        assert "B10" not in BANDS
        assert {m: set(bands_at(S2_L2A, m)) for m in RESOLUTIONS} == {
            10: {"B2", "B3", "B4", "B8"},
            20: {"B5", "B6", "B7", "B8A", "B11", "B12"},
            60: {"B1", "B9"},
        }

    def test_in_order_of_wavelength(self):
        waves = [BANDS[n].wavelength_um for n in S2_L2A]
        assert waves == sorted(waves)

    def test_wavelengths_are_those_that_pystac_knows(self):
        """The ranges of STAC's common names (EO extension), written there independently of any sensor."""
        ranges = {
            "coastal": (0.40, 0.45), "blue": (0.45, 0.53), "green": (0.51, 0.60), "red": (0.62, 0.69),
            "rededge071": (0.69, 0.73), "rededge075": (0.73, 0.76), "rededge078": (0.76, 0.80), "nir": (0.76, 1.00),
            "nir08": (0.80, 0.90), "nir09": (0.90, 1.00), "swir16": (1.55, 1.75), "swir22": (2.08, 2.35),
        }  # fmt: skip
        for name in S2_L2A:
            low, high = ranges[BANDS[name].common_name]
            assert low <= BANDS[name].wavelength_um <= high, name
        assert len({BANDS[n].common_name for n in S2_L2A}) == 12

    def test_channels_of_seco_eco(self):
        assert len(SECO_ECO) == 9
        assert set(SECO_ECO) - set(S2_L2A) == {"NDVI"}
        assert RGB == ("B4", "B3", "B2")


class TestQuestions:
    @given(subsets)
    def test_resolutions_split_the_measured_bands(self, names):
        split = [n for m in native_resolutions(names) for n in bands_at(names, m)]
        assert sorted(split) == sorted(n for n in names if n != "NDVI")
        assert list(native_resolutions(names)) == sorted(set(native_resolutions(names)))

    @given(subsets)
    def test_order_is_kept_within_a_resolution(self, names):
        for m in RESOLUTIONS:
            assert [n for n in names if n in bands_at(names, m)] == list(bands_at(names, m))

    @given(subsets)
    def test_sources_are_measured_and_enough(self, names):
        sources = sources_of(names)
        check_bands(sources, derived=False) if sources else None
        assert set(names) - {"NDVI"} <= set(sources)
        assert "NDVI" not in names or {"B4", "B8"} <= set(sources)
        assert list(sources) == [n for n in BANDS if n in sources]
        assert set(sources) <= set(names) | {"B4", "B8"}

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

    @pytest.mark.parametrize("wrong", ["B10", "NIR", ""])
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

    def test_twice(self):
        with pytest.raises(UserError, match="twice"):
            check_bands(["B2", "B3", "B2"])
