"""Numbers that remember the rates they were made of, so that every figure of an estimate can be traced."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """A number and the names of the rates behind it; one without rates is a plain count.

    Sums, products and quotients of amounts, and of amounts and plain numbers, know the rates of both sides.
    """

    value: float
    rates: frozenset[str] = frozenset()

    def __add__(self, other: Amount | float) -> Amount:
        return Amount(self.value + _value(other), self.rates | _rates(other))

    __radd__ = __add__

    def __sub__(self, other: Amount | float) -> Amount:
        return Amount(self.value - _value(other), self.rates | _rates(other))

    def __rsub__(self, other: float) -> Amount:
        return Amount(other - self.value, self.rates)

    def __mul__(self, other: Amount | float) -> Amount:
        return Amount(self.value * _value(other), self.rates | _rates(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Amount | float) -> Amount:
        return Amount(self.value / _value(other), self.rates | _rates(other))

    def __rtruediv__(self, other: float) -> Amount:
        return Amount(other / self.value, self.rates)

    def __pow__(self, exponent: int) -> Amount:
        return Amount(self.value**exponent, self.rates)

    def ceil(self) -> Amount:
        """The next whole number; what rounding has added to one does not count."""
        return Amount(float(math.ceil(self.value - 1e-9 * abs(self.value))), self.rates)

    def floor(self) -> Amount:
        """The whole number below; what rounding has taken off one does not count."""
        return Amount(float(math.floor(self.value + 1e-9 * abs(self.value))), self.rates)


def largest(*amounts: Amount) -> Amount:
    """The largest of some amounts, with the rates of all: another rate might make another one the largest."""
    return Amount(max(a.value for a in amounts), frozenset().union(*(a.rates for a in amounts)))


def total(amounts: list[Amount]) -> Amount:
    """The sum; 0 of none."""
    return sum(amounts, Amount(0.0))


def _value(other: Amount | float) -> float:
    return other.value if isinstance(other, Amount) else float(other)


def _rates(other: Amount | float) -> frozenset[str]:
    return other.rates if isinstance(other, Amount) else frozenset()
