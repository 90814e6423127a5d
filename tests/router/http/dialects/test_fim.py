"""Answers between a prompt and its suffix, where no tests choose."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fake_upstream import LOGPROB, Call, FakeUpstream, Says, answering
from http_world import TESTS, ScriptedBackend, events, eventually, longer, texts, world

from policies.values import Budget
from router.errors import ContextLengthExceeded
from router.request import BudgetRequest, RouteRequest, SampleRequest, TextPrompt

pytestmark = pytest.mark.anyio
MODELS = {name: {"fim": "qwen"} for name in ("small", "large")}
PREFIX, SUFFIX = "def add(a, b):\n", "    return c\n\nadd(1, 2)\n"
GOOD = ("    c", " = a", " + b", "\n")
RUNS_ON = (*GOOD, "    return", " c\n", "\nadd(")
REPEATS = (*GOOD, "    return c\n", "    c", " = a\n")
BROKEN = ("    c", " = (", "\n")
BEST_OF = {"budget": {"policy": "best_of_n"}, "explain": True}


def saying(*answers: tuple[str, ...]) -> Says:
    return lambda _call, index: answers[index % len(answers)]


async def fill(w: Any, **fields: Any) -> Any:
    asked = {"prompt": PREFIX, "suffix": SUFFIX, "model": "small"} | fields
    answer = await w.complete(**asked)
    assert answer.status_code == 200, answer.text
    return answer


async def test_what_parses_and_does_not_repeat_the_suffix_comes_first() -> None:
    says = saying(BROKEN, REPEATS, GOOD, BROKEN)
    async with world(FakeUpstream(answering(says)), models=MODELS) as w:
        answer = await fill(w, **BEST_OF)
        assert answer.json()["choices"][0]["text"] == "".join(GOOD)
        assert answer.headers["x-router-selected-by"] == "fim"
        assert answer.headers["x-router-plan"] == "small*16+fim"
        candidates = answer.json()["router"]["candidates"]
        scores = [c["scores"] for c in candidates[:4]]
        assert [s["unparsed"] for s in scores] == [1, 0, 0, 1]
        assert [s["repeats"] for s in scores] == [0, 1, 0, 0]
        assert {c["trimmed"] for c in candidates} == {None}


async def test_where_all_fit_the_likelihood_chooses() -> None:
    async with world(FakeUpstream(answering(saying(GOOD))), models=MODELS) as w:
        answer = await fill(w, **BEST_OF)
        assert answer.headers["x-router-selected-by"] == "nll"
        first = answer.json()["router"]["candidates"][0]
        assert first["scores"]["total_nll"] == pytest.approx(first["nll"] * len(GOOD))


async def test_what_leaves_the_suffix_without_a_name_comes_later() -> None:
    says = saying(("    d", " = a", "\n"), ("    return a\n",), ("\n",), GOOD)
    async with world(FakeUpstream(answering(says)), models=MODELS) as w:
        answer = await fill(w, **BEST_OF)
        assert answer.json()["choices"][0]["text"] == "".join(GOOD)
        assert answer.headers["x-router-selected-by"] == "fim"
        loose = [c["scores"]["loose"] for c in answer.json()["router"]["candidates"][:4]]
        assert loose == [1, 2, 2, 0]


async def test_an_end_that_is_the_suffix_is_trimmed_and_shown() -> None:
    async with world(FakeUpstream(answering(saying(RUNS_ON))), models=MODELS) as w:
        answer = (await fill(w, explain=True, logprobs=1, max_tokens=6)).json()
        (choice,) = answer["choices"]
        assert choice["text"] == "".join(GOOD) == "".join(choice["logprobs"]["tokens"])
        assert choice["finish_reason"] == "stop"  # it was cut after its own end
        assert answer["usage"]["completion_tokens"] == 6  # they are spent
        (candidate,) = answer["router"]["candidates"]
        assert candidate["trimmed"] == "    return c\n"
        assert candidate["completion_tokens"] == 6


async def test_a_stream_of_one_sample_is_sent_as_it_comes_and_others_are_trimmed() -> None:
    async with world(FakeUpstream(answering(saying(RUNS_ON))), models=MODELS) as w:
        through = events((await fill(w, stream=True, explain=True)).text)
        assert texts(through) == "".join(RUNS_ON[:6])  # but for what is outside of its block
        assert through[-2]["router"]["candidates"][0]["trimmed"] == "\nadd("
        buffered = events((await fill(w, stream=True, **BEST_OF)).text)
        assert texts(buffered) == "".join(GOOD)
        assert buffered[-2]["router"]["candidates"][0]["trimmed"] == "".join(RUNS_ON[4:])


async def test_an_answer_ends_where_it_has_said_two_lines_of_the_suffix() -> None:
    past = (*RUNS_ON, "1, ", "2)", "\n", "more", "\n")
    async with world(FakeUpstream(answering(saying(past))), models=MODELS) as w:
        answer = (await fill(w, stream=True)).text
        assert texts(events(answer)) == "".join(GOOD)
        assert w.small.calls[0].body["stop"][0] == "    return c\n\nadd(1, 2)"
        backend = ScriptedBackend()
    async with world(FakeUpstream(answering(saying(past))), None, backend, models=MODELS) as w:
        answer = (await fill(w, tests=TESTS)).json()
        assert answer["choices"][0]["text"] == "".join(past)


async def test_tests_see_an_answer_as_it_is() -> None:
    backend = ScriptedBackend()
    async with world(FakeUpstream(answering(saying(RUNS_ON))), None, backend, models=MODELS) as w:
        answer = (await fill(w, tests=TESTS, explain=True)).json()
        assert answer["choices"][0]["text"] == "".join(RUNS_ON)
        assert backend.programs[0].source == PREFIX + "".join(RUNS_ON) + SUFFIX
        assert answer["router"]["candidates"][0]["scores"] == {}


async def test_without_a_suffix_nothing_is_trimmed() -> None:
    async with world(FakeUpstream(answering(saying(RUNS_ON))), models=MODELS) as w:
        assert (await fill(w, suffix=None)).json()["choices"][0]["text"] == "".join(RUNS_ON)


async def infill(w: Any, before: str, after: str, **fields: Any) -> Any:
    asked = {"input_prefix": before, "input_suffix": after, "model": "small"} | fields
    answer = await w.client.post("/infill", json=asked)
    assert answer.status_code == 200, answer.text
    return answer


async def test_at_the_end_of_a_file_an_answer_is_cut_where_it_is_a_program() -> None:
    prose = ("    return", " a + b", "\n", "```\n", "It adds", " numbers.")
    half = ("    return", " a + b", "\n\n", "add(", "1,")
    for said in (prose, half):
        async with world(FakeUpstream(answering(saying(said))), models=MODELS) as w:
            answer = (await infill(w, PREFIX, "", explain=True)).json()
            assert answer["content"].rstrip() == "    return a + b"
            (candidate,) = answer["router"]["candidates"]
            rest = "".join(said)[len(answer["content"]) :]
            assert candidate["trimmed"]
            assert rest.startswith(candidate["trimmed"])  # it may not be heard out


async def test_an_answer_that_comes_back_to_the_margin_in_a_block_has_ended() -> None:
    past = ("    c", " = a", "\n", "\n", "def", " f", "(x", ")", ":")
    async with world(FakeUpstream(answering(saying(past))), models=MODELS) as w:
        answer = (await fill(w, max_tokens=len(past))).json()
        (choice,) = answer["choices"]
        assert (choice["text"], choice["finish_reason"]) == ("    c = a\n", "stop")


PAST = (*GOOD, "\n", "print", "(add(1, 2))", "\n", *["more"] * 900)
"""After its tenth token it is surely past its gap."""


async def test_an_answer_that_left_its_gap_is_not_heard_out() -> None:
    server = FakeUpstream(answering(saying(PAST), pause=0.002))
    async with world(server, models=MODELS) as w:
        answer = (await fill(w, max_tokens=999, explain=True)).json()
        (choice,), (candidate,) = answer["choices"], answer["router"]["candidates"]
        assert (choice["text"], choice["finish_reason"]) == ("".join(GOOD), "stop")
        assert candidate["trimmed"] == "\nprint(add(1, 2))\n"
        assert candidate["completion_tokens"] == answer["usage"]["completion_tokens"] == 8
        call = w.small.calls[0]
        await eventually(call.closed_by_client.is_set)
        assert call.tokens[0] < len(PAST)


async def test_of_several_all_are_heard_until_the_last_has_ended() -> None:
    says = saying(PAST, (*["    c = a\n"] * 20, *PAST))
    async with world(FakeUpstream(answering(says, pause=0.002)), models=MODELS) as w:
        answer = (await fill(w, max_tokens=999, **BEST_OF)).json()
        assert answer["choices"][0]["text"].startswith("    c = a")
        candidates = answer["router"]["candidates"]
        assert {c["finish_reason"] for c in candidates} == {"stop"}
        # What a server goes on with costs, and is no part of what was said.
        assert {c["trimmed"] for c in candidates} == {"\nprint(add(1, 2))\n"}
        first, second = (candidates[at]["completion_tokens"] for at in (0, 1))
        assert second == 28
        assert 8 < first <= 28
        await eventually(w.small.calls[0].closed_by_client.is_set)


async def asked(w: Any, path: str, **fields: Any) -> tuple[str, str, Any]:
    """What a stream of one sample says, how it ends, and what it has of the router's object."""
    body = {"model": "small", "stream": True, "explain": True, "max_tokens": 999} | fields
    around = {"prompt": PREFIX, "suffix": SUFFIX}
    if path == "/infill":
        around = {"input_prefix": PREFIX, "input_suffix": SUFFIX}
    answer = await w.client.post(path, json=around | body)
    assert answer.status_code == 200, answer.text
    chunks = [chunk for chunk in events(answer.text) if chunk != "[DONE]"]
    if path == "/infill":
        ending = chunks[-1]["stop_type"]
        return "".join(chunk["content"] for chunk in chunks), ending, chunks[-1]["router"]
    return texts(chunks), chunks[-1]["choices"][0]["finish_reason"], chunks[-1]["router"]


