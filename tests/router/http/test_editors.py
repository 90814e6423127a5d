"""What editors and harnesses really post: each gets an answer that it can read, of its length.

The bodies are as their sources make them, with what a user sees in an editor filled in.
"""

from typing import Any

import pytest
from fake_upstream import ANSWER, FakeUpstream, answering, failing
from http_world import World, events, is_error, untouched, world

from router.catalogue.entries import lookup

pytestmark = pytest.mark.anyio
FIM = {name: {"fim": "qwen2.5-coder-0.5b"} for name in ("small", "large")}
PREFIX, SUFFIX = "def add(a, b):\n    ", "\n\nprint(add(1, 2))\n"
TEMPLATED = f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>"
LONG = ["x = 1\n"] * 1000
STOPS = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "\n\n", "/src/"]

LLAMA_VSCODE = {
    "id_slot": 0,
    "input_prefix": "def add(a, b):\n",
    "input_suffix": SUFFIX,
    "input_extra": [{"text": "import math\n", "time": 1700000000000, "filename": "m.py"}],
    "prompt": "    ",
    "n_predict": 128,
    "n_cmpl": 3,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "n_indent": 4,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 60_000,
}
LLAMA_VSCODE_AHEAD = {
    "id_slot": 0,
    "input_prefix": "def add(a, b):\n",
    "input_suffix": SUFFIX,
    "input_extra": [],
    "prompt": "    ",
    "n_predict": 0,
    "samplers": [],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1,
}
LLAMA_VIM_FIELDS = [
    "content",
    *(f"timings/prompt_{name}" for name in ("n", "ms", "per_token_ms", "per_second")),
    *(f"timings/predicted_{name}" for name in ("n", "ms", "per_token_ms", "per_second")),
    "truncated",
    "tokens_cached",
]
LLAMA_VIM = {
    "input_prefix": "def add(a, b):\n",
    "input_suffix": SUFFIX,
    "input_extra": [{"text": "import math\n", "time": [1, 2], "filename": "m.py"}],
    "prompt": "    ",
    "n_predict": 128,
    "n_indent": 4,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 60_000,
    "response_fields": LLAMA_VIM_FIELDS,
}
COPILOT = {
    "prompt": f"# Path: m.py\n{PREFIX}",
    "suffix": SUFFIX,
    "max_tokens": 500,
    "temperature": 0.2,
    "top_p": 1,
    "n": 3,
    "stop": ["\n\n\n", "\n```"],
    "nwo": "owner/name",
    "stream": True,
    "extra": {"language": "python", "next_indent": 0, "trim_by_indentation": True},
}
TEXTS: dict[str, dict[str, Any]] = {
    "continue": {
        "model": "small",
        "prompt": TEMPLATED,
        "max_tokens": 256,
        "temperature": 0.01,
        "stop": STOPS,
        "stream": True,
        "raw": True,
    },
    "tabby": {
        "model": "small",
        "prompt": PREFIX,
        "suffix": SUFFIX,
        "max_tokens": 64,
        "temperature": 0.1,
        "stream": True,
        "presence_penalty": 0,
    },
    "tabby, templated": {
        "model": "small",
        "prompt": TEMPLATED,
        "suffix": None,
        "max_tokens": 64,
        "temperature": 0.1,
        "stream": True,
    },
    "zed": {
        "model": "small",
        "prompt": TEMPLATED,
        "max_tokens": 512,
        "temperature": 0.2,
        "stop": [*STOPS, *(f"<|stop_{at}|>" for at in range(8))],
        "stream": False,
    },
    "minuet": {
        "model": "small",
        "prompt": PREFIX,
        "suffix": SUFFIX,
        "max_tokens": 56,
        "top_p": 0.9,
        "stream": True,
    },
    "llama.vscode by openai": {
        "model": "",
        "prompt": f"Context:\n\nimport math\n{TEMPLATED}",
        "max_tokens": -1,
        "temperature": 0.1,
        "top_p": 0.99,
        "stream": False,
    },
    "langchain": {
        "model": "small",
        "prompt": [TEMPLATED, PREFIX],
        "max_tokens": 256,
        "temperature": 0.7,
        "n": 1,
        "best_of": 1,
        "logit_bias": {},
    },
}


QWEN = lookup("qwen2.5-coder-0.5b").fim
assert QWEN is not None


def stops(given: list[str] | None) -> list[str]:
    """The client's own, and the special tokens of the family that fills in."""
    own = given or []
    return [*own, *(token for token in QWEN.stop if token not in own)]


async def post(w: World, path: str, body: dict[str, Any]) -> Any:
    answer = await w.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
async def test_a_text_is_completed(body: dict[str, Any]) -> None:
    async with world(models=FIM) as w:
        answer = await post(w, "/v1/completions", body)
        if body.get("stream"):
            *chunks, done = events(answer.text)
            assert done == "[DONE]"
            text = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
        else:
            text = answer.json()["choices"][0]["text"]
        assert text == "".join(ANSWER)
        call = (w.small.calls + w.large.calls)[0]
        assert call.body["max_tokens"] == (512 if body["max_tokens"] == -1 else body["max_tokens"])
        prompt = body["prompt"]
        if body.get("suffix"):
            prompt = QWEN.render(PREFIX, SUFFIX)
        assert call.body["prompt"] in (prompt, *prompt)
        said = body.get("stop")
        fills_in = QWEN.written(call.body["prompt"])
        assert call.body.get("stop") == (stops(said) if fills_in else said)


