"""What goes upstream, and what never does."""

from typing import Any

import pytest
from fake_shapes import alternatives
from fake_upstream import ANSWER, LOGPROB, FakeUpstream, Kind, answering, silent
from http_world import PROMPT, TESTS, ScriptedBackend, eventually, world

from router.catalogue.entries import lookup

pytestmark = pytest.mark.anyio
FIM = {name: {"fim": "qwen2.5-coder-0.5b"} for name in ("small", "large")}


async def test_unknown_fields_are_passed_on_and_ours_never() -> None:
    theirs = {"stop": ["\ndef", "\nclass"], "min_tokens": 3, "guided": {"a": [1, None]}, "top_p": 1}
    ours = {"tests": TESTS, "budget": {"flops": "1P"}, "explain": True, "select": None}
    async with world(backend=ScriptedBackend()) as w:
        assert (await w.complete(**theirs, **ours, user="me", logit_bias=None)).status_code == 200
        body = w.small.calls[0].body
        assert {name: body[name] for name in theirs} == theirs
        assert body["user"] == "me"
        assert not set(body) & {"tests", "budget", "explain", "select", "logit_bias", "suffix"}
        assert body["stream"] is True
        assert body["stream_options"] == {"include_usage": True}
        assert body["model"] == "small"
        assert body["prompt"] == PROMPT


async def test_chat_passes_messages_on_as_they_came() -> None:
    messages = [
        {"role": "system", "content": "Be brief.", "name": "s"},
        {"role": "user", "content": [{"type": "text", "text": "add"}], "extra": 1},
    ]
    async with world() as w:
        answer = await w.chat(messages=messages, max_tokens=None, max_completion_tokens=7)
        assert answer.status_code == 200
        assert w.large.calls[0].body["messages"] == messages
        assert w.large.calls[0].body["max_tokens"] == 7


async def test_the_clients_credentials_stay_here_and_the_upstreams_own_are_sent() -> None:
    async with world(models={"large": {"api_key": "theirs", "name": "org/large"}}) as w:
        headers = {"Authorization": "Bearer mine", "Cookie": "a=b", "X-Api-Key": "mine"}
        assert (await w.complete(headers=headers)).status_code == 200
        (call,) = w.large.calls
        assert call.headers["authorization"] == "Bearer theirs"
        assert call.body["model"] == "org/large"
        assert "mine" not in str(call.headers)
        assert "cookie" not in call.headers
        assert call.headers["connection"] == "close"
        assert (await w.complete(model="small", headers=headers)).status_code == 200
        assert "authorization" not in w.small.calls[0].headers


async def test_no_suffix_leaves_the_prompt_alone() -> None:
    async with world(models=FIM) as w:
        assert (await w.complete(suffix=None)).status_code == 200
        assert w.large.calls[0].body["prompt"] == PROMPT
        assert "suffix" not in w.large.calls[0].body


async def test_an_empty_suffix_is_the_end_of_a_file() -> None:
    async with world(models=FIM) as w:
        assert (await w.complete(suffix="")).status_code == 200
        fim = lookup("qwen2.5-coder-0.5b").fim
        assert fim is not None
        assert w.large.calls[0].body["prompt"] == fim.render(PROMPT, "")
    async with world() as w:
        assert (await w.complete(suffix="")).status_code == 200
        assert w.large.calls[0].body["prompt"] == PROMPT  # of a model that fills in nothing


async def test_a_suffix_is_written_in_the_models_own_template() -> None:
    async with world(models=FIM) as w:
        answer = await w.complete(suffix="\nprint(add(1, 2))")
        fim = lookup("qwen2.5-coder-0.5b").fim
        assert fim is not None
        templated = fim.render(PROMPT, "\nprint(add(1, 2))")
        assert w.large.calls[0].body["prompt"] == templated
        assert "suffix" not in w.large.calls[0].body
        assert answer.json()["usage"]["prompt_tokens"] == w.large.calls[0].prompt_tokens


async def test_a_suffix_goes_to_the_models_that_know_how() -> None:
    async with world(models={"small": FIM["small"]}) as w:
        answer = await w.complete(suffix="x")
        assert answer.headers["x-router-model"] == "small"


async def test_echo_puts_the_prompt_before_every_choice() -> None:
    async with world() as w:
        answer = (await w.complete(echo=True, n=2)).json()
        assert [c["text"] for c in answer["choices"]] == [PROMPT + "".join(ANSWER)] * 2
        assert "echo" not in w.large.calls[0].body


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_logprobs_of_completions_come_as_parallel_lists(kind: Kind) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        answer = (await w.complete(model="small", logprobs=2)).json()
        assert answer["choices"][0]["logprobs"] == {
            "tokens": list(ANSWER),
            "token_logprobs": [LOGPROB] * 4,
            "top_logprobs": [alternatives(token, 2) for token in ANSWER],
            "text_offset": [0, 6, 11, 16],
        }
        assert w.small.calls[0].body["logprobs"] == 2


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_logprobs_of_chats_come_as_content(kind: Kind) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        answer = (await w.chat(model="small", logprobs=True, top_logprobs=1)).json()
        content = answer["choices"][0]["logprobs"]["content"]
        assert [entry["token"] for entry in content] == list(ANSWER)
        assert {entry["logprob"] for entry in content} == {LOGPROB}
        assert bytes(content[0]["bytes"]).decode() == ANSWER[0]
        body = w.small.calls[0].body
        assert (body["logprobs"], body["top_logprobs"]) == (True, 1)


