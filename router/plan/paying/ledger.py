"""What a request has spent and reserved: the only mutable spend state there is.

Work holds its ceiling before it starts and settles what it really cost when it ends, so settled
plus held never exceeds the limit, whatever ends the work. It cannot know what work costs; it
trusts the ceiling that it is told.
"""

from __future__ import annotations

import math


class Hold:
    """FLOPs reserved for one command. Settling it twice changes nothing."""

    def __init__(self, ledger: Ledger, ceiling: float) -> None:
        self._ledger = ledger
        self.ceiling = ceiling
        self.settled: float | None = None

    def settle(self, flops: float) -> None:
        """Book what the work cost, at most its ceiling, and free the rest."""
        if self.settled is None:
            self.settled = min(flops, self.ceiling)
            self._ledger.close(self)


class Ledger:
    """One request's FLOPs: `limit` is infinite where there is no FLOPs budget."""

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self._settled: list[float] = []
        self._open: set[Hold] = set()

    @property
    def used(self) -> float:
        """FLOPs settled so far."""
        return math.fsum(self._settled)

    @property
    def held(self) -> float:
        """FLOPs reserved for work that still runs."""
        return math.fsum(hold.ceiling for hold in self._open)

    @property
    def remaining(self) -> float:
        """FLOPs that a new command may still reserve.

        A difference is rounded, and with it all may come to a digit more than the limit: then it is
        the number below.
        """
        booked = [*self._settled, *(hold.ceiling for hold in self._open)]
        left = self.limit - math.fsum(booked)
        while math.fsum([*booked, left]) > self.limit:
            left = math.nextafter(left, -math.inf)
        return left

    def hold(self, ceiling: float) -> Hold | None:
        """Reserve a ceiling; None where it does not fit."""
        if not ceiling <= self.remaining:
            return None
        hold = Hold(self, ceiling)
        self._open.add(hold)
        return hold

    def close(self, hold: Hold) -> None:
        """Called by a hold when it settles."""
        self._open.remove(hold)
        if hold.settled is not None:
            self._settled.append(hold.settled)
