import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.values import Budget, InvalidBudget
from router.errors import InvalidRequest
from router.http.dialects.chat import Chat, ChatBody
from router.http.dialects.completions import CompletionBody, Completions
from router.http.dialects.dialect import Dialect
from router.http.dialects.fim import Fim, FimBody
from router.http.dialects.infill import Infill, InfillBody
from router.http.dialects.options import OPTIONS
from router.request import ChatPrompt, RequestLimits, RouteRequest, TextPrompt, TokenPrompt
from sandbox import InvalidTests

LIMITS = RequestLimits()
COMPLETIONS, CHAT = Completions(), Chat()
ONE = [{"role": "user", "content": "x"}]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
BODIES = (CompletionBody, ChatBody, FimBody, InfillBody)
names = st.sampled_from(
    sorted({"tools", "options", *(name for body in BODIES for name in body.model_fields)})
)
SPOKEN: tuple[tuple[Dialect, dict[str, Any]], ...] = (
    (COMPLETIONS, {"prompt": "x"}),
    (CHAT, {"messages": ONE}),
    (Fim(), {"prompt": "x"}),
    (Infill(), {"input_prefix": "x", "input_suffix": "y"}),
)
options = st.dictionaries(st.sampled_from(sorted(OPTIONS)) | st.text(max_size=6), values)


def only(requests: tuple[RouteRequest, ...]) -> RouteRequest:
    (request,) = requests
    return request


def completion(**fields: Any) -> RouteRequest:
    return only(COMPLETIONS.read(json.dumps({"prompt": "x"} | fields).encode(), {}, LIMITS))


def chat(**fields: Any) -> RouteRequest:
    return only(CHAT.read(json.dumps({"messages": ONE} | fields).encode(), {}, LIMITS))


@given(st.dictionaries(names | st.text(max_size=6), values | options, max_size=5))
def test_any_body_is_a_request_or_the_clients_error(fields: dict[str, Any]) -> None:
    for dialect, start in SPOKEN:
        raw = json.dumps(start | fields).encode()
        try:
            request, *_ = dialect.read(raw, {}, LIMITS)
        except (InvalidRequest, InvalidBudget, InvalidTests):
            continue
        assert 1 <= request.n <= LIMITS.max_n
        ours = {"tests", "budget", "explain", "select", "n", "options"}
        assert not set(request.sampling.passed_on) & ours
        json.dumps(request.sampling.passed_on, allow_nan=False)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_request_or_the_clients_error(raw: bytes) -> None:
    for dialect, _ in SPOKEN:
        with pytest.raises(InvalidRequest):
            dialect.read(raw, {}, LIMITS)


def test_an_empty_request_has_the_defaults() -> None:
    request = completion()
    assert request == RouteRequest(
        sampling=request.sampling,
        budget=request.budget,
    )
    assert request.prompt == TextPrompt("x")
    assert request.budget.budget == Budget()
    assert request.sampling.logprobs is None
    assert not request.sampling.passed_on
    assert not request.detailed


@pytest.mark.parametrize(
    "prompt", ["x", ["x", "y"], [1, 2], [[1], [2, 3]]], ids=["text", "texts", "numbers", "lists"]
)
def test_a_prompt_is_looked_at_once_and_stays_what_it_is(prompt: Any) -> None:
    """Of a million numbers each further look is half a second, and a copy."""
    assert CompletionBody.model_validate({"prompt": prompt}).prompt is prompt


