"""Which requests are served now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from router.errors import Overloaded


@dataclass(slots=True)
class Admission:
    """Counts the requests being served, up to `limit`."""

    limit: int
    active: int = field(default=0, init=False)

    @property
    def full(self) -> bool:
        """Whether there is no place."""
        return self.active >= self.limit

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place and give it back; raises `Overloaded` where there is none."""
        if self.full:
            raise Overloaded(f"{self.limit} requests are being served; try again")
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
