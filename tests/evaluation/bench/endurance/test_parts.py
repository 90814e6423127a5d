"""The parts of a soak: what is asked, what the server does wrong, what is made of it all."""

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import replace

import aiohttp
import pytest
from http_world import eventually

from evaluation.bench.endurance.clients import Fate, Spent, ask, session
from evaluation.bench.endurance.faults import WEIGHTS, Fault
from evaluation.bench.endurance.hosted import Killed
from evaluation.bench.endurance.load import INFILL, Kind, Leaving, Wish, wishes
from evaluation.bench.endurance.offences import errors, offences
from evaluation.bench.endurance.scripted import MODEL, Scripted, Served, mark
from evaluation.bench.endurance.soaking import Endured, Ordeal, Outlived, Tokens
from evaluation.bench.endurance.table import as_json, as_markdown
from evaluation.bench.endurance.watching import Footprint, Lateness
from evaluation.commands.evaluate import soak_gateway as command

HELD = Footprint(memory=2**20, tasks=3, descriptors=9, processes=1, active=0, draws=0, slots=0)
WISH = Wish(7, Kind.PLAIN, MODEL, "/v1/completions", {})
QUIET = Endured(
    Ordeal(60, 6),
    seconds=60.0,
    before=HELD,
    after=HELD,
    fates=[],
    served={},
    killed=[],
    scripted=[Tokens("all", 100, 100)],
    whole=Tokens("whole", 50, 50),
    engines=[],
    outlived=[],
    pulses=[0.004, 0.005],
    trail=[(1.0, HELD)],
)


def failed(code="upstream_unavailable", *, began=10.0, **changes):
    return Fate(replace(WISH, **changes), began, began + 1, status=502, code=code)


def outlived(*seconds):
    return [Outlived(7, Kind.PLAIN, Leaving.QUEUED, 1.0, each) for each in seconds]


def whys(found):
    return [row.why for row in errors(found)]


def test_what_is_asked_is_everything_half_of_it_by_clients_that_leave():
    asked = list(itertools.islice(wishes(("a", "b"), ("a",), 3, sandbox=True), 2000))
    assert asked == list(itertools.islice(wishes(("a", "b"), ("a",), 3, sandbox=True), 2000))
    assert {wish.kind for wish in asked} == set(Kind)
    assert {wish.leaving for wish in asked} == set(Leaving)
    stay = sum(wish.leaving is Leaving.NEVER for wish in asked)
    assert 900 < stay < 1100
    assert all(mark(wish.number) in json.dumps(wish.body) for wish in asked)
    assert {wish.model for wish in asked} == {"a", "b"}
    assert {wish.model for wish in asked if wish.kind is Kind.INFILL} == {"a"}
    without = itertools.islice(wishes(("a",), (), 3, sandbox=False), 500)
    assert {wish.kind for wish in without} == set(Kind) - {Kind.TESTS, Kind.INFILL}


async def _leave(scripted, limit):
    """Some time after the server has begun to answer."""
    await eventually(lambda: scripted.playing)
    await asyncio.sleep(0.5)
    limit.reschedule(asyncio.get_running_loop().time())


async def _one(fault, *, leaves=False):
    """What a client sees of a fault, and what the server remembers."""
    scripted = Scripted(1, {fault: 1})
    body = {"prompt": f"# {mark(7)}", "max_tokens": 5, "n": 1}
    async with scripted.running(), aiohttp.ClientSession() as client:
        status, text = 0, bytearray()  # of up to 64 MiB, which bytes would copy at each piece
        try:
            async with asyncio.timeout(None if leaves else 200) as limit:
                if leaves:
                    leaving = asyncio.ensure_future(_leave(scripted, limit))
                url = f"{scripted.url}/v1/completions"
                async with client.post(url, json=body) as answer:
                    status = answer.status
                    async for piece in answer.content.iter_any():
                        text += piece
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        await eventually(lambda: not scripted.playing)
        if leaves:
            await leaving
    ((served,),) = scripted.served.values()
    assert served.request == 7
    return status, bytes(text), served


