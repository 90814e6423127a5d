"""Upstreams that do not take all that we send, or answer in another way than asked."""

import asyncio
import json
from typing import Any

import pytest
from fake_upstream import (
    ANSWER,
    CHAT,
    Call,
    FakeUpstream,
    Play,
    answering,
    failing,
    sending,
    streaming,
)
from http_world import events, eventually, texts, world

pytestmark = pytest.mark.anyio
SAID = "".join(ANSWER)
BUDGET = {"flops": "1T"}


def refusing(*names: str, shape: str = "'{}' is not supported") -> Play:
    """Refuse a request that has one of these fields, the first of them by its name."""

    async def play(call: Call, server: FakeUpstream) -> None:
        found = [name for name in names if name in call.body]
        if found:
            await call.json({"error": {"message": shape.format(found[0])}}, 400)
        else:
            await answering()(call, server)

    return play


def picky(*names: str, **more: Any) -> FakeUpstream:
    return FakeUpstream(refusing(*names, **more), "vllm")


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_refused_is_learned_once(stream: bool) -> None:
    async with world(large=picky("logprobs", "top_logprobs", "stream_options")) as w:
        for ask in (w.complete, w.chat):
            before = len(w.large.calls)
            for _ in range(3):
                answer = await ask(model="large", stream=stream)
                assert answer.status_code == 200, answer.text
                said = texts(events(answer.text)) if stream else answer.text
                assert SAID in said or json.dumps(SAID)[1:-1] in said
            # Without either it takes two lessons; after them every request is one.
            assert len(w.large.calls) == before + 3 + 2
        assert w.metric("router_upstream_failures_total", model="large") == 0


async def test_what_the_configuration_says_needs_no_lesson() -> None:
    send = {"logprobs": False, "stream_options": False, "max_tokens": "max_completion_tokens"}
    large = picky("logprobs", "top_logprobs", "stream_options")
    async with world(large=large, models={"large": {"send": send}}) as w:
        assert (await w.complete(model="large")).status_code == 200
        assert (await w.chat(model="large")).status_code == 200
        completion, chat = (call.body for call in w.large.calls)
        assert (completion["max_tokens"], chat["max_completion_tokens"]) == (64, 64)
        assert "max_tokens" not in chat


async def test_the_limit_of_a_chat_is_sent_under_the_name_that_is_taken() -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        if call.path == CHAT and "max_tokens" in call.body:
            message = "Use 'max_completion_tokens' instead."
            error = {"message": message, "param": "max_tokens", "code": "unsupported_parameter"}
            await call.json({"error": error}, 400)
        else:
            await answering()(call, server)

    async with world(large=FakeUpstream(play)) as w:
        for _ in range(2):
            assert (await w.chat(model="large", max_tokens=7)).status_code == 200
        assert (await w.complete(model="large", max_tokens=7)).status_code == 200
        limits = [{k: v for k, v in c.body.items() if k.startswith("max_")} for c in w.large.calls]
        assert limits == [
            {"max_tokens": 7},
            {"max_completion_tokens": 7},
            {"max_completion_tokens": 7},
            {"max_tokens": 7},
        ]


async def test_an_error_as_the_first_event_teaches_as_well() -> None:
    refused = {"error": {"message": "logprobs of 1 > 0", "param": "logprobs", "code": 400}}

    async def play(call: Call, server: FakeUpstream) -> None:
        await (streaming(refused) if "logprobs" in call.body else answering())(call, server)

    async with world(large=FakeUpstream(play, "vllm")) as w:
        for calls in (2, 3):
            assert (await w.complete(model="large")).status_code == 200
            assert len(w.large.calls) == calls
        asked = await w.complete(model="large", logprobs=1)
        assert (asked.status_code, asked.json()["error"]["code"]) == (400, "invalid_request")


async def test_without_log_probabilities_and_usage_the_ceiling_is_booked() -> None:
    async with world(large=picky("logprobs", "stream_options")) as w:
        answer = await w.complete(model="large", explain=True, budget=BUDGET)
        command = answer.json()["router"]["commands"][0]
        assert command["flops"] == command["flops_reserved"] > 0


