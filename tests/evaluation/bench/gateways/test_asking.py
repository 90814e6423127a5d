"""How the load asks, of servers whose answers are the test's."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from evaluation.bench.gateways.asking import Asking
from evaluation.bench.gateways.load import Load
from evaluation.bench.gateways.wire import BUDGET, BUDGET_HEADER, TOKEN

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(TOKEN), TOKEN.encode())
Serve = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve):
    """A server that plays `serve` for each request, by its number; gives port and heads."""
    heads: list[bytes] = []
    serving_now: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def connected(reader, writer):
        serving_now[asyncio.current_task()] = writer
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                heads.append(head)
                await serve(len(heads) - 1, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del serving_now[asyncio.current_task()]
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        while len(asyncio.all_tasks()) > 1:  # also of what was accepted and has not yet begun
            for writer in serving_now.values():
                writer.close()
            await asyncio.sleep(0.01)


def ask(serve: Serve, **wish):
    """What comes of a load, and what was asked."""

    async def main():
        async with serving(serve) as (port, heads):
            given = {"stream": False, "connections": 2, "seconds": 0.2, "warm_s": 0.0} | wish
            load = Load(port=port, upstream_pid=os.getpid(), pid=os.getpid(), **given)
            return await Asking(load).run(), heads

    return asyncio.run(main())


async def good(_number, writer):
    writer.write(GOOD)


def test_it_asks_as_often_as_it_gets_answers():
    loaded, heads = ask(good)
    assert 2 <= loaded.answered == loaded.asked <= len(heads)
    assert len(loaded.latencies_ms) == loaded.answered
    assert list(loaded.latencies_ms) == sorted(loaded.latencies_ms)
    assert loaded.rate == loaded.answered / loaded.seconds
    assert loaded.cpu_s is not None
    assert loaded.others_s > 0
    assert all(f"{BUDGET_HEADER}: {BUDGET}".encode() in head for head in heads)


def test_what_is_asked_before_it_counts_is_not_counted():
    loaded, heads = ask(good, warm_s=0.2)
    assert loaded.answered < len(heads)


def test_a_measurement_has_an_answer_of_each_connection():
    waiting = []

    async def all_at_once(number, writer):
        waiting.append(writer)
        if len(waiting) == 7:
            await asyncio.sleep(0.05)  # longer than the measurement would be by its seconds
            for each in waiting:
                each.write(GOOD)
            waiting.clear()

    loaded, _ = ask(all_at_once, connections=7, seconds=0.01)
    assert loaded.answered >= 7


def test_a_steady_rate_does_not_wait_for_answers():
    waiting = []

    async def after_all(_number, writer):
        waiting.append(writer)
        if len(waiting) == 20:
            for each in waiting:
                each.write(GOOD)

    loaded, _ = ask(after_all, connections=32, rate=100.0)
    assert (loaded.asked, loaded.answered) == (20, 20)


def test_requests_that_find_no_connection_wait_and_the_wait_counts():
    asking: list[Asking] = []

    async def until_all_wait(number, writer):
        if number == 0:
            while len(asking[0]._due) < 9:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
        writer.write(GOOD)

    async def main():
        async with serving(until_all_wait) as (port, heads):
            load = Load(port, False, 1, 0.1, 0.0, os.getpid(), rate=100.0)
            asking.append(Asking(load))
            return await asking[0].run(), heads

    loaded, heads = asyncio.run(main())
    assert loaded.answered == len(heads) == 10
    assert loaded.latencies_ms[0] >= 99


def test_the_first_requests_of_a_steady_rate_do_not_count():
    loaded, heads = ask(good, rate=100.0, seconds=0.1, warm_s=0.1)
    assert (loaded.asked, loaded.answered, len(heads)) == (10, 10, 20)


def test_the_time_to_the_token_is_told_of_streams():
    async def slow_end(_number, writer):
        text = TOKEN.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (text[:2], text[2:]):  # no piece alone holds it
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        writer.write(b"0\r\n\r\n")

    loaded, _ = ask(slow_end, stream=True)
    assert loaded.answered > 0
    assert loaded.errors == {}
    pairs = zip(loaded.first_ms, loaded.latencies_ms, strict=True)
    assert all(0 < first < whole for first, whole in pairs)


def _refusing():
    return b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "closes", "told"),
    [
        (_refusing(), False, "status 429"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnone", False, "no token"),
        (b"garbage\r\n\r\n", False, "broken HTTP"),
        (GOOD[:-2], True, "connection lost"),
        (b"", True, "connection lost"),
    ],
)
@pytest.mark.parametrize("rate", [None, 100.0])
def test_errors_are_counted_by_kind_and_the_load_goes_on(sent, closes, told, rate):
    async def every_second_fails(number, writer):
        if number % 2:
            writer.write(GOOD)
        else:
            writer.write(sent)
            if closes:
                writer.close()

    loaded, _ = ask(every_second_fails, rate=rate)
    assert set(loaded.errors) == {told}
    assert loaded.answered >= 1
    assert loaded.asked == loaded.answered + loaded.errors[told]


def test_an_answer_may_close_the_connection():
    async def closing(_number, writer):
        writer.write(GOOD.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
        writer.close()

    loaded, _ = ask(closing, rate=100.0)
    assert (loaded.answered, loaded.errors) == (20, {})


def test_nothing_that_was_asked_is_left_behind():
    ended = []

    async def slow(number, writer):
        await asyncio.sleep(0.1)
        writer.write(GOOD)
        ended.append(number)

    loaded, heads = ask(slow, connections=5, seconds=0.01)
    assert len(ended) == len(heads) >= loaded.answered


def test_a_port_where_nothing_listens_ends_the_load():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        load = Load(
            port, stream=False, connections=1, seconds=1, warm_s=0, upstream_pid=1, grace_s=0.2
        )
        with pytest.raises(TimeoutError):
            asyncio.run(Asking(load).run())


def test_all_is_printed_where_a_signal_ends_a_write_of_unbuffered_python_early():
    interrupted = (
        "import signal; signal.signal(signal.SIGALRM, lambda *_: None);"
        "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05);"
        "from evaluation.bench.gateways.asking import tell;"
        "tell({'latencies_ms': list(range(100_000))})"
    )
    asking = subprocess.Popen([sys.executable, "-u", "-c", interrupted], stdout=subprocess.PIPE)
    with asking:
        first = asking.stdout.read(1)
        time.sleep(0.3)  # the pipe is full, and the writer meets its signal
        rest = asking.stdout.read()
    assert json.loads(first + rest) == {"latencies_ms": list(range(100_000))}