@pytest.mark.parametrize("fault", Fault)
def test_the_server_does_what_a_fault_says_and_counts_what_it_sent(fault):
    stalls = fault is Fault.STALLS
    status, text, served = asyncio.run(_one(fault, leaves=stalls))
    assert served.fault is fault
    assert served.hung_up is stalls
    seen = text.count(b'"token_logprobs"')
    assert seen == served.generated or (stalls and seen < served.generated)
    assert (served.prompt_tokens > 0) == (served.generated > 0)
    whole = fault in {Fault.NONE, Fault.EXCESSIVE, Fault.HUGE_USAGE, Fault.NONSENSE}
    assert text.endswith(b"data: [DONE]\n\n") == whole
    match fault:
        case Fault.BUSY | Fault.BUSY_SILENT:
            assert status == 429
        case Fault.BROKEN:
            assert status == 500
        case Fault.EXCESSIVE:
            assert served.generated > 5
        case Fault.ENDLESS:
            assert len(text) > 2**24
            assert b"\n" not in text
        case Fault.HUGE_USAGE:
            assert str(10**18).encode() in text
        case Fault.NONE:
            assert f'"completion_tokens": {served.generated}'.encode() in text
        case _:
            assert served.generated <= 5


def test_every_fault_is_injected():
    assert set(WEIGHTS) == set(Fault)
    assert min(WEIGHTS.values()) > 0


def test_a_client_takes_what_a_stream_says_of_itself():
    async def main(path, events):
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            body = b"".join(b"data: %b\n\n" % event for event in events)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: "
            writer.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, session(f"http://127.0.0.1:{port}") as client:
            return await ask(client, replace(WISH, path=path, body={"stream": True}))

    router = {"budget": {"flops": 5}, "flops_used": 6, "prompts": [{"budget": {"flops": 3}}]}
    last = json.dumps({"choices": [], "router": router}).encode()
    fate = asyncio.run(main("/v1/completions", [b"{}", last, b"[DONE]"]))
    assert (fate.status, fate.code, fate.flops) == (200, "", 6)
    assert fate.spent == [Spent(5.0, 6.0)]
    assert fate.spent[0].exceeded
    assert not Spent(5.0, 5.0).exceeded
    assert asyncio.run(main("/v1/completions", [b"{}"])).code == "cut off"
    assert asyncio.run(main(INFILL, [b'{"stop": true}'])).code == ""
    error = b'{"error": {"code": "superseded", "message": "m"}}'
    assert asyncio.run(main("/v1/completions", [error, b"[DONE]"])).code == "superseded"


def test_what_explains_an_error():
    def with_(fate, **changes):
        return replace(QUIET, fates=[fate], **changes)

    assert whys(with_(failed())) == [""]
    assert whys(with_(failed(), served={7: [Served(7, Fault.STALLS, 10.0)]})) == ["stalls"]
    assert whys(with_(failed(), served={7: [Served(7, Fault.NONE, 10.0)]})) == [""]
    other = {8: [Served(8, Fault.STALLS, 9.0)]}
    assert whys(with_(failed(), served=other)) == ["others' faults just before"]
    assert whys(with_(failed(model="small"), served=other)) == [""]
    assert whys(with_(failed("overloaded"))) == ["its own limits"]
    stalled = {7: [Served(7, Fault.STALLS, 10.0)]}
    assert whys(with_(failed("internal_error"), served=stalled)) == [""]
    killed = Killed("small", 10.5, 14.0)
    assert whys(with_(failed(model="small"), killed=[killed])) == ["its engine was killed"]
    assert whys(with_(failed(model="small", began=14.5), killed=[killed])) == [""]
    assert whys(with_(failed(model="small", began=3.0), killed=[killed])) == [""]
    assert whys(with_(failed(model="large"), killed=[killed])) == [""]


