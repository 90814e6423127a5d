"""A short soak of a real gateway finds nothing; one of a gateway that misbehaves finds it."""

import asyncio
import contextlib
import os
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from evaluation.bench.endurance.clients import CUT, LOST
from evaluation.bench.endurance.faults import WEIGHTS, Fault
from evaluation.bench.endurance.hosted import Host
from evaluation.bench.endurance.offences import errors, offences
from evaluation.bench.endurance.scripted import MODEL, Scripted
from evaluation.bench.endurance.soaking import Ordeal, endured, soak
from evaluation.bench.overhead import BenchFailed

PATIENT = Ordeal(seconds=0.5, warm_s=0.1, settle_s=1.5, clients=4, sandbox=False, cancel_s=60)
WELL = {Fault.NONE: 1}


def silent(_said):
    """Nobody watches."""


def saw_all(found):
    """Whether enough was asked for all that is to be seen of it: a busy machine takes longer."""
    seen = {row.code for row in errors(found)} >= {"upstream_unavailable"}
    seen &= found.whole.counted > 0 and all(tokens.booked > 0 for tokens in found.scripted)
    left = any(fate.left is not None for fate in found.fates)
    return seen and left and len(found.fates) > 20 and bool(found.trail) and bool(found.pulses)


@pytest.mark.timeout(900)
def test_a_gateway_endures_every_fault(monkeypatch):
    # What is late here is the machine, and no fault of the server's.
    monkeypatch.setattr("evaluation.bench.endurance.hosted.READ_TIMEOUT_S", 8.0)
    # So is how much is under way when a reader leaves, of the little that is sent in all.
    monkeypatch.setattr("evaluation.bench.endurance.offences._LEAST_BOOKED", 0.5)
    weights = {fault: 40 if fault is Fault.NONE else 5 for fault in WEIGHTS}
    for seconds in (3, 15, 60):
        ordeal = Ordeal(seconds=seconds, warm_s=0.5, sandbox=False, cancel_s=60, weights=weights)
        said = []
        found = asyncio.run(soak(ordeal, said.append))
        # What allocators keep of a burst, so short a soak cannot tell from what grows.
        assert [each for each in offences(found) if not each.startswith("memory")] == []
        assert len(said) == 3
        # A usage that a busy machine hears of too late is booked as high as it can be.
        assert found.whole.ratio >= 1 - 1e-6
        assert all(pulse > 0 for pulse in found.pulses)
        assert found.before.tasks > 0
        if saw_all(found):
            break
    assert saw_all(found)


class FakeGateway:
    """A gateway of this process, which answers `answer`, and whose metrics are `metrics`."""

    def __init__(self, answer, scripted):
        self._answer = answer
        self.scripted = scripted
        self.metrics = {"router_tasks": 3}
        self.asked = 0
        self.left = []

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/{path:.*}", self._post)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        try:
            yield Host(f"http://127.0.0.1:{port}", os.getpid(), (MODEL,))
        finally:
            for task in self.left:
                task.cancel()
            await asyncio.gather(*self.left, return_exceptions=True)
            await runner.cleanup()

    async def _metrics(self, request):
        lines = [f"{name} {value}" for name, value in self.metrics.items()]
        return web.Response(text="\n".join([*lines, ""]))

    async def _models(self, request):
        return web.json_response({"data": [{"id": MODEL, "fills_in_the_middle": True}]})

    async def _post(self, request):
        self.asked += 1
        return await self._answer(self, request)


async def well(gateway, request):
    return web.json_response({"choices": []})


async def broken(gateway, request):
    error = {"error": {"message": "oh", "type": "x", "param": None, "code": "internal_error"}}
    return web.json_response(error, status=500)


async def unavailable(gateway, request):
    code = "upstream_unavailable"
    error = {"error": {"message": "oh", "type": "x", "param": None, "code": code}}
    return web.json_response(error, status=502)


async def spendthrift(gateway, request):
    headers = {"X-Budget-FLOPs": "1000", "X-Budget-FLOPs-Used": "1001"}
    return web.json_response({"choices": []}, headers=headers)


async def leaking(gateway, request):
    gateway.metrics["router_tasks"] += 10
    return await well(gateway, request)


