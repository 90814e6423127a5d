"""What the gateway's benchmark measures, on a real gateway over a server that is none of ours."""

import asyncio
import json
import os

import fake_upstream
import pytest
from fake_upstream import FakeUpstream, answering

from evaluation.bench.overhead import (
    MODEL,
    BenchFailed,
    Overhead,
    compare,
    measure,
    resident_mb,
    started_gateway,
    told_url,
)
from evaluation.commands.evaluate import bench as command

NO_SANDBOX = {"BUDGET_ROUTER_SANDBOX": json.dumps({"enabled": False})}


def test_each_request_is_sent_to_the_engine_and_through_the_gateway():
    async def play(call, server):
        call.body.setdefault("n", 1)  # the engine is asked plainly, and one answer is the default
        await answering()(call, server)

    upstream = FakeUpstream(play)

    def side_by_side():
        models = {MODEL: {"engine": "url", "url": upstream.url, "server": "llama.cpp"}}
        given = NO_SANDBOX | {"BUDGET_ROUTER_MODELS": json.dumps(models)}
        with started_gateway(**given) as (process, url, seconds):
            added, overhead = compare(url, upstream.url, 3)
            assert resident_mb(process.pid) > 10
        assert process.returncode is not None
        return added, overhead, seconds

    async def main():
        async with fake_upstream.running(upstream):
            return await asyncio.to_thread(side_by_side)

    added, overhead, seconds = asyncio.run(main())
    assert len(added) == len(overhead) == 3
    assert all(milliseconds > 0 for milliseconds in overhead)
    assert seconds > 0
    asked = [call for call in upstream.calls if call.path == fake_upstream.COMPLETIONS]
    assert len(asked) == 6


def test_a_gateway_that_does_not_start_is_shown_with_its_log():
    broken = json.dumps({"m": {"engine": "steam"}})
    with (
        pytest.raises(BenchFailed, match="did not start") as failed,
        started_gateway(**NO_SANDBOX, BUDGET_ROUTER_MODELS=broken),
    ):
        pass
    assert "steam" in str(failed.value)


def test_a_gateway_says_itself_where_it_listens():
    said = b'a warning\n["a", 1]\n{"event": "listening", "url": "http://127.0.0.1:7"'
    assert told_url(said) is None
    assert told_url(said + b', "models": []}\n') == "http://127.0.0.1:7"


def test_the_memory_of_a_process_is_told():
    assert resident_mb(os.getpid()) > 10


def test_a_model_that_is_configured_elsewhere_is_not_measured(monkeypatch):
    models = {MODEL: {"engine": "url", "url": "http://127.0.0.1:9"}}
    monkeypatch.setenv("BUDGET_ROUTER_MODELS", json.dumps(models))
    with pytest.raises(BenchFailed, match="configured elsewhere"):
        measure(starts=1, requests=1)


def test_the_command_prints_every_figure(ended):
    found = Overhead(3, 50, 1.5, 2.25, 90.0, 95.0, 2.5, 3.5)
    result = ended(lambda: command.tell(found))
    assert result.exit_code == 0
    for shown in ("1.50 s", "2.25 s", "90 MiB", "95 MiB", "2.5 ms", "3.5 ms", "50 pairs"):
        assert shown in result.stdout
