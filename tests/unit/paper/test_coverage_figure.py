"""Rarefaction against its definition; what the coverage figure shows and says."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.coverage import APPROXIMATED, draw_coverage, expected_strata, reached_curve
from greenup.paper.style import save_figure
from greenup.schemas import COVERAGE
from hypothesis import given
from hypothesis import strategies as st


def made(kinds: dict[str, dict[str, tuple[float, int]]]) -> pd.DataFrame:
    """A coverage table: kind -> stratum -> (area, sites)."""
    parts = []
    for kind, strata in kinds.items():
        area, sites = (np.array(v, dtype=float) for v in zip(*strata.values(), strict=True))
        table = pd.DataFrame({"kind": kind, "stratum": list(strata), "area_km2": area, "sites": sites.astype(int)})
        table = table.assign(area_share=area / area.sum(), site_share=sites / sites.sum(), empty=sites == 0)
        parts.append(table.assign(ratio=(table["site_share"] / table["area_share"]).where(area > 0)))
    return COVERAGE.check(pd.concat(parts), "made")


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    def one(forest: int, desert: int) -> pd.DataFrame:
        return made(
            {
                "ecoregion": {"A": (60, forest), "B": (30, desert), "C": (10, 0)},
                "biome": {
                    "boreal_forest": (60, forest),
                    "desert": (40, desert),
                    "unknown": (0.5, 0),
                    "speck": (1e-3, 0),
                },
                "realm": {"nearctic": (100, forest + desert)},
                "land_cover": {"barren": (100, forest + desert)},
                "mountain": {"mountain": (20, forest), "no_mountain": (80, desert)},
            }
        )

    return {"ssl4eco": one(60, 40), "seco": one(100, 0)}


class TestExpectedStrata:
    @given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.data())
    def test_is_the_mean_over_all_draws(self, counts, data):
        """With exact integers: a stratum is missed by C(N - k, n) of the C(N, n) draws."""
        total = sum(counts) + data.draw(st.integers(0, 5))
        if not total:
            return
        n = data.draw(st.integers(1, total))
        exact = sum(1 - comb(total - k, n) / comb(total, n) for k in counts)
        assert expected_strata(counts, total, [n])[0] == pytest.approx(exact, abs=1e-9)

    def test_against_simulation(self):
        rng = np.random.default_rng(3)
        counts = [50, 20, 5, 1]
        sites = np.repeat(np.arange(4), counts)
        drawn = [len(set(rng.choice(sites, 10, replace=False))) for _ in range(4000)]
        assert expected_strata(counts, 76, [10])[0] == pytest.approx(np.mean(drawn), abs=0.05)

    def test_large_counts_do_not_overflow(self):
        """A quarter of a million sites in 847 ecoregions; the whole sampling reaches all."""
        counts = np.random.default_rng(1).integers(1, 590, 847)
        n = [1, 1000, counts.sum()]
        found = expected_strata(counts, int(counts.sum()), n)
        assert found[0] == pytest.approx(1) and found[2] == pytest.approx(847)
        assert 1 < found[1] < 847


def test_curve_ends_at_what_is_reached(tables):
    curve = reached_curve(tables["ssl4eco"])
    assert curve["sites"].iloc[[0, -1]].tolist() == [1, 100]
    assert curve["reached"].iloc[0] == pytest.approx(1 / 3)
    assert curve["reached"].iloc[-1] == pytest.approx(2 / 3), "C has no site"
    assert (np.diff(curve["reached"]) > -1e-9).all()


class TestFigure:
    def texts(self, figure) -> list[str]:
        return [t.get_text() for axes in figure.axes for t in axes.texts] + [t.get_text() for t in figure.texts]

    def test_numbers(self, tables):
        figure, data = draw_coverage(tables)
        rows = data[data["panel"] == "a"]
        assert list(dict.fromkeys(rows["stratum"])) == [
            "boreal_forest",
            "desert",
            "nearctic",
            "no_mountain",
            "mountain",
        ]
        assert set(rows["dataset"]) == set(tables)
        assert set(data.loc[data["panel"] == "b", "dataset"]) == set(tables)
        texts = self.texts(figure)
        # Seco's 100 of 100 sites on 60 % of the land, and none in deserts.
        assert "1.7" in texts and texts.count("none") == 2

    def test_the_legend_counts_ecoregions(self, tables):
        figure, _ = draw_coverage(tables)
        said = [t.get_text() for axes in figure.axes if axes.get_legend() for t in axes.get_legend().get_texts()]
        assert said == ["ssl4eco: 2 of 3", "seco: 1 of 3"]

    def test_says_when_strata_are_approximated(self, tables):
        assert APPROXIMATED in self.texts(draw_coverage(tables, approximated=True)[0])
        assert APPROXIMATED not in self.texts(draw_coverage(tables)[0])

    def test_bars_are_of_the_widest_region(self, tables):
        """A dataset of one region does not make its biome the whole land."""
        small = made({k: {"boreal_forest": (6, 5)} for k in ("ecoregion", "biome")})
        figure, _ = draw_coverage({"small": small, **tables})
        assert "59.7" in self.texts(figure), "60 of 100.501"

    @pytest.mark.parametrize("count", [1, 9])
    def test_any_number_of_samplings_is_written(self, tables, outputs, count):
        many = {f"a_sampling_of_a_long_name_{i}": tables["ssl4eco"] for i in range(count)}
        figure, data = draw_coverage(many, approximated=True)
        save_figure(figure, data, outputs("coverage"), simulated=False)
        assert len(pd.read_csv(outputs("coverage").csv)) == len(data)

    def test_a_sampling_without_areas(self, tables, outputs):
        """Its region is smaller than the cells of the land."""
        nothing = tables["ssl4eco"].assign(area_km2=0.0, area_share=np.nan, ratio=np.nan)
        for drawn in ({"x": nothing}, {"x": nothing, **tables}):
            figure, data = draw_coverage(drawn)
            save_figure(figure, data, outputs("coverage"), simulated=False)

    def test_nothing_to_draw(self):
        with pytest.raises(UserError):
            draw_coverage({})