async def test_llama_is_asked_for_logprobs_only_where_they_are_wanted() -> None:
    async with world(backend=ScriptedBackend()) as w:
        await w.complete(tests=TESTS)
        await w.complete(model="small")
        await w.complete(model="small", n=2)
        assert ["logprobs" in call.body for call in w.small.calls] == [False, False, True]


async def test_the_seed_varies_from_draw_to_draw_and_repeats_from_request_to_request() -> None:
    backend = ScriptedBackend(lambda _: False)
    async with world(backend=backend) as w:
        for _ in range(2):
            await w.complete(tests=TESTS, seed=7)
        seeds = [[call.body["seed"] for call in up.calls] for up in (w.small, w.large)]
        first = seeds[0][: len(seeds[0]) // 2] + seeds[1][:1]
        again = seeds[0][len(seeds[0]) // 2 :] + seeds[1][1:]
        assert first == again
        assert first[0] == 7
        assert len(set(first)) == len(first) > 2
        await w.complete(model="small")
        assert "seed" not in w.small.calls[-1].body


@pytest.mark.parametrize("seed", [2**63 - 1, 2**32 - 1])
async def test_a_seed_at_its_limit_stays_within_it(seed: int) -> None:
    async with world(backend=ScriptedBackend(lambda _: False)) as w:
        await w.complete(tests=TESTS, seed=seed)
        seeds = [call.body["seed"] for call in w.small.calls + w.large.calls]
        assert all(-(2**63) <= value < 2**63 for value in seeds)
        assert len(set(seeds)) == len(seeds)


async def test_the_callers_temperature_wins_and_else_the_policys_own_applies() -> None:
    async with world() as w:
        await w.complete(temperature=0.01)
        await w.complete()
        await w.complete(n=2)
        await w.complete(n=2, temperature=0.3, top_p=0.5)
        sent = [(call.body["temperature"], call.body.get("top_p")) for call in w.large.calls]
        assert sent == [(0.01, 1.0), (0, 1.0), (0.8, 0.95), (0.3, 0.5)]


async def test_llama_is_told_to_sample_plainly_and_vllm_is_not_told_its_fields() -> None:
    async with world(FakeUpstream(answering(), "vllm")) as w:
        await w.complete(temperature=0.5, min_p=0.2)
        await w.complete(temperature=0.5, model="small")
        told: list[dict[str, Any]] = [w.large.calls[0].body, w.small.calls[0].body]
        assert (told[0]["top_k"], told[0]["min_p"], told[0]["repeat_penalty"]) == (0, 0.2, 1.0)
        assert not set(told[1]) & {"top_k", "min_p", "repeat_penalty", "top_p"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_cookies_of_an_upstream_are_not_kept_for_the_next_client(host: str) -> None:
    async def play(call: Any, server: FakeUpstream) -> None:
        data = b'{"error": {"message": "no"}}'
        await call.raw(
            b"HTTP/1.1 400 X\r\nSet-Cookie: session=first; Path=/\r\nContent-Length: %d\r\n\r\n%b"
            % (len(data), data)
        )

    async with world(FakeUpstream(play), host=host) as w:
        for _ in range(2):
            assert (await w.complete(model="small")).status_code == 400
        assert ["cookie" in call.headers for call in w.small.calls] == [False, False]


async def test_more_draws_than_a_hundred_run_at_once() -> None:
    async with world(FakeUpstream(silent()), max_concurrent_requests=200) as w:
        open_ = [await w.open(model="small") for _ in range(110)]
        await eventually(lambda: len(w.small.calls) == 110)
        for connection in open_:
            await connection.close()


CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
FORMS: list[tuple[dict[str, Any], object]] = [
    ({"type": "json_object"}, {"type": "object"}),
    ({"type": "json_object", "schema": CITY}, CITY),
    ({"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}, CITY),
    ({"type": "text"}, None),
    ({"type": "of some server"}, None),
]


@pytest.mark.parametrize(("form", "schema"), FORMS)
async def test_a_texts_form_is_asked_for_as_the_server_understands_it(
    form: dict[str, Any], schema: object
) -> None:
    async with world(FakeUpstream(answering()), FakeUpstream(answering(), "vllm")) as w:
        for model in ("small", "large"):
            assert (await w.complete(model=model, response_format=form)).status_code == 200
            assert (await w.chat(model=model, response_format=form)).status_code == 200
        text, chat = (call.body for call in w.small.calls)
        assert text.get("json_schema") == schema
        assert text.get("response_format") == (None if schema else form)
        for body in (chat, *(call.body for call in w.large.calls)):
            assert body["response_format"] == form
            assert "json_schema" not in body


async def test_a_schema_of_the_clients_own_stays() -> None:
    async with world() as w:
        own = {"json_schema": CITY, "response_format": {"type": "json_object"}}
        assert (await w.complete(model="small", **own)).status_code == 200
        assert w.small.calls[0].body["json_schema"] == CITY
