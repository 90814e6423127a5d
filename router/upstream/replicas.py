"""A model at one or several servers that others run: which of them is asked, and what if it fails.

- *Which.* The least loaded, by the samples that we have in flight there; but one that has read the
  prompt, or most of it, goes before, so that a request's draws stay together and find its cache,
  unless it has much more to do than the least loaded.
- *A breaker each.* Where draw after draw fails by the server's fault, it is left alone for a while
  (`router.upstream.breaker`). Only draws tell: pings and token counts do not close a breaker. Where
  all are left alone, the model is away at once, and nobody waits for it to fail once more.
- *Tried again* is only what was not computed, and only here: where nobody listened, where the
  connection was reset before the server can have read the request, and where it refused with 429 or
  503 before it answered anything. Then another server gets it, once; where there is only one, it is
  sent again only after a reset. A draw that may have been computed is never sent twice.

A request that a server finds fault with says nothing against the server, and neither does load: one
that says 429 is merely left alone while others are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from policies.protocol import Draw
from router.hearing import unheard
from router.request import Prompt, PromptLength, SampleRequest
from router.upstream import breaker as states
from router.upstream.affinity import Affinity, beginnings
from router.upstream.balance import Replica, are_others, asked, drawn
from router.upstream.breaker import Breaker, BreakerRules, Closed, Open, Probing
from router.upstream.chunks import Chunk
from router.upstream.client import LONGEST_COUNT_S, Upstream
from router.upstream.failures import UpstreamError, UpstreamKeptFrom, UpstreamUnreachable
from router.upstream.faults import asked_rest_s, is_servers_fault, was_refused, was_reset

_log = structlog.get_logger("router")

SILENT_S: Final = 1.0
"""A draw that its deadline ended after so long without a word, while its server had none for
anybody, counts as failed where there are other servers."""

UNUSUAL: Final = 2.0
"""It must have waited this many times longer than first tokens of the model usually take, too."""

CLOCK_S: Final = 0.01
"""A deadline's timer comes early by less than this."""


@dataclass(frozen=True, slots=True)
class ReplicaEvents:
    """What hears of a draw that is sent again, and of breakers, by a replica's name."""

    on_retry: Callable[[], None] = unheard
    on_open: Callable[[str, bool], None] = unheard


