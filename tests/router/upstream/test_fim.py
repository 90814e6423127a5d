"""What a server is sent for a gap: the family's form, once, and its tokens as stops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_upstream import FakeUpstream, answering, running

from policies.protocol import Draw
from router.catalogue.fim import FAMILIES
from router.request import ChatPrompt, Prompt, SampleRequest, TextPrompt
from router.upstream.client import Upstream
from router.upstream.failures import UpstreamError
from router.upstream.servers import SERVERS, ServerKind
from router.upstream.transport import Client

pytestmark = pytest.mark.anyio
QWEN = FAMILIES["qwen"]
FILES = (("a.py", "x = 1\n"),)
WRITTEN = QWEN.render("P", "S")


async def sent(
    prompt: Prompt,
    family: str | None = "qwen",
    kind: ServerKind = "llama.cpp",
    until: str | None = None,
    **passed_on: Any,
) -> dict[str, Any]:
    """The body that reaches the server."""
    async with running(FakeUpstream(answering())) as server, Client(connect_s=5, read_s=60) as http:
        fim = FAMILIES[family] if family else None
        asked = Upstream("m", http, lambda: server.url, "m", 8, fim=fim, server=SERVERS[kind])
        request = SampleRequest(prompt, passed_on, until=until)
        async for _ in asked.sample(Draw("m", 1, 8, 0.0, verify=False), request):
            pass
        return server.calls[0].body


async def test_a_suffix_and_other_files_are_written_into_the_prompt() -> None:
    body = await sent(TextPrompt("P", "S", FILES))
    assert body["prompt"] == QWEN.render("P", "S", FILES)


async def test_the_end_of_a_file_is_a_gap_too() -> None:
    assert (await sent(TextPrompt("P", "")))["prompt"] == QWEN.render("P", "")


async def test_other_files_alone_stand_before_the_text() -> None:
    body = await sent(TextPrompt("P", None, FILES))
    assert body["prompt"] == QWEN.context(FILES) + "P"
    assert "stop" not in body


@pytest.mark.parametrize("suffix", [None, "", "S"])
async def test_a_prompt_that_its_client_has_written_is_passed_on_as_it_is(
    suffix: str | None,
) -> None:
    body = await sent(TextPrompt(WRITTEN, suffix, FILES))
    assert body["prompt"] == WRITTEN
    assert body["stop"] == list(QWEN.stop)


async def test_code_that_names_the_tokens_is_filled_in_like_any_other() -> None:
    text = f"STOPS = {list(QWEN.stop)}\n"
    assert (await sent(TextPrompt(text, "S")))["prompt"] == QWEN.render(text, "S")


async def test_no_suffix_has_neither_template_nor_stops() -> None:
    body = await sent(TextPrompt("P"), stop=["x"])
    assert (body["prompt"], body["stop"]) == ("P", ["x"])
    assert "preserved_tokens" not in body
    chat = await sent(ChatPrompt(({"role": "user", "content": WRITTEN},)))
    assert chat["messages"][0]["content"] == WRITTEN
    assert "stop" not in chat


async def test_what_stands_after_the_gap_ends_an_answer_after_the_clients_own_stops() -> None:
    body = await sent(TextPrompt("P", "S"), until="S1\nS2", stop=["x"])
    assert body["stop"] == ["x", "S1\nS2", *QWEN.stop]
    few = await sent(TextPrompt("P", "S"), kind="openai", until="S1\nS2", stop=["x"])
    assert few["stop"] == ["x", "S1\nS2", *QWEN.stop[:2]]
    assert "stop" not in await sent(TextPrompt("P"), until="S1\nS2")


STOPS: dict[str, tuple[Any, list[str]]] = {
    "none": (None, []),
    "a text": ("\n", ["\n"]),
    "a list": (["\n", QWEN.stop[0]], ["\n", QWEN.stop[0]]),
}


@pytest.mark.parametrize(("given", "first"), STOPS.values(), ids=STOPS)
async def test_special_tokens_end_an_answer_after_the_clients_own_stops(
    given: Any, first: list[str]
) -> None:
    body = await sent(TextPrompt("P", "S"), **({} if given is None else {"stop": given}))
    assert body["stop"][: len(first)] == first
    assert sorted(body["stop"]) == sorted({*first, *QWEN.stop})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("llama.cpp", {"preserved_tokens": list(QWEN.stop)}),
        ("vllm", {"skip_special_tokens": False}),
        ("openai", {}),
    ],
)
async def test_servers_are_told_to_write_what_is_to_be_stopped_at(
    kind: ServerKind, fields: dict[str, Any]
) -> None:
    body = await sent(TextPrompt("P", "S"), kind=kind)
    told = {
        name: body[name] for name in ("preserved_tokens", "skip_special_tokens") if name in body
    }
    assert told == fields
    if fields:
        (name,) = fields
        assert (await sent(TextPrompt("P", "S"), kind=kind, **{name: "own"}))[name] == "own"


async def test_openais_api_takes_four_stops_and_the_clients_own_are_first() -> None:
    own = ["a", "b", "c"]
    asked = TextPrompt("P", "S")
    assert (await sent(asked, kind="openai", stop=own))["stop"] == [*own, QWEN.stop[0]]
    assert (await sent(asked, kind="openai", stop=[*own, "d", "e"]))["stop"] == [*own, "d", "e"]
    assert (await sent(asked, kind="openai"))["stop"] == list(QWEN.stop[:4])


async def test_a_model_without_a_form_leaves_other_files_out_and_refuses_a_suffix() -> None:
    assert (await sent(TextPrompt("P", None, FILES), None))["prompt"] == "P"
    assert (await sent(TextPrompt("P", "", FILES), None))["prompt"] == "P"
    with pytest.raises(UpstreamError, match="no fill-in-the-middle"):
        await sent(TextPrompt("P", "S"), None)


async def test_a_plans_own_prompt_is_no_gap() -> None:
    async with running(FakeUpstream(answering())) as server, Client(connect_s=5, read_s=60) as http:
        asked = Upstream("m", http, lambda: server.url, "m", 8, fim=QWEN)
        draw = replace(Draw("m", 1, 8, 0.0, verify=False), prompt="Write tests.")
        async for _ in asked.sample(draw, SampleRequest(TextPrompt("P", "S"))):
            pass
        assert server.calls[0].body["prompt"] == "Write tests."
        assert "stop" not in server.calls[0].body