PATHS = ("/v1/completions", "/v1/fim/completions", "/infill")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "fields", [{}, {"budget": {"latency_ms": 300_000}}, {"stop": ["@"]}], ids=str
)
async def test_a_stream_of_one_sample_ends_where_its_answer_left_its_gap(
    path: str, fields: dict[str, Any]
) -> None:
    server = FakeUpstream(answering(saying(PAST), pause=0.002))
    async with world(server, models=MODELS) as w:
        said, ending, told = await asked(w, path, **fields)
        assert said == "".join(GOOD)
        assert ending == ("eos" if path == "/infill" else "stop")
        (candidate,), (call,) = told["candidates"], w.small.calls
        assert candidate["completion_tokens"] == 8
        assert candidate["trimmed"] == "\nprint(add(1, 2))\n"
        prompt, cached = candidate["prompt_tokens"], candidate["cached_tokens"] or 0
        flops = w.cost.draw("small", prompt, [8], cached)
        assert candidate["flops"] == told["flops_used"] == flops
        await eventually(call.closed_by_client.is_set)
        assert call.tokens[0] < len(PAST)
        assert w.metric("router_samples_total", model="small", finish_reason="stop") == 1
        assert w.metric("router_completion_tokens_total", model="small") == 8
        assert w.active == 0


