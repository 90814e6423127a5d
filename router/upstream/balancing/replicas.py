"""A model at one or several servers that others run: which of them is asked, and what if it fails.

- *Which.* The least loaded, by the samples that we have in flight there; but one that has read the
  prompt, or most of it, goes before, so that a request's draws stay together and find its cache,
  unless it has much more to do than the least loaded, or no slots left where that one has.
- *A breaker each.* Where draw after draw fails by the server's fault, it is left alone for a while
  (`router.upstream.balancing.breaker`). Only what is computed tells, draws and passes of rankers:
  pings and token counts do not close a breaker. Where all are left alone, the model is away at
  once, and nobody waits for it to fail once more.
- *Tried again* is only what was not computed, and only here: where nobody listened, where the
  connection was reset before the server can have read the request, and where it was refused as it
  came, but not for what the client asked. Then another server gets it, once; where there is only
  one, it is sent again only after a reset. What may have been computed is never sent twice.

A request that a server finds fault with says nothing against the server, and neither does load: one
that says 429 is merely left alone while others are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from policies.protocol import Draw
from router.request import Prompt, PromptLength, SampleRequest
from router.upstream.asking import CHATS, COMPLETIONS
from router.upstream.balancing.affinity import Affinity, beginnings
from router.upstream.balancing.attempts import Attempt, ReplicaEvents, Watch, clock
from router.upstream.balancing.balance import Asker, Replica, are_others, for_draw, for_question
from router.upstream.balancing.breaker import (
    Breaker,
    BreakerRules,
    Closed,
    Open,
    Probing,
    is_due,
)
from router.upstream.balancing.faults import was_reset
from router.upstream.client import LONGEST_COUNT_S, Upstream
from router.upstream.failures import UpstreamError, UpstreamKeptFrom, UpstreamUnreachable
from router.upstream.said.chunks import Chunk

Told = TypeVar("Told")

_COMPUTED: Final = frozenset({COMPLETIONS, CHATS})
"""Where a server is asked to compute."""


@dataclass(frozen=True, slots=True)
class Replicated(Upstream):
    """A model over its replicas, asked as if it were at one server."""

    replicas: tuple[Replica, ...] = ()
    watch: Watch = field(
        default_factory=lambda: Watch(BreakerRules(), ReplicaEvents()), compare=False
    )
    affinity: Affinity = field(default_factory=Affinity, compare=False)

    @classmethod
    def over(
        cls,
        upstream: Upstream,
        urls: Sequence[str],
        watch: Watch,
        slots: int | None = None,
    ) -> Replicated:
        """The model of an upstream at these base URLs; what is learned of one holds for all.

        `slots` is how many samples each of them computes at once, where that is known.
        """
        names = [_name(url) for url in urls]
        several = len(urls) > 1
        replicas = tuple(
            Replica(_at(upstream, url, name if several else None), name, slots)
            for url, name in zip(urls, names, strict=True)
        )
        own = {each.name: getattr(upstream, each.name) for each in fields(Upstream)}
        for name in names:
            watch.events.tell(name, is_open=False)  # there is no more to say
        return cls(**own, replicas=replicas, watch=watch)

    @property
    def servers_asked(self) -> int:
        """How many are asked by everybody just now."""
        return sum(isinstance(replica.breaker, Closed) for replica in self.replicas)

    @property
    def servers_tried(self) -> int:
        """How many of the others one draw may be sent to, or is, to find out how they are."""
        now = clock()
        return sum(
            isinstance(each.breaker, Probing) or is_due(each.breaker, now) for each in self.replicas
        )

    @property
    def troubles(self) -> dict[str, str]:
        """Why some are not asked, by what they are called."""
        return {
            replica.upstream.label: trouble
            for replica in self.replicas
            if (trouble := _trouble(replica.breaker)) is not None
        }

    async def count_tokens(
        self, prompt: Prompt, within_s: float = LONGEST_COUNT_S, caller: str | None = None
    ) -> PromptLength:
        """See `Upstream`; any that can be reached may count."""
        return await self._anywhere(lambda server: server.count_tokens(prompt, within_s), caller)

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        """See `Upstream`."""
        own = draw.prompt is None  # or it is none that the next request has
        read = beginnings(request.prompt) if own and len(self.replicas) > 1 else ()
        tried: list[Replica] = []
        while True:
            asker = Asker(request.caller, clock(), draw.n)
            with self._attempt(tried, asker, read) as attempt:
                upstream = attempt.replica.upstream
                try:
                    async with aclosing(upstream.sample(draw, request)) as chunks:
                        async for chunk in chunks:
                            attempt.heard(chunk)
                            yield chunk
                except UpstreamError as error:
                    attempt.failed(error)
                    if not self._may_go_on(error, attempt, tried):
                        raise
                    self.watch.events.on_retry()
                except (asyncio.CancelledError, GeneratorExit):
                    attempt.given_up(request.deadline, self._usual_s)
                    raise
                else:
                    attempt.finished()
                    return

    async def post(
        self, path: str, body: dict[str, Any], caller: str | None = None
    ) -> dict[str, Any]:
        """See `Upstream`. What is to be computed is watched, and sent again, as draws are."""
        if path not in _COMPUTED:
            return await self._anywhere(lambda server: server.post(path, body), caller)
        tried: list[Replica] = []
        while True:
            with self._attempt(tried, Asker(caller, clock(), along=True)) as attempt:
                try:
                    told = await attempt.replica.upstream.post(path, body)
                except UpstreamError as error:
                    attempt.failed(error)
                    if not self._may_go_on(error, attempt, tried):
                        raise
                    self.watch.events.on_retry()
                else:
                    attempt.succeeded()
                    return told

    async def _anywhere(
        self, ask: Callable[[Upstream], Awaitable[Told]], caller: str | None
    ) -> Told:
        """The answer of any, where there is nothing to compute.

        Whatever a server does wrong, another may do right; but only where nobody listens does it
        speak against draws.
        """
        tried: list[Replica] = []
        while True:
            replica = for_question(self.replicas, tried, Asker(caller, clock()))
            if replica is None:
                raise self._away(caller)
            tried.append(replica)
            try:
                return await ask(replica.upstream)
            except UpstreamError as error:
                if isinstance(error, UpstreamUnreachable):
                    self.watch.failed(replica, str(error), None)
                if error.rejected or not self._are_others(tried, caller):
                    raise

    def _attempt(self, tried: list[Replica], asker: Asker, read: Sequence[int] = ()) -> Attempt:
        """What is sent to whom, who is added to those `tried`.

        Raises `UpstreamKeptFrom` where nobody is to be asked.
        """
        known = self.affinity.server(read)
        preferred = None if known is None else self.replicas[known]
        replica = for_draw(self.replicas, tried, preferred, asker)
        if replica is None:
            raise self._away(asker.caller)
        if read:
            self.affinity.keep(read, self.replicas.index(replica))
        tried.append(replica)
        return Attempt(replica, asker.n, asker.caller, self.watch)

    def _may_go_on(self, error: UpstreamError, attempt: Attempt, tried: Sequence[Replica]) -> bool:
        """Whether what failed is sent once more: only where nothing was computed of it."""
        if attempt.begun:
            return False
        reset = was_reset(error, clock() - attempt.since)
        if len(self.replicas) == 1:
            return reset and len(tried) == 1 and attempt.replica.is_asked_for(attempt.caller)
        refused = not error.computed and not error.rejected
        return (reset or refused) and self._are_others(tried, attempt.caller)

    def _are_others(self, tried: Collection[Replica], caller: str | None) -> bool:
        return are_others(self.replicas, tried, Asker(caller, clock()))

    @property
    def _usual_s(self) -> float | None:
        """How long first tokens take; None where there is no other server."""
        several = len(self.replicas) > 1
        return max(each.first_s for each in self.replicas) if several else None

    def _away(self, caller: str | None) -> UpstreamKeptFrom:
        """Why nobody is asked for a caller."""
        states = [each.breaker for each in self.replicas if not each.is_asked_for(caller)]
        shut = [each for each in states if not isinstance(each, Closed)]
        again_s = max(0.0, min(each.until for each in shut) - clock())
        whose = "its server" if len(self.replicas) == 1 else f"all {len(self.replicas)} servers"
        failed = f"draws failed at {whose}; the last: {shut[-1].reason}"
        return UpstreamKeptFrom(
            self.id, f"is not asked and is tried again in {again_s:.1f} s, as {failed}"
        )


def _name(url: str) -> str:
    """Host, port and path; a password may stand before them."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _at(upstream: Upstream, url: str, name: str | None) -> Upstream:
    return replace(upstream, base_url=lambda: url, replica=name)


def _trouble(breaker: Breaker) -> str | None:
    match breaker:
        case Open(reason=reason, caller=caller) | Probing(reason=reason, caller=caller):
            whose = "its last draws" if caller is None else "the last draws of one client"
            return f"{whose} failed: {reason}"
        case Closed():
            return None