@dataclass(slots=True)
class _Attempt:
    """One draw at one replica: whether it was answered, and which of its samples ended.

    Where it is to find out how the replica is, it is the draw of that `probe`, if no later one.
    """

    replica: Replica
    since: float
    probe: Probing | None = None
    begun: bool = False
    ended: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Replicated(Upstream):
    """A model over its replicas, asked as if it were at one server."""

    replicas: tuple[Replica, ...] = ()
    rules: BreakerRules = field(default_factory=BreakerRules)
    events: ReplicaEvents = field(default_factory=ReplicaEvents, compare=False)
    affinity: Affinity = field(default_factory=Affinity, compare=False)

    @classmethod
    def over(
        cls,
        upstream: Upstream,
        urls: Sequence[str],
        rules: BreakerRules,
        events: ReplicaEvents,
    ) -> Replicated:
        """The model of an upstream at these base URLs; what is learned of one holds for all."""
        names = [_name(url) for url in urls]
        several = len(urls) > 1
        replicas = tuple(
            Replica(_at(upstream, url, name if several else None), name)
            for url, name in zip(urls, names, strict=True)
        )
        own = {each.name: getattr(upstream, each.name) for each in fields(Upstream)}
        for name in names:
            events.on_open(name, False)  # noqa: FBT003 there is no more to say
        return cls(**own, replicas=replicas, rules=rules, events=events)

    @property
    def available(self) -> int:
        """How many are asked just now."""
        return sum(replica.available for replica in self.replicas)

    @property
    def troubles(self) -> dict[str, str]:
        """Why some are not asked, by what they are called."""
        return {
            replica.upstream.label: f"its last draws failed: {reason}"
            for replica in self.replicas
            if (reason := _reason(replica.breaker)) is not None
        }

    async def count_tokens(self, prompt: Prompt, within_s: float = LONGEST_COUNT_S) -> PromptLength:
        """See `Upstream`; any that can be reached may count."""
        tried: list[Replica] = []
        while True:
            replica = self._next(tried)
            tried.append(replica)
            try:
                return await replica.upstream.count_tokens(prompt, within_s)
            except UpstreamUnreachable as error:
                self._failed(replica, error)
                if not are_others(self.replicas, tried, _now()):
                    raise

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """See `Upstream`."""
        own = draw.prompt is None  # or it is none that the next request has
        read = beginnings(request.prompt) if own and len(self.replicas) > 1 else ()
        tried: list[Replica] = []
        while True:
            replica = self._drawn(read, tried)
            tried.append(replica)
            probe = replica.breaker if isinstance(replica.breaker, Probing) else None
            attempt = _Attempt(replica, _now(), probe)
            replica.load += draw.n
            replica.asked += 1
            try:
                async with aclosing(replica.upstream.sample(draw, request)) as chunks:
                    async for chunk in chunks:
                        self._heard(attempt, chunk)
                        yield chunk
            except UpstreamError as error:
                self._failed(replica, error)
                if not self._may_go_on(error, attempt, tried):
                    raise
                self.events.on_retry()
            except (asyncio.CancelledError, GeneratorExit):
                self._given_up(attempt, request.deadline)
                raise
            else:
                self._finished(attempt, draw)
                return
            finally:
                replica.load -= draw.n
                self._unanswered(attempt)  # or nobody would be sent there for a while

    async def get(self, path: str) -> Any:
        """See `Upstream`."""
        return await self._next(()).upstream.get(path)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """See `Upstream`."""
        return await self._next(()).upstream.post(path, body)

    def _next(self, tried: Collection[Replica]) -> Replica:
        """Whom to ask what is no draw. Raises `UpstreamKeptFrom` where nobody is to be asked."""
        replica = asked(self.replicas, tried, _now())
        if replica is None:
            raise self._away()
        return replica

    def _drawn(self, read: Sequence[int], tried: Collection[Replica]) -> Replica:
        """Whom to send a draw. Raises `UpstreamKeptFrom` where nobody is to be asked."""
        known = self.affinity.server(read)
        preferred = None if known is None else self.replicas[known]
        replica = drawn(self.replicas, tried, preferred, _now())
        if replica is None:
            raise self._away()
        if read:
            self.affinity.keep(read, self.replicas.index(replica))
        replica.breaker = states.probed(replica.breaker, _now())
        return replica

    def _may_go_on(self, error: UpstreamError, attempt: _Attempt, tried: Sequence[Replica]) -> bool:
        """Whether a draw that failed is sent once more: only where nothing was computed of it."""
        if attempt.begun:
            return False
        reset = was_reset(error, _now() - attempt.since)
        if len(self.replicas) == 1:
            return reset and len(tried) == 1 and self.replicas[0].available
        return (reset or was_refused(error)) and are_others(self.replicas, tried, _now())

    def _heard(self, attempt: _Attempt, chunk: Chunk) -> None:
        replica = attempt.replica
        replica.heard_at = _now()
        if not attempt.begun:
            attempt.begun = True
            replica.began_after(replica.heard_at - attempt.since)
            self._become(replica, states.answered(replica.breaker, self.rules))
        if chunk.finish_reason is not None:
            attempt.ended.add(chunk.index)

    def _finished(self, attempt: _Attempt, draw: Draw) -> None:
        """A draw's stream ended; it is none where not all of its samples did."""
        replica = attempt.replica
        if len(attempt.ended) >= draw.n:
            self._become(replica, states.succeeded(replica.breaker))
        else:
            reason = "its answer ended early"
            self._become(replica, states.failed(replica.breaker, _now(), self.rules, reason))

    def _failed(self, replica: Replica, error: UpstreamError) -> None:
        now = _now()
        if (rest_s := asked_rest_s(error)) is not None:
            replica.rest(rest_s, now)
        if is_servers_fault(error):
            state = states.failed(replica.breaker, now, self.rules, str(error))
        else:  # it did answer
            state = states.answered(replica.breaker, self.rules)
        self._become(replica, state)

    def _given_up(self, attempt: _Attempt, deadline: float | None) -> None:
        """A draw was stopped before its end: by a verdict, its deadline, or its client.

        Only a deadline says that a server is silent: a client that goes says nothing of it.
        """
        replica, now = attempt.replica, _now()
        due = deadline is not None and now >= deadline - CLOCK_S
        silent = due and replica.heard_at < attempt.since and len(self.replicas) > 1
        usual_s = max(each.first_s for each in self.replicas)
        if attempt.begun:
            self._become(replica, states.succeeded(replica.breaker))
        elif silent and now - attempt.since >= max(SILENT_S, UNUSUAL * usual_s):
            reason = f"there was no word of it for {now - attempt.since:.1f} s"
            self._become(replica, states.failed(replica.breaker, now, self.rules, reason))

    def _unanswered(self, attempt: _Attempt) -> None:
        """A draw has ended; one that was to find out may have told nothing."""
        if attempt.probe is not None and attempt.replica.breaker is attempt.probe:
            self._become(attempt.replica, states.unanswered(attempt.probe, _now()))

    def _become(self, replica: Replica, state: Breaker) -> None:
        before, replica.breaker = replica.breaker, state
        label, was = replica.upstream.label, isinstance(before, Closed)
        match state:
            case Open(reason=reason, pause_s=pause_s) if state is not before:
                self.events.on_open(replica.name, True)  # noqa: FBT003 it is named there
                _log.warning("a server is left alone", model=label, s=pause_s, reason=reason)
            case Closed() if not was:
                self.events.on_open(replica.name, False)  # noqa: FBT003
                _log.info("a server answers draws again", model=label)
            case _:
                pass

    def _away(self) -> UpstreamKeptFrom:
        now = _now()
        breakers = [each.breaker for each in self.replicas]
        until = [each.until for each in breakers if not isinstance(each, Closed)]
        reasons = [reason for each in self.replicas if (reason := _reason(each.breaker))]
        again = f"is tried again in {max(0.0, min(until) - now):.1f} s"
        whose = "its server" if len(self.replicas) == 1 else f"all {len(self.replicas)} servers"
        reason = f"is not asked and {again}, as draws failed at {whose}; the last: {reasons[-1]}"
        return UpstreamKeptFrom(self.id, reason)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _name(url: str) -> str:
    """Host, port and path; a password may stand before them."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _at(upstream: Upstream, url: str, name: str | None) -> Upstream:
    return replace(upstream, base_url=lambda: url, replica=name)


def _reason(breaker: Breaker) -> str | None:
    match breaker:
        case Open(reason=reason) | Probing(reason=reason):
            return reason
        case Closed():
            return None