JAVASCRIPT = {"prompt": "function f() {\n", "suffix": "  return y;\n}\n"}


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (JAVASCRIPT, ("  a();\n", "const", " f", "\n", "  b();\n", "}\n", "const g = 1;")),
        (JAVASCRIPT, ("let", " y;\n", "}\n")),
        ({}, ('    t = """\n', "SELECT", "\n", '"""\n', "    c = t", "\n", "\n")),
        ({}, ("    if a:\n", "        b = 1", "\n", "# why\n", "else", ":\n", "        b = 2\n")),
        ({"prompt": "x = 1\n", "suffix": "\ny = 2\n"}, ("z", " = 1", "\n", "``", " = 2\n")),
        ({"suffix": "    return c\r\n"}, ("    c = a", "\r", "\n", "\r\n")),
    ],
    ids=["braces", "braces at once", "a text", "branches", "the top", "Windows"],
)
@pytest.mark.parametrize("logprobs", [None, 1])
async def test_what_stays_in_its_gap_is_sent_whole(
    around: dict[str, str], said: tuple[str, ...], logprobs: int | None
) -> None:
    async with world(FakeUpstream(answering(saying(said))), models=MODELS) as w:
        chunks = events((await fill(w, stream=True, logprobs=logprobs, **around)).text)
        assert texts(chunks) == "".join(said)
        told = [c["choices"][0]["logprobs"] for c in chunks[:-1] if c["choices"][0]["logprobs"]]
        assert [token for each in told for token in each["tokens"]] == list(
            said if logprobs else ()
        )
        offsets = [offset for each in told for offset in each["text_offset"]]
        assert offsets == [len("".join(said[:at])) for at in range(len(offsets))]


