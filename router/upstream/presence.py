"""Whether the servers that we do not run are there, and have the models that they are asked for.

They are looked at when the gateway starts, and those in trouble again and again until they are
well. Nothing waits for it, and nobody is kept from asking such a model: it is for people, who would
otherwise learn of a misspelt URL from their first user.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

import structlog

from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError

_log = structlog.get_logger("router")

LOOK_EVERY_S: Final = 30.0
"""The pause before those in trouble are looked at again."""

LONGEST_LOOK_S: Final = 10.0

MOST_NAMES: Final = 10
"""Of a server's models, in a message."""


class Presence:
    """What is wrong with the upstreams, by model and replica, as of the last look.

    It is logged as well, by one that is not `silent`: where several look, one is to speak.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        *,
        every_s: float = LOOK_EVERY_S,
        silent: bool = False,
    ) -> None:
        self._upstreams = upstreams
        self._every_s = every_s
        self._silent = silent
        self._troubles: dict[str, str] = {}

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why a model may not answer; nothing of those that are well or were not looked at yet."""
        return MappingProxyType(self._troubles)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at them, as long as this is entered."""
        task = asyncio.create_task(self._watch(), name="presence")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        left = list(self._upstreams)
        while left:
            await asyncio.gather(*(self._look(upstream) for upstream in left))
            left = [upstream for upstream in left if upstream.label in self._troubles]
            if left:
                await asyncio.sleep(self._every_s)

    async def _look(self, upstream: Upstream) -> None:
        before = self._troubles.get(upstream.label)
        trouble = await trouble_of(upstream)
        if trouble is None:
            self._troubles.pop(upstream.label, None)
            if before is not None and not self._silent:
                _log.info("an upstream is well again", model=upstream.label)
        else:
            self._troubles[upstream.label] = trouble
            if trouble != before and not self._silent:
                _log.warning("an upstream may not answer", model=upstream.label, reason=trouble)


async def trouble_of(upstream: Upstream) -> str | None:
    """What speaks against an upstream, without a request for samples; None where nothing does."""
    try:
        async with asyncio.timeout(LONGEST_LOOK_S):
            answer = await upstream.get("/v1/models")
    except TimeoutError:
        return f"upstream of model {upstream.id!r} did not answer in time"
    except UpstreamError as error:
        return str(error)
    names = _names(answer)
    if upstream.server.any_name or not names or upstream.name in names:
        return None
    shown = ", ".join([*sorted(names)[:MOST_NAMES], *(["…"] if len(names) > MOST_NAMES else [])])
    return f"upstream of model {upstream.id!r} has no model {upstream.name!r}; it has {shown}"


def _names(answer: Any) -> set[str]:
    """The ids in a list of models; none of an answer in another shape."""
    listed = answer.get("data") if isinstance(answer, Mapping) else answer
    entries = listed if isinstance(listed, list) else []
    ids = [entry.get("id") for entry in entries if isinstance(entry, Mapping)]
    return {name for name in ids if isinstance(name, str)}