async def test_an_upstream_that_refuses_everything_is_a_clear_error_after_a_few_tries() -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        # Whatever is sent, something of it is not taken.
        own = [n for n in call.body if n not in {"prompt", "messages", "model"}]
        await call.json({"error": {"message": f"'{own[-1]}' is not supported"}}, 400)

    async with world(large=FakeUpstream(play)) as w:
        for ask in (w.complete, w.chat):
            w.large.calls.clear()
            alone = await ask(model="large")
            assert alone.status_code == 502, alone.text
            message = alone.json()["error"]["message"]
            assert "which is not of the client's request" in message
            assert len(w.large.calls) <= 5
        either = await w.complete()
        assert either.headers["x-router-model"] == "small"


async def test_a_lesson_that_does_not_help_is_not_kept() -> None:
    async with world(large=FakeUpstream(failing(400, "'stream_options' is wrong"), "vllm")) as w:
        assert (await w.complete(model="large")).status_code == 502  # nobody's but ours
        w.large.play = answering()
        assert (await w.complete(model="large")).status_code == 200
        assert "stream_options" in w.large.calls[-1].body


@pytest.mark.parametrize(
    ("fields", "field", "status"),
    [
        ({"stop": ["x"]}, "stop", 400),
        ({"logprobs": 1}, "logprobs", 400),
        ({"temperature": 0.5}, "temperature", 400),
        ({"zork": 1}, "zork", 400),
        ({}, "temperature", 502),
        ({}, "n", 502),
        ({"n": 1}, "n", 502),
        ({"model": "large"}, "model", 502),
    ],
)
async def test_the_client_is_blamed_for_its_own_fields_alone(
    fields: dict[str, Any], field: str, status: int
) -> None:
    async with world(large=picky(field)) as w:
        answer = await w.complete(**({"model": "large"} | fields))
        assert answer.status_code == status, answer.text
        assert f"'{field}'" in answer.json()["error"]["message"]


async def test_busy_stays_busy() -> None:
    data = b'{"error": {"message": "slow down"}}'
    head = b"HTTP/1.1 429 X\r\nRetry-After: 17\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)
    async with world(large=FakeUpstream(sending(head))) as w:
        for stream in (False, True):
            answer = await w.complete(model="large", stream=stream)
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "17"
            error = answer.json()["error"]
            assert (error["code"], error["type"]) == ("overloaded", "rate_limit_error")
            assert "slow down" in error["message"]
        assert (await w.complete()).headers["x-router-model"] == "small"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_helps_the_client_is_told_also_where_another_model_failed_after_it(
    stream: bool,
) -> None:
    data = b'{"error": {"message": "slow down"}}'
    head = b"HTTP/1.1 429 X\r\nRetry-After: 17\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)
    rejecting = failing(400, "'stop' is too long")
    for large, small, status in (
        (sending(head), failing(500), 429),
        (sending(head), rejecting, 400),
        (failing(500), failing(503), 502),
    ):
        async with world(large=FakeUpstream(large), small=FakeUpstream(small)) as w:
            answer = await w.complete(stream=stream, stop=["x"])
            assert answer.status_code == status, answer.text
            if status == 429:
                assert answer.headers["retry-after"] == "17"


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_an_image_that_is_refused_is_a_400(kind: Any) -> None:
    url = "data:image/png;base64," + "A" * 100_000
    image = {"type": "image_url", "image_url": {"url": url}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "?"}, image]}]
    tokenizer = failing(500, "image input is not supported")
    models = {"large": {"context": 4096}}
    async with world(large=FakeUpstream(answering(), kind, tokenizer), models=models) as w:
        answer = await w.chat(model="large", messages=messages)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["code"] == "invalid_request"