async def test_the_log_probabilities_of_a_stream_that_ends_early_are_those_of_its_text() -> None:
    async with world(FakeUpstream(answering(saying(PAST), pause=0.002)), models=MODELS) as w:
        chunks = events((await fill(w, stream=True, logprobs=1, max_tokens=999)).text)
        told = [c["choices"][0]["logprobs"] for c in chunks[:-1] if c["choices"][0]["logprobs"]]
        assert "".join(token for each in told for token in each["tokens"]) == "".join(GOOD)


async def test_streams_of_several_prompts_end_each_for_itself() -> None:
    second = "def sub(a, b):\n"

    def says(call: Call, _index: int) -> tuple[str, ...]:
        return PAST if PREFIX in call.text else (*["    c = a\n"] * 20, *PAST)

    async with world(FakeUpstream(answering(says, pause=0.002)), models=MODELS) as w:
        prompts = [PREFIX, second]
        chunks = events((await fill(w, prompt=prompts, stream=True, max_tokens=999)).text)
        assert texts(chunks, 0) == "".join(GOOD)
        assert texts(chunks, 1) == "    c = a\n" * 20 + "".join(GOOD)
        for call in w.small.calls:
            await eventually(call.closed_by_client.is_set)


async def test_what_a_stream_says_only_once_more_of_its_suffix_stays_sent() -> None:
    said = (*GOOD, "    return c\n", "print(1)\n", *["more"] * 900)
    async with world(FakeUpstream(answering(saying(said), pause=0.002)), models=MODELS) as w:
        chunks = events((await fill(w, stream=True, max_tokens=999)).text)
        assert texts(chunks) == "".join(said[:5])
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_an_echoed_stream_ends_early_as_well() -> None:
    async with world(FakeUpstream(answering(saying(PAST), pause=0.002)), models=MODELS) as w:
        chunks = events((await fill(w, stream=True, echo=True, max_tokens=999)).text)
        assert texts(chunks) == PREFIX + "".join(GOOD)


async def test_nothing_is_sent_of_a_line_whose_model_failed() -> None:
    async def dying(call: Call, server: FakeUpstream) -> None:
        await call.token(0, "    b", server)
        call.writer.close()

    small = FakeUpstream(answering(saying(GOOD)))
    async with world(small, FakeUpstream(dying), models=MODELS) as w:
        budget = {"latency_ms": 300_000}  # so that it is sent line by line
        chunks = events((await fill(w, model="auto", stream=True, budget=budget)).text)
        assert chunks[-2]["router"]["plan"] == "large*1+small*1"
        assert texts(chunks) == "".join(GOOD)


async def test_a_stream_that_a_deadline_ends_past_its_gap_is_whole() -> None:
    async def scene(seconds: float) -> bool:
        async def halting(call: Call, server: FakeUpstream) -> None:
            for token in PAST[:6]:
                await call.token(0, token, server)
            await asyncio.Event().wait()

        async with world(FakeUpstream(halting), models=MODELS) as w:
            budget = {"latency_ms": 1000 * seconds}
            answer = await w.complete(
                prompt=PREFIX, suffix=SUFFIX, model="small", stream=True, budget=budget
            )
            if answer.status_code != 200:
                return False
            chunks = events(answer.text)
            (candidate,) = chunks[-2]["router"]["candidates"]
            if candidate["completion_tokens"] != 6:
                return False
            assert texts(chunks) == "".join(GOOD)
            assert chunks[-2]["choices"][0]["finish_reason"] == candidate["finish_reason"] == "stop"
            assert candidate["trimmed"] == "\nprint"
            return True

    await longer(scene, 1.5, 8.0, 40.0)


