"""Prompts repeated with their log-probabilities, token numbers, and answers of no tokens."""

from dataclasses import replace
from typing import Any

import pytest
from fake_upstream import (
    ANSWER,
    LOGPROB,
    FakeUpstream,
    Kind,
    answering,
    pieces,
    streaming,
)
from http_world import (
    COMPLETIONS,
    PROMPT,
    TESTS,
    ScriptedBackend,
    World,
    events,
    is_error,
    texts,
    untouched,
    world,
)

pytestmark = pytest.mark.anyio
TOKENS = pieces(PROMPT)
SCORED = {"echo": True, "logprobs": 1, "temperature": 0}
NUMBERS = [11, 22, 33]
NUMBERED = ["<11>", "<22>", "<33>"]


def vllm() -> FakeUpstream:
    return FakeUpstream(answering(), "vllm")


def log_likelihood(choice: dict[str, Any], context: int) -> tuple[float, bool]:
    """What an evaluation harness makes of a choice, whose last token is drawn and not its own."""
    told = choice["logprobs"]
    own = told["token_logprobs"][context:-1]
    tops = told["top_logprobs"][context:-1]
    return sum(own), all(value == max(top.values()) for value, top in zip(own, tops, strict=True))


async def test_a_prompt_is_scored_where_one_token_is_drawn() -> None:
    async with world(vllm()) as w:
        answer = await w.complete(model="small", max_tokens=1, explain=True, **SCORED)
        assert answer.status_code == 200, answer.text
        (choice,) = answer.json()["choices"]
        assert choice["text"] == PROMPT + ANSWER[0]
        told = choice["logprobs"]
        assert told["tokens"] == [*TOKENS, ANSWER[0]]
        assert told["token_logprobs"] == [None, *[LOGPROB] * len(TOKENS)]
        assert told["top_logprobs"][0] is None
        # The likeliest one, and the token itself, of which the server spoke first.
        assert told["top_logprobs"][1] == {TOKENS[1]: LOGPROB, "?": LOGPROB / 2}
        assert told["text_offset"] == [0, 4, 8, 12, 15]
        assert log_likelihood(choice, 1) == (LOGPROB * 3, False)
        assert answer.json()["usage"] == {
            "prompt_tokens": 4,
            "completion_tokens": 1,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        (candidate,) = answer.json()["router"]["candidates"]
        assert (candidate["completion_tokens"], candidate["nll"]) == (1, -LOGPROB)
        assert w.small.calls[0].body["echo"] is True


async def test_a_prompt_is_scored_and_nothing_is_drawn() -> None:
    async with world(vllm()) as w:
        answer = await w.complete(model="small", max_tokens=0, explain=True, **SCORED)
        assert answer.status_code == 200, answer.text
        (choice,) = answer.json()["choices"]
        assert choice["text"] == PROMPT
        assert choice["finish_reason"] == "length"
        assert choice["logprobs"]["tokens"] == TOKENS
        assert choice["logprobs"]["token_logprobs"] == [None, *[LOGPROB] * 3]
        usage = answer.json()["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"]) == (4, 0)
        # The prompt is what it costs, with the head at each of its tokens, and no more.
        assert answer.json()["router"]["flops_used"] == w.cost.score("small", 0, 4)


@pytest.mark.parametrize("max_tokens", [0, 1, 3])
async def test_scores_stream(max_tokens: int) -> None:
    async with world(vllm()) as w:
        asked = {"model": "small", "max_tokens": max_tokens, **SCORED}
        (whole,) = (await w.complete(**asked)).json()["choices"]
        *chunks, _ = events((await w.complete(stream=True, **asked)).text)
        assert texts(chunks) == whole["text"] == PROMPT + "".join(ANSWER[:max_tokens])
        told = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
        for name, values in whole["logprobs"].items():
            assert [value for part in told for value in part[name]] == values


async def test_scores_of_a_list_of_prompts_of_token_numbers() -> None:
    async with world(vllm()) as w:
        prompts = [NUMBERS, [7], [5, 6]]
        answer = await w.complete(model="small", prompt=prompts, max_tokens=1, **SCORED)
        choices = answer.json()["choices"]
        assert [choice["index"] for choice in choices] == [0, 1, 2]
        assert [choice["text"] for choice in choices] == [
            "".join(f"<{number}>" for number in prompt) + ANSWER[0] for prompt in prompts
        ]
        assert sorted(call.body["prompt"] for call in w.small.calls) == sorted(prompts)
        assert answer.json()["usage"]["prompt_tokens"] == 6
        assert "/tokenize" not in w.small.asked  # numbers need no counting


async def test_the_budget_of_a_scored_prompt_is_that_of_the_prompt() -> None:
    async with world(vllm()) as w:
        least = replace(w.cost, scores_prompts=True).ceiling("small", 4, 1, 0)
        asked = {"model": "small", "max_tokens": 0, **SCORED}
        enough = await w.complete(budget={"flops": least}, **asked)
        assert enough.status_code == 200, enough.text
        assert float(enough.headers["x-budget-flops-used"]) == w.cost.score("small", 0, 4)
        less = await w.complete(budget={"flops": 0.99 * least}, **asked)
        is_error(less, 400, "budget_too_small")