ONE_TOOL = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("status", "said", "fields", "blamed"),
    [
        (500, "Failed to parse messages: Missing tool call type", {}, True),
        (500, "Failed to parse tools: Missing tool type", {"tools": ONE_TOOL}, True),
        (500, "Failed to parse tools: Missing tool type", {}, False),
        (400, "Failed to initialize samplers: failed to parse grammar", {"grammar": "x"}, True),
        (400, "Failed to initialize samplers: failed to parse grammar", {}, False),
        (500, "Failed to parse the weather", {}, False),
        (500, "Unknown reasoning format: zzz", {"reasoning_format": "zzz"}, True),
        (500, "reasoning_format: no such thing as 'zzz'", {"reasoning_format": "zzz"}, True),
        (500, "Unknown reasoning format: zzz", {"reasoning_format": "zz"}, False),
        (500, "Unknown reasoning format: zzz", {"format": "deepseek"}, False),
        (500, "no user zzz", {"user": "", "reasoning_format": "zzz"}, False),
        (503, "the queue is full", {"user": "queue"}, False),
    ],
)
async def test_what_of_the_clients_cannot_be_read_is_its_fault(
    status: int, said: str, fields: dict[str, Any], blamed: bool
) -> None:
    async with world(FakeUpstream(failing(status, said))) as w:
        answer = await w.chat(model="small", **fields)
        assert answer.status_code == (400 if blamed else 502), answer.text
        assert said in answer.json()["error"]["message"]
        if blamed:
            assert len(w.small.calls) == 1


TOO_LONG = {
    "an error of its own": {"code": "context_length_exceeded", "message": "too many"},
    "words": {"message": "This model's maximum context length is 9 tokens."},
}


@pytest.mark.parametrize("error", TOO_LONG.values(), ids=TOO_LONG)
async def test_what_the_upstream_finds_too_long_is_said_to_be(error: dict[str, Any]) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json({"error": error}, 400)

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large")
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "context_length_exceeded"


async def test_a_model_that_is_not_there_under_our_name_is_not_the_clients_fault() -> None:
    error = {"object": "error", "message": "Invalid model: m", "type": "invalid_model"}

    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json(error | {"param": None, "code": "1500"}, 400)

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large")
        assert answer.status_code == 502
        assert "Invalid model: m" in answer.json()["error"]["message"]


@pytest.mark.parametrize("max_tokens", [None, 64])
async def test_bytes_are_not_called_tokens(max_tokens: int | None) -> None:
    # 900 bytes are some 260 tokens and fit, though as bytes they would not.
    prompt, models = "x = 1 + 2\n" * 90, {"large": {"context": 600}}
    large = FakeUpstream(answering(), tokenizer=failing(404))
    async with world(large=large, models=models) as w:
        asked = {"model": "large", "prompt": prompt, "max_tokens": max_tokens, "explain": True}
        answer = await w.complete(**asked)
        assert answer.status_code == 200, answer.text
        fits = await w.complete(**asked | {"max_tokens": 400})
        assert fits.status_code == 200, fits.text
        # Even what is guessed to be too long is the upstream's to refuse, by its own count.
        longer = await w.complete(**asked | {"prompt": prompt * 4})
        assert longer.status_code == 200
        assert w.large.calls[-1].body["max_tokens"] > 1


