"""Which requests are served now."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.errors import Overloaded
from router.plan.queues.occupancy import Occupancy, OwnOccupancy


@dataclass(slots=True)
class Admission:
    """Admits requests as long as no more than `limit` are being served, in all processes.

    A place is taken first and counted then, so several processes never serve more than the limit.
    Where two take the last one at the same moment, both may find it taken, and refuse.
    """

    limit: int
    served: Occupancy = field(default_factory=OwnOccupancy)

    @property
    def active(self) -> int:
        """The requests being served."""
        return self.served.total

    @property
    def full(self) -> bool:
        """Whether there is no place."""
        return self.active >= self.limit

    def take(self) -> None:
        """Take a place, which must be given back; raises `Overloaded` where there is none."""
        self.served.add(1)
        if self.active > self.limit:
            self.served.add(-1)
            raise Overloaded(f"{self.limit} requests are being served; try again")

    def give_back(self) -> None:
        """Somebody else may have the place."""
        self.served.add(-1)
