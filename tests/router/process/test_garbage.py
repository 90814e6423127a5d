"""What errors keep when they are dealt with, and what requests that fail leave to the collector."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_upstream import (
    FakeUpstream,
    Play,
    answering,
    failing,
    half,
    sending,
    silent,
    stalling,
)
from http_world import COMPLETIONS, TESTS, ScriptedBackend, World, eventually, world

from router.process.garbage import without_traces
from router.upstream.said.answers import LONGEST_ANSWER

pytestmark = pytest.mark.anyio


class Held:
    """Something large."""


def _raise(held: Held) -> None:
    try:
        int("x")
    except ValueError as cause:
        raise ExceptionGroup("several", [KeyError(), RuntimeError()]) from cause


def test_an_error_without_traces_holds_nothing_that_it_went_through() -> None:
    held = Held()
    gone = weakref.ref(held)
    try:
        _raise(held)
    except ExceptionGroup as error:
        kept = without_traces(error)
    del held
    assert gone() is None
    assert isinstance(kept.__cause__, ValueError)


def test_errors_in_a_circle_end() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert without_traces(one) is one


@pytest.fixture
def uncollected() -> Iterator[Callable[[], list[Any]]]:
    """What only the collector could find since, of our own kinds."""
    gc.collect()
    gc.disable()

    def found() -> list[Any]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        left = [each for each in gc.garbage if type(each).__module__.startswith("router.")]
        gc.garbage.clear()
        return left

    yield found
    gc.enable()
    gc.collect()


async def _asked(w: World, **fields: Any) -> None:
    await w.complete(model="large", **fields)


async def _gone(w: World, **fields: Any) -> None:
    """Ask, and hang up."""
    before = len(w.large.calls)
    connection = await w.open(COMPLETIONS, model="large", **fields)
    await eventually(lambda: len(w.large.calls) > before)
    await connection.close()
    await eventually(lambda: w.active == 0)


LARGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
FAILURES: dict[str, tuple[Play, Any, dict[str, Any]]] = {
    "an answer too large": (sending(LARGE % (LONGEST_ANSWER + 1) + b"x" * 10**6), _asked, {}),
    "no JSON": (sending(LARGE % 10**6 + b"x" * 10**6), _asked, {}),
    "half an answer": (half(), _asked, {}),
    "an error": (failing(500), _asked, {}),
    "a refusal": (failing(400), _asked, {}),
    "silence": (silent(), _asked, {}),
    "a deadline": (silent(), _asked, {"budget": {"latency_ms": 50}}),
    "a client that goes": (silent(), _gone, {}),
    "what cannot be": (answering(), _asked, {"temperature": -5}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_request_that_fails_leaves_nothing_to_the_collector(
    failure: str, uncollected: Callable[[], list[Any]], *, stream: bool
) -> None:
    """Or a few of them would hold their prompts and answers for long: it counts objects."""
    play, ask, fields = FAILURES[failure]
    async with world(large=FakeUpstream(play), read_timeout_s=0.2) as w:
        await ask(w, stream=stream, **fields)  # what is learned once
        uncollected()
        for _ in range(3):
            await ask(w, stream=stream, **fields)
        await eventually(lambda: w.active == 0)
        await asyncio.sleep(0.05)  # the connection's own end
        assert not uncollected()


async def test_neither_does_a_draw_that_fails_beside_one_that_does_not(
    uncollected: Callable[[], list[Any]],
) -> None:
    small, backend = FakeUpstream(failing(500)), ScriptedBackend()
    async with world(small, backend=backend) as w:
        for counts in (False, True):
            answer = await w.complete(tests=TESTS, explain=True)
            assert answer.json()["router"]["commands"][0]["failure"]
            await eventually(lambda: w.active == 0)
            assert not (uncollected() and counts)


async def test_neither_does_a_stream_whose_client_goes(
    uncollected: Callable[[], list[Any]],
) -> None:
    async with world(large=FakeUpstream(stalling())) as w:
        for counts in (False, True):
            connection = await w.open(COMPLETIONS, model="large", stream=True)
            await connection.until(b"x = 1")
            await connection.close()
            await eventually(lambda: w.active == 0)
            await asyncio.sleep(0.05)
            assert not (uncollected() and counts)


async def test_neither_does_a_server_that_is_away(uncollected: Callable[[], list[Any]]) -> None:
    async with world(models={"large": {"url": "http://127.0.0.1:1"}}) as w:
        for counts in (False, True):
            assert (await w.complete(model="large")).status_code == 502
            assert (await w.complete()).headers["x-router-model"] == "small"
            await asyncio.sleep(0.05)
            assert not (uncollected() and counts)