@pytest.mark.parametrize("prompt", ["x", [1]], ids=["texts", "numbers"])
def test_of_too_many_prompts_none_is_made(prompt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(TextPrompt, "__init__", made)
    monkeypatch.setattr(TokenPrompt, "__init__", made)
    raw = json.dumps({"prompt": [prompt] * (LIMITS.max_prompts + 1)}).encode()
    with pytest.raises(InvalidRequest, match="257 prompts"):
        COMPLETIONS.read(raw, {}, LIMITS)


def test_nulls_are_as_if_absent() -> None:
    nulls = dict.fromkeys(set(CompletionBody.model_fields) - {"prompt"})
    assert completion(**nulls) == completion()
    options = {"include_usage": None, "include_obfuscation": None}
    assert not completion(stream_options=options).include_usage


@pytest.mark.parametrize(
    ("stop", "passed_on"),
    [("", {}), ([""], {"stop": []}), (["", "x"], {"stop": ["x"]}), ("x", {"stop": "x"})],
)
def test_an_empty_stop_is_none(stop: Any, passed_on: dict[str, Any]) -> None:
    for fields in ({"stop": stop}, {"options": {"stop": stop}}):
        assert completion(**fields).sampling.passed_on == passed_on


@pytest.mark.parametrize("prompt", ["x", ["x"]])
def test_one_text_may_come_in_a_list(prompt: Any) -> None:
    assert completion(prompt=prompt).prompt == TextPrompt("x")


def test_a_suffix_belongs_to_the_prompt() -> None:
    assert completion(suffix="y").prompt == TextPrompt("x", "y")
    assert completion(suffix="").prompt == TextPrompt("x", "")  # the end of a file
    assert completion(suffix=None).prompt == TextPrompt("x")


def test_messages_stay_as_they_came() -> None:
    messages = [{"role": "tool", "content": None, "tool_call_id": "7"}, {"role": "user"}]
    assert chat(messages=messages).prompt == ChatPrompt(tuple(messages))


@pytest.mark.parametrize(
    ("fields", "logprobs"),
    [
        ({}, None),
        ({"logprobs": False, "top_logprobs": 3}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 3}, 3),
    ],
)
def test_logprobs_of_chats(fields: dict[str, Any], logprobs: int | None) -> None:
    assert chat(**fields).sampling.logprobs == logprobs


LENGTHS = ("max_tokens", "max_completion_tokens", "n_predict")


@pytest.mark.parametrize("read", [completion, chat])
def test_a_length_goes_by_several_names(read: Callable[..., RouteRequest]) -> None:
    for name in LENGTHS:
        assert read(**{name: 5}).max_tokens == 5
        assert read(**{name: -1}).max_tokens is None
        assert read(**{name: 5}, **dict.fromkeys(set(LENGTHS) - {name}, -1)).max_tokens == 5
        assert not set(read(**{name: 5}).sampling.passed_on) & set(LENGTHS)
    assert read(**dict.fromkeys(LENGTHS, 5)).max_tokens == 5
    for one, other in itertools.permutations(LENGTHS, 2):
        with pytest.raises(InvalidRequest, match="contradict"):
            read(**{one: 5, other: 7})


@pytest.mark.parametrize("length", [0, -2, 2**31, 1.5, True, "5"])
def test_what_is_no_length(length: Any) -> None:
    for name, read in itertools.product(LENGTHS, (completion, chat)):
        with pytest.raises(InvalidRequest) as refused:
            read(**{name: length})
        assert refused.value.param == name


def test_an_answer_of_no_tokens_is_the_same_each_time() -> None:
    assert completion(max_tokens=0, echo=True, temperature=0.8).temperature == 0


@pytest.mark.parametrize("model", ["", None, "auto"])
def test_no_model_is_auto(model: Any) -> None:
    assert completion(model=model).model == chat(model=model).model == "auto"


@pytest.mark.parametrize(
    ("fields", "detailed"),
    [
        ({"explain": True}, True),
        ({"explain": False}, False),
        ({"budget": {"flops": 1}}, True),
        ({"budget": {"policy": "single"}}, False),
        ({"budget": {}}, False),
        ({"tests": {"kind": "io", "cases": [{"stdin": "", "stdout": ""}]}}, True),
    ],
)
def test_what_asks_for_details(fields: dict[str, Any], detailed: bool) -> None:
    assert completion(stream=True, **fields).detailed is detailed
    assert completion(**fields).detailed is bool(fields.get("explain"))


@pytest.mark.parametrize("best_of", [None, 2])
def test_best_of_is_no_more_than_n(best_of: int | None) -> None:
    assert completion(n=2, best_of=best_of).n == 2


def test_the_operators_limit_on_n() -> None:
    body = json.dumps({"prompt": "x", "n": 4}).encode()
    assert only(COMPLETIONS.read(body, {}, RequestLimits(max_n=4))).n == 4
    with pytest.raises(InvalidRequest, match="at most 3"):
        COMPLETIONS.read(body, {}, RequestLimits(max_n=3))