async def test_llama_vscode_has_three_answers() -> None:
    async with world(models=FIM) as w:
        results = (await post(w, "/infill", LLAMA_VSCODE)).json()
        assert [result["content"] for result in results] == ["".join(ANSWER)] * 3
        assert all(result["timings"]["predicted_per_second"] > 0 for result in results)
        body = w.large.calls[0].body
        assert (body["n"], body["max_tokens"]) == (3, 128)
        assert (body["top_k"], body["top_p"], body["n_indent"]) == (40, 0.99, 4)
        assert not {"input_prefix", "input_extra", "t_max_predict_ms", "n_predict"} & set(body)


async def test_what_editors_tell_llama_cpp_is_not_told_to_a_server_that_would_refuse_it() -> None:
    own = {"samplers", "cache_prompt", "n_indent", "top_k"}

    async def play(call: Any, server: FakeUpstream) -> None:
        unknown = sorted(own & set(call.body))
        refused = failing(400, f"unrecognized request arguments: {', '.join(unknown)}")
        await (refused if unknown else answering())(call, server)

    models = {"large": FIM["large"] | {"server": "openai"}}
    async with world(large=FakeUpstream(play), models=models) as w:
        body = LLAMA_VSCODE | {"model": "large", "n_cmpl": 1}
        await post(w, "/infill", body)
        assert w.large.calls[0].body["top_p"] == 0.99
        asked = {"model": "large", "prompt": "x", "top_k": 40}
        assert (await w.client.post("/v1/completions", json=asked)).status_code == 400


async def test_llama_vscode_has_a_prompt_read_ahead() -> None:
    async with world(models=FIM) as w:
        assert (await post(w, "/infill", LLAMA_VSCODE_AHEAD)).json()["content"] == ""