def test_each_offence_is_told():
    assert offences(QUIET) == []
    for name in ("memory", "tasks", "descriptors", "processes"):
        more = replace(HELD, **{name: 2**30})
        assert offences(replace(QUIET, after=more)) == [
            f"{name} grew: {getattr(HELD, name)}, then {2**30}"
        ]
    for name in ("active", "draws", "slots"):
        held = replace(HELD, **{name: 1})
        assert offences(replace(QUIET, before=held, after=held)) == [f"{name} at the end: 1"]
    changes = {
        "left": ([4], "process 4 outlived the gateway"),
        "complaints": (["Traceback"], "the log has: Traceback"),
        "killed": ([Killed("m", 1.0, None)], "the engine of m did not come back"),
        "outlived": (
            outlived(0.1, 0.3),
            "1 draws lived over 200 ms after their client went, up to 300 ms",
        ),
        "whole": (Tokens("w", 100, 99), "w: 0.9900 tokens booked for each"),
        "engines": ([Tokens("e", 100, 90)], "e: only 0.9000 tokens booked for each"),
    }
    for name, (value, said) in changes.items():
        assert offences(replace(QUIET, **{name: value})) == [said]


def test_how_late_the_soak_itself_was_is_known():
    late = Lateness([(1.0, 0.2), (5.0, 0.5)])
    assert late.between(0.9, 1.1) == 0.2
    assert late.between(0.0, 0.85) == 0.2
    assert late.between(1.5, 4.0) == 0.0
    assert late.between(1.5, 4.6) == 0.5


def test_the_tables_and_the_file_tell_all(ended, tmp_path):
    out = tmp_path / "deep" / "soak.json"
    served = {7: [Served(7, Fault.STALLS, 10.0)]}
    found = replace(QUIET, fates=[failed()], served=served, outlived=outlived(0.01, 0.3))
    found = replace(found, ordeal=replace(found.ordeal, cancel_s=0.4))
    result = ended(lambda: command.conclude(found, out))
    assert result.exit_code == 0, result.output
    for line in (
        "1 requests of 8 clients in 1.0 minutes of load, 0 engines killed: nothing grew",
        "| memory, MiB | 1.0 | 1.0 |",
        "| 502 | upstream_unavailable | stalls | 1 |",
        "| whole | 50 | 50 | 1.0000 |",
        "| p50 | 10.0 | 4.0 |",
        "| never | 1 |",
    ):
        assert line in result.stdout
    kept = json.loads(out.read_text())
    assert kept["offences"] == []
    assert kept["errors"][0]["kinds"] == {"plain": 1}
    assert kept["healthz"] == {"p50": 4.0, "p99": 5.0, "max": 5.0}
    assert kept["trail"][0]["tasks"] == 3
    assert kept["ordeal"]["weights"]["none"] == WEIGHTS[Fault.NONE]
    assert kept["cancellations"].pop("slow") == []
    assert kept["cancellations"] == {"count": 2, "p50": 10.0, "p99": 300.0, "max": 300.0}
    strict = as_json(replace(found, ordeal=replace(found.ordeal, cancel_s=0.2)))
    assert [each["seconds"] for each in strict["cancellations"]["slow"]] == [0.3]


def test_a_soak_that_found_something_ends_with_1_and_says_what(ended, tmp_path):
    found = replace(QUIET, fates=[failed()], left=[5])
    result = ended(lambda: command.conclude(found, tmp_path / "soak.json"))
    assert result.exit_code == 1
    assert "2 offences" in result.stderr
    assert "- process 5 outlived the gateway" in result.stdout
    assert "| 502 | upstream_unavailable | **nothing** | 1 |" in result.stdout
    assert len(as_json(found)["offences"]) == 2
    assert as_markdown(found).endswith("\n")
    assert Counter(line.startswith("- ") for line in as_markdown(found).splitlines())[True] == 2
