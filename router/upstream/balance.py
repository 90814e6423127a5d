"""Which of a model's servers is asked next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from router.upstream.breaker import Breaker, Closed, is_due
from router.upstream.client import Upstream

MUCH_MORE: Final = 8
"""By so many samples in flight one may exceed the least loaded, and still be preferred."""

NEW_SHARE: Final = 0.125
"""How much the latest draw counts in how long first tokens usually take."""

LONGEST_REST_S: Final = 30.0
"""How long one that said 429 is left alone at most, while others are there."""


@dataclass(slots=True, eq=False)
class Replica:
    """One server of a model, as it is now.

    `load` are the samples in flight; `heard_at` is when anything of a sample last came (event
    loop's clock), `rests_until` the end of what a 429 asked for, `asked` a count of its draws.
    `first_s` is what its draws usually take to their first piece; 0 where none came yet.
    """

    upstream: Upstream
    name: str
    breaker: Breaker = field(default_factory=Closed)
    load: int = 0
    asked: int = 0
    heard_at: float = 0.0
    rests_until: float = 0.0
    first_s: float = 0.0

    @property
    def available(self) -> bool:
        """Whether draws are sent there."""
        return isinstance(self.breaker, Closed)

    def began_after(self, seconds: float) -> None:
        """The first piece of a draw took so long."""
        new = seconds - self.first_s
        self.first_s += NEW_SHARE * new if self.first_s else new

    def rest(self, seconds: float, now: float) -> None:
        """It wants to be left alone for a while, as it has enough to do."""
        self.rests_until = now + min(seconds, LONGEST_REST_S)


def asked(replicas: Sequence[Replica], tried: Collection[Replica], now: float) -> Replica | None:
    """Whom to ask what is no draw: the least loaded, else one that is to be tried again.

    None where there is nobody.
    """
    left = [each for each in replicas if each not in tried]
    able = [each for each in left if each.available]
    return _least_loaded(able or [each for each in left if is_due(each.breaker, now)])


def drawn(
    replicas: Sequence[Replica],
    tried: Collection[Replica],
    preferred: Replica | None,
    now: float,
) -> Replica | None:
    """Whom to send a draw: one that is to be tried again, but not with what failed already.

    Else the preferred one, unless it has much more to do than the least loaded. None where there is
    nobody. A lone one may be sent again what failed there.
    """
    if len(replicas) == 1 and (tried or replicas[0].available):
        return replicas[0]
    left = [each for each in replicas if each not in tried]
    able = [each for each in left if each.available]
    due = [each for each in left if is_due(each.breaker, now)]
    if due and not (tried and able):
        return due[0]
    able = [each for each in able if each.rests_until <= now] or able
    least = _least_loaded(able)
    if least is not None and preferred in able and preferred.load <= least.load + MUCH_MORE:
        return preferred
    return least


def are_others(replicas: Iterable[Replica], tried: Collection[Replica], now: float) -> bool:
    """Whether there is somebody else to ask."""
    left = (each for each in replicas if each not in tried)
    return any(each.available or is_due(each.breaker, now) for each in left)


def _least_loaded(replicas: Sequence[Replica]) -> Replica | None:
    """Of equals the one that was asked least often; None of none."""
    return min(replicas, key=lambda each: (each.load, each.asked), default=None)