async def test_llama_vim_has_the_fields_that_it_reads() -> None:
    async with world(models=FIM) as w:
        result = (await post(w, "/infill", LLAMA_VIM)).json()
        assert set(result) == set(LLAMA_VIM_FIELDS)
        assert result["content"] == "".join(ANSWER)
        ahead = LLAMA_VIM | {"input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0}
        await post(w, "/infill", ahead | {"samplers": [], "response_fields": [""]})


async def test_copilot_asks_an_engine() -> None:
    async with world(models=FIM) as w:
        answer = await post(w, "/v1/engines/small/completions", COPILOT)
        *chunks, _ = events(answer.text)
        ended = [c["index"] for chunk in chunks for c in chunk["choices"] if c["finish_reason"]]
        assert sorted(ended) == [0, 1, 2]
        assert w.small.calls[0].body["n"] == 3
        assert w.small.calls[0].body["extra"] == COPILOT["extra"]


@pytest.mark.parametrize(
    "body",
    [
        {  # continue's fimStream
            "model": "small",
            "prompt": PREFIX,
            "suffix": SUFFIX,
            "max_tokens": 256,
            "temperature": 0.01,
            "stop": STOPS,
            "stream": True,
        },
        {  # minuet
            "model": "small",
            "prompt": PREFIX,
            "suffix": SUFFIX,
            "max_tokens": 256,
            "stop": ["\n\n"],
            "stream": True,
        },
        {  # cmp-ai
            "model": "small",
            "prompt": PREFIX,
            "temperature": 0.1,
            "n": 1,
            "max_tokens": 100,
        },
        {  # zed
            "model": "small",
            "prompt": PREFIX,
            "suffix": SUFFIX,
            "max_tokens": 350,
            "temperature": 0.2,
            "top_p": 1.0,
            "stream": False,
            "stop": None,
            "random_seed": None,
            "min_tokens": 0,
        },
    ],
    ids=["continue", "minuet", "cmp-ai", "zed"],
)
async def test_mistrals_clients_read_messages(body: dict[str, Any]) -> None:
    async with world(models=FIM) as w:
        answer = await post(w, "/v1/fim/completions", body)
        if body.get("stream"):
            chunks = [chunk for chunk in events(answer.text)[:-1] if chunk["choices"]]
            text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
        else:
            text = answer.json()["choices"][0]["message"]["content"]
        assert text == "".join(ANSWER)
        assert w.small.calls[0].body["max_tokens"] == body["max_tokens"]


@pytest.mark.parametrize("path", ["/beta/completions", "/v1/beta/completions"])
async def test_deepseeks_clients_fill_in_where_its_beta_is(path: str) -> None:
    body = {
        "model": "small",
        "prompt": PREFIX,
        "suffix": SUFFIX,
        "max_tokens": 8,
        "temperature": 0.01,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stop": ["\n\n"],
        "stream": True,
    }
    async with world(models=FIM) as w:
        chunks = [c for c in events((await post(w, path, body)).text)[:-1] if c["choices"]]
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "".join(ANSWER)
        assert w.small.calls[0].body["prompt"] == TEMPLATED


async def test_cmp_ai_asks_a_chat() -> None:
    body = {
        "model": "auto",
        "temperature": 0.1,
        "n": 1,
        "messages": [
            {"role": "system", "content": "You are a coding companion."},
            {"role": "user", "content": f"<begin_code_prefix>{PREFIX}<end_code_prefix>"},
        ],
    }
    async with world() as w:
        answer = await post(w, "/v1/chat/completions", body)
        assert answer.json()["choices"][0]["message"]["content"] == "".join(ANSWER)


TWINNY = {
    "model": "small",
    "prompt": TEMPLATED,
    "stream": True,
    "keep_alive": "5m",
    "options": {"temperature": 0.2, "num_predict": 4},
}


async def test_twinny_gets_as_many_tokens_as_it_asks_for() -> None:
    async with world(FakeUpstream(answering(lambda call, index: LONG))) as w:
        *chunks, _ = events((await post(w, "/v1/completions", TWINNY)).text)
        assert chunks[-1]["choices"][0]["finish_reason"] == "length"
        (call,) = w.small.calls
        assert call.tokens == [4]
        assert (call.body["max_tokens"], call.body["temperature"]) == (4, 0.2)
        assert "options" not in call.body


async def test_options_are_what_stands_at_the_top_elsewhere() -> None:
    options = {
        "num_predict": 9,
        "temperature": 0.3,
        "top_p": 0.8,
        "top_k": 5,
        "min_p": 0.1,
        "stop": ["\n"],
        "seed": 3,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }
    async with world(models=FIM) as w:
        for path, own in (
            ("/v1/completions", {"prompt": PREFIX}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
            ("/v1/fim/completions", {"prompt": PREFIX, "suffix": SUFFIX}),
            ("/infill", {"input_prefix": PREFIX, "input_suffix": SUFFIX}),
        ):
            await post(w, path, own | {"options": options})
            body = w.large.calls[-1].body
            wanted = options | {"max_tokens": 9}
            if QWEN.written(body.get("prompt", "")):
                wanted["stop"] = stops(["\n"])
            assert {name: body[name] for name in wanted if name != "num_predict"} == {
                name: value for name, value in wanted.items() if name != "num_predict"
            }


@pytest.mark.parametrize("options", [None, {}, {"num_predict": -1}, {"num_predict": -2}])
async def test_options_that_say_nothing(options: Any) -> None:
    async with world() as w:
        await w.complete(max_tokens=None, options=options)
        assert w.large.calls[0].body["max_tokens"] == 512


async def test_a_length_of_minus_one_contradicts_no_option() -> None:
    async with world() as w:
        await w.complete(max_tokens=-1, options={"num_predict": 4})
        assert w.large.calls[0].body["max_tokens"] == 4


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"options": {"num_ctx": 4096}}, "options.num_ctx is not supported"),
        ({"options": {"repeat_penalty": 1.1}}, "options.repeat_penalty is not supported"),
        ({"options": {"": 1}}, "not supported"),
        ({"options": {"num_predict": 5}, "max_tokens": 6}, "contradict"),
        ({"options": {"temperature": 0.1}, "temperature": 0.2}, "contradict"),
        ({"options": [1]}, "must be an object"),
        ({"options": "fast"}, "must be an object"),
        ({"options": {"num_predict": "many"}}, "max_tokens"),
        ({"options": {"temperature": [1]}}, "temperature"),
    ],
    ids=str,
)
async def test_options_are_never_passed_over(fields: dict[str, Any], says: str) -> None:
    async with world() as w:
        error = is_error(
            await w.client.post("/v1/completions", json={"prompt": "x"} | fields),
            400,
            "invalid_request",
        )
        assert says in error["message"]
        untouched(w)


async def test_a_harness_scores_a_batch_of_token_numbers() -> None:
    body = {
        "model": "small",
        "prompt": [[1, 2, 3], [1, 2, 4]],
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": 1,
        "seed": 1234,
        "echo": True,
    }
    async with world(FakeUpstream(answering(), "vllm")) as w:
        choices = (await post(w, "/v1/completions", body)).json()["choices"]
        for choice in choices:
            own = choice["logprobs"]["token_logprobs"][2:-1]
            tops = choice["logprobs"]["top_logprobs"][2:-1]
            assert len(own) == len(tops) == 1
            assert max(tops[0].values()) > own[0]


async def test_a_harness_generates_for_a_batch_of_token_numbers() -> None:
    body = {
        "prompt": [[1, 2, 3], [4, 5]],
        "model": "small",
        "max_tokens": 256,
        "temperature": 0,
        "stop": ["\n\n"],
        "seed": 1234,
    }
    async with world() as w:
        choices = (await post(w, "/v1/completions", body)).json()["choices"]
        assert [choice["text"] for choice in choices] == ["".join(ANSWER)] * 2
