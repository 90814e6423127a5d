"""Servers that are looked at when the gateway starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fake_upstream import (
    Call,
    FakeUpstream,
    Play,
    answering,
    failing,
    in_turn,
    listing,
    running,
    sending,
)
from http_world import eventually, world
from structlog.testing import capture_logs

from router.upstream.client import Upstream
from router.upstream.presence import Presence, trouble_of
from router.upstream.servers import SERVERS, ServerKind
from router.upstream.transport import Client

pytestmark = pytest.mark.anyio

AWAY = "http://127.0.0.1:1"


@asynccontextmanager
async def upstream(
    models: Play, kind: ServerKind = "vllm", read_s: float = 60
) -> AsyncIterator[Upstream]:
    fake = FakeUpstream(answering(), models=models)
    async with running(fake) as server, Client(connect_s=60, read_s=read_s) as http:
        yield Upstream("m", http, lambda: server.url, "org/m", 8, server=SERVERS[kind])


TROUBLES: dict[str, tuple[Play, str]] = {
    "another model": (listing("org/x", "org/a"), "has no model 'org/m'; it has org/a, org/x"),
    "many others": (listing(*"abcdefghijklmno"), "it has a, b, c, d, e, f, g, h, i, j, …"),
    "our key": (failing(401, "bad key"), "answered 401: bad key"),
    "another path": (failing(404), "answered 404"),
    "broken": (failing(500), "answered 500"),
    "no JSON": (sending(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<a"), "answered garbage"),
    "no HTTP": (sending(b"\x00\r\n\r\n"), "is no HTTP"),
}


@pytest.mark.parametrize(("models", "said"), TROUBLES.values(), ids=TROUBLES)
async def test_what_speaks_against_a_server(models: Play, said: str) -> None:
    async with upstream(models) as looked:
        trouble = await trouble_of(looked)
        assert trouble is not None
        assert said in trouble
        assert "'m'" in trouble


async def test_a_server_that_is_away_or_says_nothing_is_in_trouble() -> None:
    async def silent(call: object, server: object) -> None:
        await asyncio.Event().wait()

    async with upstream(silent, read_s=0.3) as looked:
        assert "in time" in (await trouble_of(looked) or "")
        away = replace(looked, base_url=lambda: AWAY)
        assert "cannot be reached" in (await trouble_of(away) or "")


@pytest.mark.parametrize(
    "models",
    [listing("org/m"), listing(), sending(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}")],
)
async def test_a_server_is_well_that_has_the_model_or_names_none(models: Play) -> None:
    async with upstream(models) as looked:
        assert await trouble_of(looked) is None


async def test_a_server_that_answers_to_any_name_is_not_asked_for_it() -> None:
    async with upstream(listing("model.gguf"), "llama.cpp") as looked:
        assert await trouble_of(looked) is None


async def test_one_in_trouble_is_looked_at_until_it_is_well() -> None:
    seen = 0

    async def models(call: object, server: FakeUpstream) -> None:
        nonlocal seen
        seen += 1
        await (failing(503) if seen < 3 else listing("org/m"))(call, server)

    async with upstream(models) as looked:
        presence = Presence([looked], every_s=0.01)
        async with presence.watching():
            await eventually(lambda: "m" in presence.troubles)
            await eventually(lambda: seen == 3 and not presence.troubles)
            await asyncio.sleep(0.05)
    assert seen == 3


async def test_a_server_in_trouble_is_shown_and_still_asked() -> None:
    large = FakeUpstream(answering(), models=failing(503, "loading"))
    async with world(large=large) as w:
        await eventually(lambda: w.service.presence.troubles)
        ready = await w.client.get("/readyz")
        assert ready.status_code == 200
        told = ready.json()
        assert (told["status"], told["waiting_for"]) == ("ready", [])
        assert list(told["upstreams"]) == ["large"]
        assert "answered 503: loading" in told["upstreams"]["large"]
        assert (await w.complete(model="large")).status_code == 200


async def test_a_gateway_starts_although_a_server_is_away() -> None:
    async with world(models={"large": {"url": AWAY}}) as w:
        await eventually(lambda: w.service.presence.troubles)
        assert "cannot be reached" in (await w.client.get("/readyz")).json()["upstreams"]["large"]
        assert (await w.complete()).headers["x-router-model"] == "small"


async def test_a_look_uses_the_key_of_its_server() -> None:
    async def models(call: object, server: FakeUpstream) -> None:
        keys.append(call.headers["authorization"])
        await listing("large")(call, server)

    keys: list[str] = []
    large = FakeUpstream(in_turn(answering()), models=models)
    async with world(large=large, models={"large": {"api_key": "theirs"}}):
        await eventually(lambda: keys)
    assert keys == ["Bearer theirs"]


@pytest.mark.parametrize("silent", [False, True])
async def test_one_of_several_speaks_of_it_and_all_know(silent: bool) -> None:
    plays = [failing(500)]

    async def models(call: Call, server: FakeUpstream) -> None:
        await plays[-1](call, server)

    async with upstream(models) as looked:
        presence = Presence([looked], every_s=0.01, silent=silent)
        with capture_logs() as said:
            async with presence.watching():
                await eventually(lambda: presence.troubles)
                plays.append(listing("org/m"))
                await eventually(lambda: not presence.troubles)
        events = [each["event"] for each in said]
        told = ["an upstream may not answer", "an upstream is well again"]
        assert events == ([] if silent else told)