async def test_where_tests_choose_everything_is_heard_out() -> None:
    said, backend = PAST[:40], ScriptedBackend()
    async with world(FakeUpstream(answering(saying(said))), None, backend, models=MODELS) as w:
        answer = (await fill(w, tests=TESTS)).json()
        assert answer["choices"][0]["text"] == "".join(said)


async def test_the_clients_stops_come_first_and_the_familys_are_added() -> None:
    async with world(models=MODELS) as w:
        await fill(w, stop=["\n\n"])
        body = w.small.calls[0].body
        assert body["stop"][0] == "\n\n"
        assert {"<|endoftext|>", "<|fim_middle|>", "<|file_sep|>"} < set(body["stop"])
        assert body["stop"][1] == SUFFIX.removesuffix("\n")
        assert body["preserved_tokens"] == body["stop"][2:]


async def test_a_prompt_in_the_models_own_form_is_passed_on_as_it_is() -> None:
    prompt = f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>"
    async with world(models=MODELS) as w:
        for suffix in (None, SUFFIX):
            await fill(w, prompt=prompt, suffix=suffix)
        assert [call.body["prompt"] for call in w.small.calls] == [prompt, prompt]


async def test_a_suffix_of_very_many_lines_is_served() -> None:
    def says(_call: Call, _index: int) -> tuple[str, ...]:
        return ("x\n" * 100,)

    models = {"small": MODELS["small"] | {"context": None}}
    async with world(FakeUpstream(answering(says)), models=models) as w:
        assert (await fill(w, suffix="x\n" * 2**18)).json()["choices"][0]["text"] in {
            "",
            "x\n" * 100,
        }


@pytest.mark.parametrize(("context", "kept"), [(4096, 4), (400, 2), (250, 1), (150, 0)])
async def test_of_other_files_the_last_that_fit_the_context_stay(context: int, kept: int) -> None:
    files = tuple((f"{at}.py", "x" * 400) for at in range(4))
    sampling = SampleRequest(TextPrompt(PREFIX, SUFFIX, files))
    request = RouteRequest(sampling, BudgetRequest(Budget(), "auto", given=False), max_tokens=64)
    async with world(models={"small": MODELS["small"] | {"context": context}}) as w:
        small = replace(request, model="small")
        prepared = await w.service.gateway.prepare(small, asyncio.get_running_loop().time())
        assert prepared.request.prompt == TextPrompt(PREFIX, SUFFIX, files[4 - kept :])
        (view,) = prepared.task.models
        assert view.prompt_tokens + 64 <= context
        with pytest.raises(ContextLengthExceeded):
            await w.service.gateway.prepare(replace(small, max_tokens=context), 0.0)


TEMPLATES: dict[str, tuple[Any, str]] = {
    "a family": ("codellama", "<PRE> P <SUF>S <MID>"),
    "a catalogue model": ("qwen2.5-coder-0.5b", "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
    "of one's own": ({"template": "<A>{suffix}<B>{prefix}", "stop": ["<B>"]}, "<A>S<B>P"),
}


@pytest.mark.parametrize(("fim", "prompt"), TEMPLATES.values(), ids=TEMPLATES)
async def test_the_settings_name_a_template(fim: Any, prompt: str) -> None:
    async with world(models={"small": {"fim": fim}}) as w:
        await fill(w, prompt="P", suffix="S")
        assert w.small.calls[0].body["prompt"] == prompt


async def test_a_model_that_was_not_trained_for_it_refuses_a_suffix() -> None:
    async with world(models={"small": {"fim": "none"}}) as w:
        answer = await w.complete(prompt="P", suffix="S", model="small")
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "suffix"


async def test_the_tokens_of_a_stop_are_no_part_of_an_answers_likelihood() -> None:
    says = saying((*GOOD, "", "", ""))
    async with world(FakeUpstream(answering(says)), models=MODELS) as w:
        (first, *_) = (await fill(w, **BEST_OF)).json()["router"]["candidates"]
        assert first["completion_tokens"] == len(GOOD) + 3
        assert first["scores"]["total_nll"] == pytest.approx(-LOGPROB * len(GOOD))
