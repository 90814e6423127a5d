"""Which of a model's servers is asked next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from router.upstream.balancing.breaker import Breaker, Closed, Probing, is_due, keeps_out
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

    `slots` is how many samples it computes at once, where that is known. `load` are the samples in
    flight; `heard_at` is when anything of a sample last came (event loop's clock), `rests_until`
    the end of what a 429 asked for, `draws` a count of those sent there. `first_s` is what its
    draws usually take to their first piece; 0 where none came yet.
    """

    upstream: Upstream
    name: str
    slots: int | None = None
    breaker: Breaker = field(default_factory=Closed)
    load: int = 0
    draws: int = 0
    heard_at: float = 0.0
    rests_until: float = 0.0
    first_s: float = 0.0

    def is_asked_for(self, caller: str | None) -> bool:
        """Whether it is asked for a caller, or for nobody in particular."""
        return not keeps_out(self.breaker, caller)

    def may_find_out(self, caller: str | None, now: float) -> bool:
        """Whether it is asked all the same, once, to see how it is."""
        return keeps_out(self.breaker, caller) and is_due(self.breaker, now)

    def has_room(self, n: int) -> bool:
        """Whether it computes so many samples at once, as far as is known."""
        return self.slots is None or self.load + min(n, self.slots) <= self.slots

    def began_after(self, seconds: float) -> None:
        """The first piece of a draw took so long."""
        new = seconds - self.first_s
        self.first_s += NEW_SHARE * new if self.first_s else new

    def rest(self, seconds: float, now: float) -> None:
        """It wants to be left alone for a while, as it has enough to do."""
        self.rests_until = now + min(seconds, LONGEST_REST_S)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is to be sent somewhere, at which moment: a draw of `n` samples, for a caller.

    What goes `along` with others that are all wanted, such as a pass of a ranking, is also sent to
    where another finds out how a server is, if there is nobody else.
    """

    caller: str | None
    now: float
    n: int = 1
    along: bool = False

    def is_let(self, replica: Replica) -> bool:
        """Whether a server is asked for it."""
        return replica.is_asked_for(self.caller)

    def may_find_out(self, replica: Replica) -> bool:
        """Whether it may see how a server is."""
        return replica.may_find_out(self.caller, self.now)


def for_question(
    replicas: Sequence[Replica], tried: Collection[Replica], asker: Asker
) -> Replica | None:
    """Whom to ask what is not computed: the least loaded, else one that is to be tried again.

    None where there is nobody.
    """
    left = [each for each in replicas if each not in tried]
    able = [each for each in left if asker.is_let(each)]
    return _least_loaded(able or [each for each in left if asker.may_find_out(each)])


def for_draw(
    replicas: Sequence[Replica],
    tried: Collection[Replica],
    preferred: Replica | None,
    asker: Asker,
) -> Replica | None:
    """Whom to send a draw: one that is to be tried again, but not with what failed already.

    Else the preferred one, as far as it is as good as the least loaded. None where there is nobody.
    A lone one may be sent again what failed there.
    """
    if len(replicas) == 1 and (tried or asker.is_let(replicas[0])):
        return replicas[0]
    left = [each for each in replicas if each not in tried]
    able = [each for each in left if asker.is_let(each)]
    due = [each for each in left if asker.may_find_out(each)]
    if due and not (tried and able):
        return due[0]
    able = [each for each in able if each.rests_until <= asker.now] or able
    if asker.along:
        able = able or [each for each in left if isinstance(each.breaker, Probing)]
    least = _least_loaded(able)
    if least is None or preferred not in able:
        return least
    return preferred if _is_as_good(preferred, least, asker.n) else least


def are_others(replicas: Iterable[Replica], tried: Collection[Replica], asker: Asker) -> bool:
    """Whether there is somebody else to ask."""
    left = (each for each in replicas if each not in tried)
    return any(asker.is_let(each) or asker.may_find_out(each) for each in left)


def _is_as_good(preferred: Replica, least: Replica, n: int) -> bool:
    """Not where its last draw failed, as another try of that would there again.

    Nor where it has much more to do, or no room for a draw where the least loaded has.
    """
    if preferred.breaker != Closed() or preferred.load > least.load + MUCH_MORE:
        return False
    return preferred.has_room(n) or not least.has_room(n)


def _least_loaded(replicas: Sequence[Replica]) -> Replica | None:
    """Of equals the one that was sent fewest draws; None of none."""
    return min(replicas, key=lambda each: (each.load, each.draws), default=None)
