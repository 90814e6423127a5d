"""Several processes that serve as one gateway, as clients and operators see them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import fake_upstream
import httpx
import pytest
from fake_upstream import ANSWER, FakeUpstream, Play, answering, endless, failing, in_turn, silent
from http_world import TESTS, eventually, eventually_asked
from together import Together, complete, figures, started, together

pytestmark = pytest.mark.anyio


def folders(directory: Path) -> list[Path]:
    return list(directory.glob("budget-router-metrics-*"))


async def test_connections_go_round_and_figures_are_those_of_the_whole(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering()), tmp_path, workers=3) as gateway:
        clients = [await gateway.client() for _ in range(3)]
        for rounds in (1, 2):
            answers = [await complete(client, n=2) for client in clients]
            assert [answer.status_code for answer in answers] == [200] * 3
            await eventually(lambda: len(gateway.events("request")) == 3 * rounds)  # noqa: B023
            told = [await figures(client) for client in clients]
            assert all(each.pop("router_tasks") >= 3 for each in told)  # of all, at that moment
            assert told[0] == told[1] == told[2]
            assert told[0]["router_requests_total"] == 3 * rounds
            assert told[0]["router_request_seconds_count"] == 3 * rounds
            assert told[0]["router_samples_total"] == 6 * rounds
            assert told[0]["router_requests_active"] == 0
        assert gateway.served_by == {0, 1, 2}
        assert len(gateway.events("listening")) == 1
        assert gateway.events("listening")[0]["workers"] == 3
        assert len(gateway.events("auto_without_ladder")) == 1  # the first speaks for all
        assert len(folders(tmp_path)) == 1
    assert not folders(tmp_path)


async def test_a_connection_goes_where_fewest_are(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering()), tmp_path) as gateway:
        clients = [await gateway.client() for _ in range(4)]
        for client in clients:
            await complete(client)
        await eventually(lambda: len(gateway.events("request")) == 4)
        by = [each["worker"] for each in gateway.events("request")]
        assert sorted(by) == [0, 0, 1, 1]
        for client, worker in zip(clients, by, strict=True):  # one of them has none any more
            if worker == 1:
                await client.aclose()
        await asyncio.sleep(0)
        # How soon a worker hears of it is not ours to say; but the next two go where it was.
        await eventually_asked(lambda: _served(gateway, 2), {1})


async def _served(gateway: Together, new: int) -> set[int]:
    before = len(gateway.events("request"))
    clients = [await gateway.client() for _ in range(new)]
    for client in clients:
        await complete(client)
    await eventually(lambda: len(gateway.events("request")) == before + new)
    for client in clients:
        await client.aclose()
    return {each["worker"] for each in gateway.events("request")[before:]}


async def test_no_more_are_served_than_the_limit_of_the_whole(tmp_path: Path) -> None:
    upstream = FakeUpstream(silent())
    async with together(upstream, tmp_path, places=3) as gateway:
        clients = [await gateway.client() for _ in range(5)]
        asked = []
        for client in clients[:3]:
            asked.append(asyncio.create_task(complete(client)))
            await eventually(lambda: len(upstream.calls) == len(asked))
        for client in clients[3:]:  # these two are at different workers
            answer = await complete(client)
            assert answer.status_code == 429
            assert answer.json()["error"]["code"] == "overloaded"
        assert (await figures(clients[4]))["router_requests_active"] == 3
        asked[0].cancel()
        await eventually(upstream.calls[0].closed_by_client.is_set)
        upstream.play = answering()
        await eventually_asked(lambda: _status(clients[4]), 200)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _status(client: httpx.AsyncClient) -> int:
    return (await complete(client)).status_code


@pytest.mark.parametrize(("play", "stream"), [(silent(), False), (endless(), True)])
async def test_a_newer_request_of_a_session_ends_the_older_at_another_worker(
    tmp_path: Path, play: Play, stream: bool
) -> None:
    upstream = FakeUpstream(in_turn(play, answering()))
    async with together(upstream, tmp_path, places=1) as gateway:
        first, second = await gateway.client(), await gateway.client()
        older = asyncio.create_task(
            complete(first, session="editor", stream=stream, max_tokens=100_000)
        )
        await eventually(lambda: upstream.calls)
        assert (await complete(second, session="other")).status_code == 429
        answer = await complete(second, session="editor")  # it has the place of the older
        assert answer.status_code == 200, answer.text
        ended = await older
        assert '"superseded"' in ended.text
        await eventually(upstream.calls[0].closed_by_client.is_set)
        assert (await complete(first, session="editor")).status_code == 200
        assert (await complete(second, session="editor")).status_code == 200
        told = await figures(first)
        assert told["router_requests_total"] == 5


async def test_a_body_is_not_read_on_for_an_older_request_of_another_worker(
    tmp_path: Path,
) -> None:
    async with together(FakeUpstream(answering()), tmp_path) as gateway:
        port = int(gateway.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Session-Id: editor\r\n"
            b"Content-Length: 99\r\n\r\n{"
        )
        client = await gateway.client()
        older = asyncio.create_task(reader.readline())
        async with asyncio.timeout(120):
            while not older.done():  # whose head is read first is not ours to say
                assert (await complete(client, session="editor")).status_code in {200, 499}
        assert (await older).startswith(b"HTTP/1.1 499")
        writer.close()


async def test_of_many_of_a_session_at_once_the_newest_is_answered(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering(pause=0.01)), tmp_path) as gateway:
        clients = [await gateway.client() for _ in range(4)]
        asked = []
        for at in range(24):
            asked.append(asyncio.create_task(complete(clients[at % 4], session="editor")))
            await asyncio.sleep(0.002)
        codes = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert set(codes) <= {200, 499}
        assert codes.count(200) >= 1
        assert codes.count(499) >= 1
        assert (await figures(clients[0]))["router_requests_active"] == 0


async def test_a_worker_that_is_killed_takes_nothing_with_it_but_what_it_served(
    tmp_path: Path,
) -> None:
    upstream = FakeUpstream(answering())
    async with together(upstream, tmp_path, places=2) as gateway:
        clients = [await gateway.client(), await gateway.client()]
        for client in clients:
            assert (await complete(client)).status_code == 200
        before = await figures(clients[0])
        upstream.play = endless()
        asked = []
        for number, client in enumerate(clients, 3):
            stream = complete(client, max_tokens=100_000, stream=True)
            asked.append(asyncio.create_task(stream))
            await eventually(lambda: len(upstream.calls) == number)  # noqa: B023
        first, killed = gateway.workers, gateway.workers[0]
        killed.kill()
        done, going = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == len(going) == 1
        assert isinstance(done.pop().exception(), httpx.TransportError)
        upstream.play = answering()
        fresh = await gateway.client()  # at once, whether or not there is a new worker
        await eventually_asked(lambda: _status(fresh), 200)  # the place of the dead came back
        await eventually(lambda: len(gateway.workers) == 2)
        assert not going.copy().pop().done()
        assert [each for each in gateway.workers if each in first] == first[1:]
        await eventually_asked(lambda: _restarts(fresh), 1)
        after = await figures(fresh)
        for name in ("router_requests_total", "router_request_seconds_count"):
            assert after[name] > before[name] == 2
        assert after["router_requests_active"] == 1
        (survivor,) = going
        survivor.cancel()
        await asyncio.wait([survivor])
        await eventually_asked(lambda: _served(gateway, 4), {0, 1})  # both serve again


async def _restarts(client: httpx.AsyncClient) -> float:
    return (await figures(client))["router_worker_restarts_total"]


async def test_a_worker_that_cannot_start_again_is_tried_until_it_can(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering()), tmp_path) as gateway:
        config = tmp_path / "config.json"
        text = config.read_text()
        config.unlink()
        gateway.workers[1].kill()
        await eventually(lambda: len(gateway.events("worker down")) >= 2)
        assert "config.json" in gateway.events("worker down")[1]["reason"]
        assert await _served(gateway, 2) == {0}
        config.write_text(text)
        await eventually_asked(lambda: _served(gateway, 2), {0, 1})


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering()), tmp_path, quick=True) as gateway:
        first = gateway.workers
        first[0].suspend()
        await eventually(lambda: gateway.events("worker down"))
        assert gateway.events("worker down")[0]["reason"] == "did not move for long"
        await eventually(lambda: first[0] not in gateway.workers)

        async def served() -> set[int]:
            with contextlib.suppress(httpx.TransportError):  # one that only seemed to hang is ended
                return await _served(gateway, 4)
            return set()

        await eventually_asked(served, {0, 1})


async def test_what_no_worker_can_serve_is_said_once(tmp_path: Path) -> None:
    command, environment = started(tmp_path, "http://127.0.0.1:9", workers=3)
    (tmp_path / "config.json").unlink()
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.startswith(b"budget-router: ")
    assert said.count(b"\n") == 1
    assert b"config.json" in said
    assert not folders(tmp_path)


async def test_a_killed_parent_leaves_no_worker(tmp_path: Path) -> None:
    upstream = FakeUpstream(endless())
    async with together(upstream, tmp_path) as gateway:
        client = await gateway.client()
        asked = asyncio.create_task(complete(client, max_tokens=100_000))
        await eventually(lambda: upstream.calls)
        gateway.process.kill()
        await gateway.process.wait()
        with pytest.raises(httpx.TransportError):
            await asked
        await eventually(upstream.calls[0].closed_by_client.is_set)
        with pytest.raises(httpx.TransportError):
            await gateway.client()


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_lets_requests_end_and_leaves_nothing(
    tmp_path: Path, wish: signal.Signals
) -> None:
    go_on = asyncio.Event()

    async def waiting(call, server):
        await go_on.wait()
        await answering()(call, server)

    upstream = FakeUpstream(waiting)
    async with together(upstream, tmp_path) as gateway:
        clients = [await gateway.client(), await gateway.client()]
        asked = [asyncio.create_task(complete(client)) for client in clients]
        await eventually(lambda: len(upstream.calls) == 2)
        gateway.process.send_signal(wish)
        await eventually_asked(lambda: _refused(gateway), True)
        go_on.set()
        for answer in await asyncio.gather(*asked):
            assert answer.json()["choices"][0]["text"] == "".join(ANSWER)
        assert await gateway.process.wait() == 0
    assert not folders(tmp_path)
    assert not [each for each in gateway.said if each.get("event") == "unreadable"]


async def _refused(gateway: Together) -> bool:
    try:
        await gateway.client()
    except httpx.ConnectError:
        return True
    return False


async def test_a_worker_that_is_told_to_end_is_replaced(tmp_path: Path) -> None:
    """Whoever ends it, such as an operator who wants its memory back: nothing is cut off."""
    go_on = asyncio.Event()

    async def waiting(call, server):
        await go_on.wait()
        await answering()(call, server)

    upstream = FakeUpstream(waiting)
    async with together(upstream, tmp_path) as gateway:
        client = await gateway.client()
        asked = asyncio.create_task(complete(client))
        await eventually(lambda: upstream.calls)
        before = gateway.workers
        for worker in before:
            worker.terminate()
        go_on.set()
        assert (await asked).status_code == 200
        await eventually(lambda: not any(each in before for each in gateway.workers))
        await eventually_asked(lambda: _served(gateway, 2), {0, 1})


async def test_who_comes_while_workers_end_is_served_by_the_next(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def waiting(call, server):
        if "slow" in call.body["prompt"]:
            await go_on.wait()
        await answering()(call, server)

    upstream = FakeUpstream(waiting)
    async with together(upstream, tmp_path) as gateway:
        clients = [await gateway.client() for _ in range(2)]
        asked = [asyncio.create_task(complete(client, prompt="slow")) for client in clients]
        await eventually(lambda: len(upstream.calls) == 2)
        for worker in gateway.workers:  # each has something to finish
            worker.terminate()
        late = [asyncio.create_task(_anew(gateway)) for _ in range(8)]
        await asyncio.sleep(0.3)
        go_on.set()
        assert [await each for each in late] == [200] * 8
        assert [(await each).status_code for each in asked] == [200] * 2


async def test_who_came_to_a_worker_that_hung_is_served_by_another(tmp_path: Path) -> None:
    async with together(FakeUpstream(answering()), tmp_path, workers=2) as gateway:
        hung = gateway.workers[0]
        hung.suspend()
        late = [asyncio.create_task(_anew(gateway)) for _ in range(4)]
        done, _ = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
        hung.kill()
        assert [await each for each in late] == [200] * 4
        assert done


async def _anew(gateway: Together) -> int:
    """Ask by a connection of its own."""
    client = httpx.AsyncClient(base_url=gateway.url, timeout=120, trust_env=False)
    async with client:
        return await _status(client)


OTHER = """
slots = 1
[models.other]
engine = "url"
server = "llama.cpp"
url = "{url}"
flops_per_token = 1e9
"""


async def test_a_plan_looks_at_what_waits_at_other_workers(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def play(call, server):
        if "slow" in call.body["prompt"]:
            await gate.wait()
        await answering(pause=0.05)(call, server)

    upstream = FakeUpstream(play)
    async with fake_upstream.running(upstream):
        other = OTHER.format(url=upstream.url)
        async with together(FakeUpstream(play), tmp_path, of_model=other) as gateway:
            clients = [await gateway.client() for _ in range(2)]
            for client in clients:  # each worker has seen how fast the model is
                assert (await complete(client)).status_code == 200
            await eventually(lambda: gateway.served_by == {0, 1})
            for client in clients:  # once the parent knows that their slots are free again
                await eventually_asked(lambda: _waits(client), False)  # noqa: B023
            slow = await gateway.client()
            asked = [asyncio.create_task(complete(slow, prompt="slow"))]
            await eventually(lambda: len(gateway.upstream.calls) == 3)
            asked.append(asyncio.create_task(complete(slow, prompt="slow")))
            for client in clients:
                await eventually_asked(lambda: _waits(client), True)  # noqa: B023
            gate.set()
            assert [(await each).status_code for each in asked] == [200] * 2
            for client in clients:
                await eventually_asked(lambda: _waits(client), False)  # noqa: B023


async def _waits(client: httpx.AsyncClient) -> bool:
    return await _wait_ms(client) > 0


async def _wait_ms(client: httpx.AsyncClient) -> float:
    """How long a draw of the model would wait, as a request to another knows it."""
    answer = await complete(client, model="other", budget={"latency_ms": 600_000}, explain=True)
    found: float = answer.json()["router"]["forecast"]["m"]["wait_ms"]
    return found


async def test_slots_of_a_server_that_one_worker_leaves_alone_are_not_given_out(
    tmp_path: Path,
) -> None:
    upstream, away = FakeUpstream(answering()), FakeUpstream(failing(500))
    async with fake_upstream.running(away):
        settings = "slots = 2\nbreaker = {failures = 1, pause_s = 600, longest_pause_s = 600}"
        options = {"of_model": settings, "also_at": [away.url]}
        async with together(upstream, tmp_path, **options) as gateway:
            client = await gateway.client()
            for at in range(100):  # until a worker has found it out
                if away.calls:
                    break
                await complete(client, prompt=f"{at} is another prompt")
            upstream.play = silent()

            async def held() -> float:
                """How many of eight are served, once all are that may be; then all are gone."""
                before = len(upstream.calls)
                asked = [asyncio.create_task(complete(client, prompt="slow")) for _ in range(8)]
                served = -1
                while served != len(upstream.calls) - before:
                    ended = sum(each.done() for each in asked)
                    waiting = (await figures(client))["router_queue_length"]
                    served = 8 - ended - int(waiting)
                for each in asked:
                    each.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
                await eventually(lambda: all(call.ended.is_set() for call in upstream.calls))
                return served

            await eventually_asked(held, 2)  # once the others were told: ten times a second


async def test_outcomes_of_all_go_into_one_file(tmp_path: Path) -> None:
    kept = tmp_path / "outcomes.jsonl"
    more = f'drift = {{enabled = true, file = "{kept}"}}'
    async with together(FakeUpstream(answering()), tmp_path, sandbox=True, more=more) as gateway:
        clients = [await gateway.client() for _ in range(2)]
        for client in clients:
            answer = await complete(client, prompt="def add(a, b):\n", tests=TESTS)
            assert answer.headers["x-router-verdict"] == "passed"
        await eventually(lambda: len(kept.read_text().splitlines()) == 2)
    assert gateway.served_by == {0, 1}
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["passed"] for row in rows] == [True, True]
