"""One try to have something computed at one server, and what it tells of that server.

A server whose draws fail by its own fault is left alone (`router.upstream.balancing.breaker`): what
ended an attempt decides whether that was so, and whose request it may have been the fault of.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import structlog

from router.hearing import unheard
from router.upstream.balancing import breaker as states
from router.upstream.balancing.balance import Replica
from router.upstream.balancing.breaker import Breaker, BreakerRules, Closed, Open, Probing
from router.upstream.balancing.faults import asked_rest_s, is_servers_fault, may_be_the_requests
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk

_log = structlog.get_logger("router")

SILENT_S: Final = 1.0
"""A draw that its deadline ended after so long without a word, while its server had none for
anybody, counts as failed where there are other servers."""

UNUSUAL: Final = 2.0
"""It must have waited this many times longer than first tokens of the model usually take, too."""

EARLY_S: Final = 0.01
"""A moment counts as come by so much before: timers come early by far less."""


def clock() -> float:
    """The event loop's."""
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class ReplicaEvents:
    """What hears of a draw that is sent again, and of a breaker that opens or closes.

    `on_breaker` is told a replica's name, and whether it is open. Whoever `listens` is called when
    there may be more servers to ask than before, and fewer.
    """

    on_retry: Callable[[], None] = unheard
    on_breaker: Callable[[str, bool], None] = unheard
    listens: list[Callable[[], None]] = field(default_factory=list)

    def tell(self, replica: str, *, is_open: bool) -> None:
        """A breaker is open, or it is not."""
        self.on_breaker(replica, is_open)
        self.changed()

    def changed(self) -> None:
        """There may be another number of servers."""
        for listener in self.listens:
            listener()


@dataclass(frozen=True, slots=True)
class Watch:
    """Keeps the breakers of a model's servers, by these rules; `events` hear of them."""

    rules: BreakerRules
    events: ReplicaEvents

    def failed(self, replica: Replica, reason: str, caller: str | None) -> None:
        """Something failed by a fault of the server's, or of the request of a caller."""
        self.become(
            replica, states.failed(replica.breaker, clock(), self.rules, reason, caller=caller)
        )

    def become(self, replica: Replica, state: Breaker) -> None:
        """Tell of a breaker that opens or closes."""
        before, replica.breaker = replica.breaker, state
        label, was = replica.upstream.label, isinstance(before, Closed)
        match state:
            case Open(until, _, reason, caller) if state is not before:
                self.events.tell(replica.name, is_open=True)  # who failed there is not for the log
                by = "all" if caller is None else "one caller"
                if (s := until - clock()) > 0:
                    _log.warning("a server is left alone", model=label, s=s, by=by, reason=reason)
                if self.events.listens:  # somebody may wait who can find out then
                    asyncio.get_running_loop().call_at(until + EARLY_S, self.events.changed)
            case Closed() if not was:
                self.events.tell(replica.name, is_open=False)
                _log.info("a server is asked again", model=label)
            case _:
                pass


@dataclass(slots=True)
class Attempt:
    """A draw of `n` samples at one replica; it is in flight as long as this is entered.

    Where it is to find out how the replica is, it is the draw of that `probe`, if no later one. It
    has `begun` once anything of an answer came, and not yet where only its prompt is told of;
    `ended` are those of its samples that did. It has `waited` where its deadline ended it before.
    """

    replica: Replica
    n: int
    caller: str | None
    watch: Watch
    since: float = field(default_factory=clock)
    probe: Probing | None = field(default=None, init=False)
    begun: bool = field(default=False, init=False)
    waited: bool = field(default=False, init=False)
    ended: set[int] = field(default_factory=set, init=False)

    def __enter__(self) -> Self:
        replica = self.replica
        state = states.probed(replica.breaker, self.since, self.caller)
        if isinstance(state, Probing) and state is not replica.breaker:
            replica.breaker = self.probe = state
        replica.load += self.n
        replica.draws += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.replica.load -= self.n
        if self.probe is not None and self.replica.breaker is self.probe:
            # It has told nothing, and nobody else would be sent there for a while.
            state = states.unanswered(self.probe, clock(), waited=self.waited)
            self.watch.become(self.replica, state)

    def heard(self, chunk: Chunk) -> None:
        """A piece of its answer came."""
        replica = self.replica
        replica.heard_at = clock()
        if not (self.begun or chunk.of_prompt):
            self.begun = True
            replica.began_after(replica.heard_at - self.since)
            self._answered()
        if chunk.finish_reason is not None:
            self.ended.add(chunk.index)

    def succeeded(self) -> None:
        """It ended well."""
        self.watch.become(self.replica, states.succeeded(self.replica.breaker))

    @property
    def whole(self) -> bool:
        """Whether all of its samples have ended: what comes now takes none of them away."""
        return len(self.ended) >= self.n

    def finished(self) -> None:
        """Its stream ended; that is not well where not all of its samples did."""
        if self.whole:
            self.succeeded()
        else:
            self.watch.failed(self.replica, "its answer ended early", self.caller)

    def failed(self, error: UpstreamError) -> None:
        """It ended in an error, which may be nobody's fault; behind a whole answer it is none.

        A server that errs there answers all the same: left alone, it would answer nobody.
        """
        if self.whole:
            self.succeeded()
            return
        if (rest_s := asked_rest_s(error)) is not None:
            self.replica.rest(rest_s, clock())
        if is_servers_fault(error):
            caller = self.caller if may_be_the_requests(error) else None
            self.watch.failed(self.replica, str(error), caller)
        else:  # it did answer
            self._answered()

    def given_up(self, deadline: float | None, usual_s: float | None) -> None:
        """It was stopped before its end: by a verdict, its deadline, or its client.

        Only a deadline says that a server is silent, before or after it began: a client that goes
        says nothing of it. Nor does a beginning of a server that was left alone since.
        `usual_s` is what first tokens of the model take; None where there is no other server.
        """
        now = clock()
        self.waited = deadline is not None and now >= deadline - EARLY_S
        heard = self.replica.heard_at >= self.since
        silent_s = now - (self.replica.heard_at if heard else self.since)
        patience_s = math.inf if usual_s is None else max(SILENT_S, UNUSUAL * usual_s)
        if self.waited and silent_s >= patience_s and (self.begun or not heard):
            reason = f"there was no word of it for {silent_s:.1f} s"
            self.watch.failed(self.replica, reason, self.caller)
        elif self.begun and isinstance(self.replica.breaker, Closed):
            self.succeeded()

    def _answered(self) -> None:
        state = states.answered(self.replica.breaker, self.watch.rules, self.caller)
        self.watch.become(self.replica, state)
