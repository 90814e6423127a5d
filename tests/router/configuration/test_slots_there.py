"""How many slots there are just now, by who is left alone."""

from __future__ import annotations

import asyncio

import pytest

from router.configuration.configured import models_of, slots_there
from router.settings import Settings
from router.upstream import transport
from router.upstream.balancing.breaker import Breaker, Closed, Open, Probing
from router.upstream.balancing.replicas import Replicated

pytestmark = pytest.mark.anyio

URLS = [f"http://127.0.0.1:{port}" for port in (9, 10)]
MODEL = {"engine": "url", "url": URLS, "slots": 4}
SETTINGS = Settings.model_validate({"models": {"two": MODEL}})
LONG = 600.0
MINE = {"caller": "one whose draws fail"}


@pytest.mark.parametrize(
    ("after_s", "kinds", "slots"),
    [
        (LONG, (), 8),
        (LONG, (Open,), 4),
        (-LONG, (Open,), 4 + 1),
        (LONG, (Probing,), 4 + 1),
        (-LONG, (Open, Open), 4),
    ],
)
@pytest.mark.parametrize("caller", [{}, MINE], ids=["for all", "for one caller"])
async def test_what_one_caller_is_kept_from_is_there_for_others(
    after_s: float, kinds: tuple[type[Open | Probing], ...], slots: int, caller: dict[str, str]
) -> None:
    until = asyncio.get_running_loop().time() + after_s
    states: list[Breaker] = [kind(until, LONG, "it fails", **caller) for kind in kinds]
    async with transport.Client(connect_s=60, read_s=60) as client:
        upstreams = models_of(SETTINGS, {}, client).upstreams
        two = upstreams["two"]
        assert isinstance(two, Replicated)
        for replica, state in zip(two.replicas, [*states, *[Closed()] * 2], strict=False):
            replica.breaker = state
        assert slots_there(upstreams, "two", 4) == (8 if caller else slots)
