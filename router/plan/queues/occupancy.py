"""How many of something there are at this moment, be it in this process or in several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Occupancy(Protocol):
    """Such a number: each process changes its own part, and sees the whole."""

    def add(self, n: int) -> None:
        """So many more here; fewer, where it is negative."""
        ...

    @property
    def total(self) -> int:
        """Here and elsewhere."""
        ...


@dataclass(slots=True)
class OwnOccupancy:
    """Of one process alone."""

    total: int = field(default=0, init=False)

    def add(self, n: int) -> None:
        """See `Occupancy.add`."""
        self.total += n