async def test_several_choices_of_a_scored_prompt() -> None:
    async with world(vllm()) as w:
        asked = {"model": "small", "max_tokens": 2, "n": 2, "echo": True, "logprobs": 0}
        answer = await w.complete(**asked, explain=True)
        for choice in answer.json()["choices"]:
            assert choice["text"] == PROMPT + "".join(ANSWER[:2])
            assert len(choice["logprobs"]["tokens"]) == len(TOKENS) + 2
        candidates = answer.json()["router"]["candidates"]
        assert [c["completion_tokens"] for c in candidates] == [2, 2]
        assert [c["nll"] for c in candidates] == [-LOGPROB] * 2


@pytest.mark.parametrize("server", ["llama.cpp", "openai"])
@pytest.mark.parametrize(
    "fields", [SCORED, SCORED | {"max_tokens": 0}, {"prompt": NUMBERS, "echo": True}], ids=str
)
async def test_a_server_that_cannot_score_is_not_asked(server: str, fields: dict[str, Any]) -> None:
    async with world(models={"small": {"server": server}}) as w:
        error = is_error(await w.complete(model="small", **fields), 400, "invalid_request")
        assert "vLLM" in error["message"]
        assert error["param"] == "echo"
        untouched(w)


async def test_auto_takes_a_model_whose_server_scores() -> None:
    async with world(vllm()) as w:
        answer = await w.complete(max_tokens=1, **SCORED)
        assert answer.headers["x-router-model"] == "small"
        assert not w.large.calls


async def test_a_repeated_prompt_of_unknown_length_is_the_upstreams_fault() -> None:
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -1], "top_logprobs": [None, {}]}
    event = {"choices": [{"index": 0, "text": "ab", "logprobs": logprobs, "finish_reason": "stop"}]}
    async with world(FakeUpstream(streaming(event), "vllm")) as w:
        is_error(
            await w.complete(model="small", max_tokens=1, **SCORED), 502, "upstream_unavailable"
        )


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_token_numbers_are_passed_on_as_they_came(kind: Kind) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        answer = await w.complete(model="small", prompt=NUMBERS)
        assert answer.json()["choices"][0]["text"] == "".join(ANSWER)
        assert answer.json()["usage"]["prompt_tokens"] == 3
        assert w.small.calls[0].body["prompt"] == NUMBERS


async def test_token_numbers_are_those_of_one_model() -> None:
    async with world() as w:
        error = is_error(await w.complete(prompt=NUMBERS), 400, "invalid_request")
        assert error["param"] == "model"
        untouched(w)
    policy = {"mine": {"kind": "single", "model": "small"}}
    async with world(policies=policy) as w:
        answer = await w.complete(prompt=NUMBERS, budget={"policy": "mine"})
        assert answer.headers["x-router-model"] == "small"


async def test_token_numbers_are_echoed_by_the_server_that_knows_their_text() -> None:
    async with world(vllm()) as w:
        answer = await w.complete(model="small", prompt=NUMBERS, echo=True)
        assert answer.json()["choices"][0]["text"] == "".join([*NUMBERED, *ANSWER])
        assert answer.json()["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_is_echoed_and_nothing_is_drawn(kind: Kind, stream: bool) -> None:
    async with world(FakeUpstream(answering(), kind)) as w:
        answer = await w.complete(
            model="small", max_tokens=0, echo=True, stream=stream, explain=True
        )
        assert answer.status_code == 200, answer.text
        if stream:
            chunks = events(answer.text)
            assert texts(chunks) == PROMPT
            router = chunks[-2]["router"]
        else:
            assert answer.json()["choices"][0]["text"] == PROMPT
            router = answer.json()["router"]
        assert router["candidates"][0]["completion_tokens"] == 0
        assert router["flops_used"] == w.cost.draw("small", 4, [0])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": NUMBERS, "tests": TESTS}, "tests"),
        ({**SCORED, "tests": TESTS}, "tests"),
        ({"prompt": NUMBERS, "suffix": "x"}, "suffix"),
        ({**SCORED, "suffix": "x"}, "suffix"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
    ids=str,
)
async def test_what_does_not_go_together(fields: dict[str, Any], param: str) -> None:
    async with world(vllm(), backend=ScriptedBackend()) as w:
        error = is_error(await w.complete(model="small", **fields), 400, "invalid_request")
        assert error["param"] == param
        untouched(w)


async def test_the_likeliest_alternatives_are_told_and_the_token_itself() -> None:
    tops = {"b": -3.0, "c": -2.0, "a": -0.5, "d": -4.0}
    logprobs = {"tokens": ["b"], "token_logprobs": [-3.0], "top_logprobs": [tops]}
    events = [
        {"choices": [{"index": 0, "text": "b", "logprobs": logprobs, "finish_reason": "stop"}]},
        "[DONE]",
    ]
    async with world(FakeUpstream(streaming(*events), "vllm")) as w:
        for wanted, told in ((0, {"b": -3.0}), (1, {"a": -0.5, "b": -3.0})):
            answer = await w.complete(model="small", logprobs=wanted)
            assert answer.json()["choices"][0]["logprobs"]["top_logprobs"] == [told]


async def ask(w: World, **fields: Any) -> Any:
    return await w.client.post(COMPLETIONS, json=fields)


async def test_a_context_holds_a_prompt_of_which_nothing_is_drawn() -> None:
    async with world(vllm(), models={"small": {"context": 4}}) as w:
        full = await ask(w, model="small", prompt=PROMPT, max_tokens=0, **SCORED)
        assert full.status_code == 200
        longer = await ask(w, model="small", prompt=PROMPT + "x" * 9, max_tokens=0, **SCORED)
        is_error(longer, 400, "context_length_exceeded")
