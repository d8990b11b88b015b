"""Numbers that remember their rates."""

import pytest
from greenup.costs.amount import Amount, largest, total
from hypothesis import given
from hypothesis import strategies as st

numbers = st.floats(0.01, 1e6)
A, B = frozenset({"a"}), frozenset({"b"})


@given(numbers, numbers)
def test_counts_as_numbers_do(x, y):
    a, b = Amount(x, A), Amount(y, B)
    for got, value in ((a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y)):
        assert got.value == value
        assert got.rates == {"a", "b"}
    for got, value in ((a + y, x + y), (y + a, x + y), (y - a, y - x), (y * a, x * y), (y / a, y / x), (a**3, x**3)):
        assert got.value == pytest.approx(value, rel=1e-15)
        assert got.rates == {"a"}


def test_sums_and_the_largest_know_all_rates():
    assert total([]) == Amount(0.0)
    assert total([Amount(1, A), Amount(2, B)]) == Amount(3, A | B)
    assert largest(Amount(1, A), Amount(2, B)) == Amount(2, A | B)


@pytest.mark.parametrize(
    ("value", "above", "below"), [(2.0, 2, 2), (2.1, 3, 2), (0.1 + 0.2 + 0.7, 1, 1), (3 * 0.1 * 10, 3, 3), (0.0, 0, 0)]
)
def test_rounding_does_not_count_rounding_errors(value, above, below):
    assert Amount(value, A).ceil() == Amount(above, A)
    assert Amount(value, A).floor() == Amount(below, A)
