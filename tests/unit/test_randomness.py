"""Random numbers that depend only on what is drawn."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.randomness import generator, stable_hash, uniform_integers
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

SCRIPTS = Path(__file__).parents[2] / "scripts"
parts = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=5), min_size=1, max_size=3)


class TestHash:
    def test_known_value(self):
        """Fixed for ever: every published result hangs on it. As given by b2sum -l 64 of 42, 0x1f, sites."""
        assert stable_hash(42, "sites") == int.from_bytes(bytes.fromhex("9f7129f2effadfba"), "little")

    @given(parts, parts)
    def test_other_parts_other_numbers(self, a, b):
        assert (stable_hash(*a) == stable_hash(*b)) == (a == b)

    def test_parts_do_not_run_together(self):
        assert stable_hash("ab", "c") != stable_hash("a", "bc") != stable_hash("abc")

    def test_numbers_of_numpy_are_numbers(self):
        assert stable_hash(np.int64(3), "x") == stable_hash(3, "x")


class TestGenerator:
    def test_same_key_same_numbers(self):
        assert generator(1, "a", "b").random(5).tolist() == generator(1, "a", "b").random(5).tolist()

    def test_known_numbers(self):
        """NumPy promises that PCG64's raw numbers stay."""
        assert generator(42, "sites").bit_generator.random_raw(2).tolist() == [1386031340163984501, 3016176283423124768]

    def test_same_in_every_process(self):
        """Python salts its own hashes anew in each process; these must not depend on it."""
        code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from greenup.randomness import generator; " \
            "print(generator(7, 'dates', 'site_1').integers(0, 2**62, 3).tolist())"  # fmt: skip
        said = {
            subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": salt}, check=True,
                           capture_output=True, text=True).stdout.strip()
            for salt in ("0", "1", "random")
        }  # fmt: skip
        assert said == {str(generator(7, "dates", "site_1").integers(0, 2**62, 3).tolist())}

    @pytest.mark.parametrize("other", [(2, "dates", "s1"), (1, "clouds", "s1"), (1, "dates", "s2")])
    def test_streams_are_unrelated(self, other):
        """Correlation of two streams stays within five standard errors of zero."""
        n = 20_000
        a, b = generator(1, "dates", "s1").standard_normal(n), generator(*other).standard_normal(n)
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(n)

    def test_first_draws_over_sites_are_uniform(self):
        """One draw from each of many streams: as good as one stream (Kolmogorov-Smirnov, 0.1 % level)."""
        n = 5000
        draws = np.sort([generator(3, "dates", f"site_{i}").random() for i in range(n)])
        distance = np.abs(draws - (np.arange(n) + 0.5) / n).max() + 0.5 / n
        assert distance < 1.95 / np.sqrt(n)

    def test_neighbouring_seeds_and_sites_share_nothing(self):
        first = [generator(s, "x", i).random() for s, i in itertools.product(range(30), range(30))]
        assert len(set(first)) == 900


class TestUniformIntegers:
    def test_known_numbers(self):
        """Fixed for ever, as those of `generator`; by SplitMix64 and multiplication written out in whole numbers."""

        def by_hand(seed, purpose, text, high):
            def mix(h):
                h = (h + 0x9E3779B97F4A7C15) % 2**64
                h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 % 2**64
                h = (h ^ h >> 27) * 0x94D049BB133111EB % 2**64
                return h ^ h >> 31

            data = text.encode()
            h = mix(stable_hash(seed, purpose) ^ len(data))
            for i in range(0, len(data), 8):
                h = mix(h ^ int.from_bytes(data[i : i + 8], "little"))
            return (h >> 32) * high >> 32

        ids = ["", "a", "12U_34R", "8 bytes!", "9 bytes!!", "Zürich", "日本の東京都", "x" * 40]
        for high in (1, 2, 365, 2**32):
            found = uniform_integers(42, "phase", ids, high)
            assert found.tolist() == [by_hand(42, "phase", i, high) for i in ids]
        assert uniform_integers(42, "phase", ["12U_34R", "site_1"], 365).tolist() == [339, 61]

    @given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30), max_size=8), st.data())
    def test_a_text_has_its_number_in_any_company(self, ids, data):
        together = uniform_integers(1, "x", ids, 1000)
        for i, text in enumerate(ids):
            others = data.draw(st.lists(st.text("abc", max_size=60), max_size=3))
            assert uniform_integers(1, "x", [*others, text], 1000)[-1] == together[i]

    def test_of_a_pandas_column(self):
        ids = pd.Series(["a", "b"], dtype="string")
        assert uniform_integers(1, "x", ids, 9).tolist() == uniform_integers(1, "x", ["a", "b"], 9).tolist()

    @pytest.mark.parametrize("name", ["{}", "{}U_7R", "point_{:06d}", "{:030d}"])
    def test_uniform_and_unrelated(self, name):
        """Chi-square over 365 numbers at its 99.99 % quantile; no correlation of neighbours, seeds and purposes."""
        n = 50_000
        ids = [name.format(i) for i in range(n)]
        draws = uniform_integers(3, "phase", ids, 365)
        counts = np.bincount(draws, minlength=365)
        assert ((counts - n / 365) ** 2 / (n / 365)).sum() < chi2.ppf(0.9999, 364)
        others = [uniform_integers(4, "phase", ids, 365), uniform_integers(3, "cloud", ids, 365), np.roll(draws, 1)]
        for other in others:
            assert abs(np.corrcoef(draws, other)[0, 1]) < 5 / np.sqrt(n)

    @pytest.mark.parametrize("high", [0, -1, 2**32 + 1])
    def test_bounds(self, high):
        with pytest.raises(ValueError, match="must be 1"):
            uniform_integers(1, "x", ["a"], high)
