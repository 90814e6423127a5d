"""A number that the tables tell within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Bounded:
    """`value` by interpolation, and the `low` and `high` between which it surely lies.

    Raises ValueError where the three are out of order.
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value:g} is not within {self.low:g}..{self.high:g}")

    @classmethod
    def exact(cls, value: float) -> Self:
        """A number that rests on no interpolation."""
        return cls(value, value, value)

    @classmethod
    def of(cls, combine: Callable[[Iterable[float]], float], parts: Iterable[Bounded]) -> Self:
        """Several as one, by a function that rises with each of them, such as `min` or a mean."""
        found = list(parts)
        return cls(
            combine(part.value for part in found),
            combine(part.low for part in found),
            combine(part.high for part in found),
        )

    def __sub__(self, other: Bounded) -> Bounded:
        return Bounded(self.value - other.value, self.low - other.high, self.high - other.low)

    def __truediv__(self, other: Bounded) -> Bounded:
        """Of positive numbers."""
        return Bounded(self.value / other.value, self.low / other.high, self.high / other.low)

    def scaled(self, factor: float) -> Bounded:
        """Times a positive number."""
        return Bounded(self.value * factor, self.low * factor, self.high * factor)

    def to_json(self) -> dict[str, float]:
        """Rounded to what the tables can tell."""
        return {name: round(number, 3) for name, number in asdict(self).items()}