async def test_a_prompt_that_nobody_counts_is_shown_as_a_guess_and_reserved_as_a_bound() -> None:
    ends = [
        {"choices": [{"index": 0, "text": "x", "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
    ]
    prompt = "x = 1 + 2\n" * 90
    large = FakeUpstream(streaming(*ends, "[DONE]"), tokenizer=failing(404))
    async with world(large=large) as w:
        answer = await w.complete(model="large", prompt=prompt, explain=True, budget=BUDGET)
        told = answer.json()
        assert 200 < told["usage"]["prompt_tokens"] < 350
        command = told["router"]["commands"][0]
        # Without usage its prompt may have been as long as its bound.
        assert command["flops"] >= w.cost.prefill("large", len(prompt))
        assert command["flops"] <= command["flops_reserved"]


CHUNK = {"choices": [{"index": 0, "text": "ab", "finish_reason": None}]}
END = {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}
ODD: dict[str, object] = {
    "filters first": {"choices": [], "prompt_filter_results": []},
    "no choices": {"id": "x"},
    "choices null": {"choices": None, "usage": None},
    "an empty object": {},
    "what filters found": {
        "choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]
    },
    "a delta of nothing": {"choices": [{"index": None, "delta": None, "finish_reason": None}]},
    "half a usage": {"choices": [], "usage": {"prompt_tokens": 4, "total_tokens": 4}},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_events_that_say_nothing_are_passed_over(odd: object) -> None:
    async with world(large=FakeUpstream(streaming(odd, CHUNK, odd, END, odd, "[DONE]"))) as w:
        answer = await w.complete(model="large")
        assert answer.json()["choices"][0]["text"] == "ab"


@pytest.mark.parametrize("ping", ["event: ping\n\n", "event: ping\ndata: {}\n\n", "data:\n\n"])
async def test_pings_in_the_form_of_events_are_passed_over(ping: str) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.chunk(ping.encode())
        await streaming(CHUNK, END, "[DONE]")(call, server)

    async with world(large=FakeUpstream(play)) as w:
        assert (await w.complete(model="large")).json()["choices"][0]["text"] == "ab"


ERROR_EVENTS = {
    "an object": ('event: error\ndata: {"error": {"message": "out of memory"}}', 502),
    "a message": ('event: error\ndata: {"message": "out of memory"}', 502),
    "a text": ("event: error\ndata: out of memory", 502),
    "no name": ('data: {"error": {"message": "out of memory"}}', 502),
    "an older vLLM's": ('data: {"object": "error", "message": "out of memory"}', 502),
    "a field": ('error: {"code": 500, "message": "out of memory"}', 502),
    "the client's fault": ('data: {"error": {"message": "out of memory", "code": 400}}', 400),
}


@pytest.mark.parametrize(("event", "status"), ERROR_EVENTS.values(), ids=ERROR_EVENTS)
async def test_an_error_as_an_event_shows_its_message(event: str, status: int) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.chunk(f"{event}\n\n".encode())
        await call.raw(b"0\r\n\r\n")

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large")
        assert answer.status_code == status
        assert "out of memory" in answer.json()["error"]["message"]


async def test_an_error_in_mid_stream_ends_the_clients_stream_with_its_message() -> None:
    play = streaming(CHUNK, {"error": {"message": "out of memory"}})
    async with world(large=FakeUpstream(play)) as w:
        told = events((await w.complete(model="large", stream=True)).text)
        assert texts(told[:-2]) == "ab"
        assert "out of memory" in told[-2]["error"]["message"]
        assert len(w.large.calls) == 1


def fox(*texts_: str) -> list[object]:
    return [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in texts_]


@pytest.mark.parametrize("stream", [False, True])
async def test_halves_of_a_character_in_two_chunks_are_one(stream: bool) -> None:
    play = streaming(*fox("a\ud83e", "\udd8ab", "\ud83e", "c"), END, "[DONE]")
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large", stream=stream)
        said = texts(events(answer.text)) if stream else answer.json()["choices"][0]["text"]
        assert said == "a🦊b\ufffdc"


async def test_halves_of_different_choices_stay_apart() -> None:
    def piece(index: int, text: str, reason: str | None = None) -> object:
        return {"choices": [{"index": index, "text": text, "finish_reason": reason}]}

    pieces = [piece(0, "\ud83e"), piece(1, "\ud83d"), piece(0, "\udd8a"), piece(1, "\udc0d")]
    play = streaming(*pieces, piece(0, "", "stop"), piece(1, "\ud83e", "stop"), "[DONE]")
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large", n=2)
        assert {c["text"] for c in answer.json()["choices"]} == {"🦊", "🐍\ufffd"}


def whole(*contents: str, chat: bool) -> dict[str, Any]:
    said = [{"message": {"role": "assistant", "content": c}} if chat else {"text": c}
            for c in contents]  # fmt: skip
    choices = [s | {"index": i, "finish_reason": "stop"} for i, s in enumerate(said)]
    return {"choices": choices, "usage": {"prompt_tokens": 4, "completion_tokens": 3}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_an_answer_without_a_stream_is_read(stream: bool, chat: bool, kind: Any) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json(whole("it is all", chat=chat))

    async with world(large=FakeUpstream(play, kind)) as w:
        ask = w.chat if chat else w.complete
        answer = await ask(model="large", stream=stream, explain=True, budget=BUDGET)
        assert answer.status_code == 200
        told = events(answer.text)[-2] if stream else answer.json()
        assert told["router"]["candidates"][0]["completion_tokens"] == 3
        assert "it is all" in answer.text
        await eventually(w.large.calls[0].ended.is_set)


@pytest.mark.parametrize("called", ["application/json", "text/plain; x=y", "text/event-stream", ""])
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_an_answer_is_tells_how_it_is_read_and_not_what_it_is_called(
    called: str, streamed: bool
) -> None:
    told = [*fox("it is", " all"), END, "[DONE]"]
    lines = [f"data: {piece if isinstance(piece, str) else json.dumps(piece)}" for piece in told]
    said = "\n\n".join(lines) if streamed else json.dumps(whole("it is all", chat=False))
    body = f"\r\n \n{said}\n\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {called}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with world(large=FakeUpstream(sending(head.encode() + body))) as w:
        answer = await w.complete(model="large")
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["text"] == "it is all"


@pytest.mark.parametrize(
    "usage",
    [{}, {"total_tokens": 5}, {"prompt_tokens": None, "completion_tokens": None}],
    ids=str,
)
async def test_a_usage_that_tells_nothing_costs_the_ceiling_and_no_answer(usage: Any) -> None:
    play = streaming(*fox("it is all"), END | {"usage": usage}, "[DONE]")
    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large", explain=True, budget=BUDGET)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["text"] == "it is all"
        assert answer.json()["router"]["commands"][0]["flops"] > 0


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_several_answers_without_a_stream_cost_the_ceiling(kind: Any) -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json(whole("one", "two", chat=False))

    async with world(large=FakeUpstream(play, kind)) as w:
        answer = await w.complete(model="large", n=2, explain=True, budget=BUDGET)
        assert {c["text"] for c in answer.json()["choices"]} == {"one", "two"}
        command = answer.json()["router"]["commands"][0]
        assert command["flops"] == command["flops_reserved"] > 0


async def test_an_error_in_place_of_an_answer_shows_its_message() -> None:
    async def play(call: Call, server: FakeUpstream) -> None:
        await call.json({"error": {"message": "out of memory"}})

    async with world(large=FakeUpstream(play)) as w:
        answer = await w.complete(model="large")
        assert answer.status_code == 502
        assert "out of memory" in answer.json()["error"]["message"]


async def test_a_draw_that_began_before_a_lesson_does_not_undo_it() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def play(call: Call, server: FakeUpstream) -> None:
        if "prompt" in call.body:  # one that takes all fields
            began.set()
            await go_on.wait()
            await answering()(call, server)
        else:
            await refusing("max_tokens")(call, server)

    async with world(large=FakeUpstream(play, "vllm")) as w:
        older = asyncio.create_task(w.complete(model="large"))
        await began.wait()
        assert (await w.chat(model="large")).status_code == 200
        go_on.set()
        assert (await older).status_code == 200
        before = len(w.large.calls)
        assert (await w.chat(model="large")).status_code == 200
        assert len(w.large.calls) == before + 1


@pytest.mark.parametrize("fields", [{"logprobs": False}, {"top_logprobs": 2}])
async def test_log_probabilities_that_nobody_wants_are_ours_to_leave_out(
    fields: dict[str, Any],
) -> None:
    async with world(large=picky("logprobs", "top_logprobs")) as w:
        answer = await w.chat(model="large", **fields)
        assert answer.status_code == 200, answer.text
        assert not w.large.calls[-1].body.keys() & {"logprobs", "top_logprobs"}