async def holding(gateway, request):
    gateway.metrics["router_requests_active"] = 1
    return await well(gateway, request)


async def cutting(gateway, request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b'data: {"choices": []}\n\n')
    return answer


async def losing(gateway, request):
    request.transport.abort()
    return web.Response()


async def _draw(gateway, request, body):
    url = f"{gateway.scripted.url}/v1/completions"
    text = str(body.get("prompt", body.get("messages", body.get("input_prefix"))))
    asked = {"prompt": text, "max_tokens": 40, "n": 1}
    async with aiohttp.ClientSession() as client, client.post(url, json=asked) as answer:
        await answer.read()


async def deaf(gateway, request):
    """Has the draw go on when the client has left."""
    drawing = asyncio.create_task(_draw(gateway, request, await request.json()))
    gateway.left.append(drawing)
    with contextlib.suppress(aiohttp.ClientError):
        await asyncio.shield(drawing)
    return await well(gateway, request)


async def forgetful(gateway, request):
    """Draws, and books nothing."""
    await _draw(gateway, request, await request.json())
    headers = {"X-Budget-FLOPs-Used": "1"}
    return web.json_response({"choices": []}, headers=headers)


def soaked(answer, ordeal=PATIENT, weights=WELL):
    async def main():
        scripted = Scripted(0, weights)
        async with scripted.running():
            gateway = FakeGateway(answer, scripted)
            async with gateway.running() as host:
                return await endured(host, scripted, ordeal, silent)

    return asyncio.run(main())


def test_nothing_is_found_where_nothing_is():
    assert offences(soaked(well, replace(PATIENT, settle_s=60))) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (broken, "500 internal_error, which nothing explains: oh"),
        (unavailable, "502 upstream_unavailable, which nothing explains"),
        (spendthrift, "used 1001 FLOPs of 1000"),
        (leaking, "tasks grew: "),
        (holding, "active at the end: 1"),
        (cutting, f"200 {CUT}, which nothing explains"),
        (losing, f"0 {LOST}, which nothing explains"),
        (forgetful, "only 0.0000 tokens booked"),
        (forgetful, "scripted, whole answers: 0.0000 tokens"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_a_gateway_does_wrong_is_found(answer, said):
    found = offences_in_time(answer, PATIENT, said)
    assert any(said in line for line in found), found


def offences_in_time(answer, ordeal, said):
    """What is found, in a longer time where this is not: a busy machine asks little in a short."""
    for longer in (1, 10, 60):
        found = offences(soaked(answer, replace(ordeal, seconds=longer * ordeal.seconds)))
        if any(said in line for line in found):
            break
    return found


def test_a_draw_that_outlives_its_client_is_found():
    ordeal = Ordeal(seconds=2, warm_s=0.2, settle_s=10, clients=6, sandbox=False, cancel_s=0.05)
    said = "lived over 50 ms after their client went"
    assert any(said in line for line in offences_in_time(deaf, ordeal, said))


def test_a_fault_explains_an_error_of_the_request_that_met_it_and_of_no_other():
    async def unlucky(gateway, request):
        await _draw(gateway, request, await request.json())
        return await unavailable(gateway, request)

    said = "which nothing explains"
    for longer in (1, 10, 60):
        ordeal = replace(PATIENT, seconds=longer * PATIENT.seconds)
        broken = soaked(unlucky, ordeal, weights={Fault.BROKEN: 1})
        well = soaked(unlucky, ordeal, weights={Fault.NONE: 1})
        if broken.fates and any(said in line for line in offences(well)):
            break
    assert broken.fates
    assert not any(said in line for line in offences(broken))
    assert any(said in line for line in offences(well))


def test_a_gateway_that_dies_is_told_with_its_log(tmp_path):
    log = tmp_path / "log"
    log.write_text('{"event": "all is well"}\nTraceback (most recent call last):\n')

    async def main():
        scripted = Scripted(0, WELL)
        async with scripted.running():
            host = Host("http://127.0.0.1:9", os.getpid(), (MODEL,), log)
            await endured(host, scripted, PATIENT, silent)

    with pytest.raises(BenchFailed, match="Traceback"):
        asyncio.run(main())
