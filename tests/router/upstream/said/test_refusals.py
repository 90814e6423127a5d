"""Errors of servers, in the shapes that they are seen in."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request import SampleRequest, TextPrompt
from router.upstream.asking import COMPLETIONS, Asking
from router.upstream.said.refusals import LONGEST_RETRY_S, Refusal, read_refusal

SENT = ("model", "stream", "max_tokens", "logprobs", "stream_options", "stop", "temperature")
JARGON = ("max_tokens", "logprobs", "stream_options")

NAMED: dict[str, tuple[object, str | None]] = {
    "OpenAI's param": (
        {"error": {"message": "Unsupported parameter", "param": "logprobs", "code": "x"}},
        "logprobs",
    ),
    "a param of the body": ({"error": {"message": "no", "param": "body.stop[0]"}}, "stop"),
    "FastAPI's list": (
        {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs", "input": 1}]},
        "stream_options",
    ),
    "FastAPI's text": ({"detail": "logprobs is not supported"}, "logprobs"),
    "quotes": ({"error": {"message": "property 'logprobs' is unsupported"}}, "logprobs"),
    "backticks": ({"message": "`stream` must be false with `logprobs`"}, "stream"),
    "a bare word": ({"error": "stream_options is not permitted with this model"}, "stream_options"),
    "plain text": ("max_tokens: unknown field", "max_tokens"),
    "English": ({"error": {"message": "the model cannot stream at this temperature"}}, None),
    "part of a word": ({"error": {"message": "no top_logprobs, no max_tokens_total"}}, None),
    "a part of an object": ({"error": {"message": "body.logprobs.x is wrong"}}, None),
    "something not sent": ({"error": {"message": "x", "param": "tools"}}, None),
    "nothing": ({}, None),
    "a list": ([1, 2], None),
    "a number": (5, None),
    "param a number": ({"error": {"message": "x", "param": 5}}, None),
    "detail of anything": ({"detail": [5, {"loc": 3}, {"loc": []}, {"msg": "y"}]}, None),
}


@pytest.mark.parametrize(("shape", "field"), NAMED.values(), ids=NAMED)
def test_the_field_at_fault(shape: object, field: str | None) -> None:
    raw = shape if isinstance(shape, str) else json.dumps(shape)
    for told in (raw, raw.encode()):
        assert read_refusal(400, told).field(SENT, JARGON) == field


TOO_LONG: dict[str, object] = {
    "OpenAI": {"code": "context_length_exceeded", "message": "Please reduce your prompt."},
    "vLLM": {"message": "This model's maximum context length is 2048 tokens.", "code": 400},
    "vLLM's limit": {"message": "max_tokens=5000 cannot be greater than max_model_len=2048."},
    "llama.cpp": {"type": "exceed_context_size_error", "message": "request (9 tokens) exceeds it"},
    "Mistral": {"message": "Prompt too large for model with 4096 maximum context"},
}


@pytest.mark.parametrize("error", TOO_LONG.values(), ids=TOO_LONG)
def test_what_is_too_long_is_known_by_any_of_its_names(error: object) -> None:
    assert read_refusal(400, json.dumps({"error": error})).of_the_length


def test_what_is_not_about_the_length() -> None:
    assert not read_refusal(400, "the context of your question is missing").of_the_length


@pytest.mark.parametrize(
    ("status", "faulty"), [(400, True), (422, True), (413, True), (401, False), (403, False),
                           (404, False), (429, False), (500, False), (302, False),
                           (402, False), (405, False), (407, False)]
)  # fmt: skip
def test_whose_fault_a_status_is(status: int, faulty: bool) -> None:
    assert read_refusal(status, "no").of_the_request == faulty


def test_an_error_in_a_stream_has_the_status_that_is_written_in_it() -> None:
    assert read_refusal(500, {"error": {"message": "no", "code": 400}}).status == 400
    assert read_refusal(500, {"error": {"message": "no", "code": "x"}}).status == 500
    assert read_refusal(500, {"error": {"message": "no", "code": 7}}).status == 500
    assert read_refusal(400, {"error": {"message": "no", "code": 500}}).status == 400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("-3", 1),
        ("1.4", 1),
        ("1e9", LONGEST_RETRY_S),
        ("inf", LONGEST_RETRY_S),
        ("nan", LONGEST_RETRY_S),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_S),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_how_long_to_wait(header: str | None, seconds: int | None) -> None:
    assert read_refusal(429, "busy", header).retry_after_s == seconds


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "loc", "msg", "param", "code", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(anything)
def test_any_shape_is_an_error_with_words(shape: Any) -> None:
    refusal = read_refusal(400, shape)
    assert isinstance(refusal, Refusal)
    assert refusal.message.encode()
    assert refusal.field(SENT, JARGON) in {*SENT, None}


QUOTED: dict[str, tuple[str, str, str, bool]] = {
    "name and value": ("Invalid reasoning_effort: maximal", "reasoning_effort", "maximal", True),
    "plain words": ("no reasoning effort is MAXIMAL", "reasoning_effort", "maximal", True),
    "a hyphen": ("Reasoning-Effort 'maximal'?", "reasoning_effort", "maximal", True),
    "at once": ("effort=high", "effort", "high", True),
    "letters that fold to more": ("strasse: GROSS", "straße", "groß", True),
    "the value is found later": ("effort highest, not high", "effort", "high", True),
    "the name is found later": ("no efforts, effort: high", "effort", "high", True),
    "the value before": ("maximal is no effort", "effort", "maximal", False),
    "a part of a name": ("reasoning_effort: high", "effort", "high", False),
    "a part of a value": ("effort: highest", "effort", "high", False),
    "another field": ("stop: high", "effort", "high", False),
    "no value": ("effort: none", "effort", "", False),
}


@pytest.mark.parametrize(("message", "name", "value", "quoted"), QUOTED.values(), ids=QUOTED)
def test_what_of_the_clients_a_message_quotes(
    message: str, name: str, value: str, quoted: bool
) -> None:
    assert Refusal(500, message).quotes_any([("other", "x"), (name, value)]) is quoted


@pytest.mark.parametrize(("name", "length"), [("user", 200_000), ("x" * 200_000, 1)])
def test_what_a_message_has_no_room_for_is_not_worked_on(name: str, length: int) -> None:
    """By what is allocated: nothing is made of it, and nothing kept."""
    sent = {name: "a" * length}
    request = SampleRequest(TextPrompt("x"), sent, None, frozenset({"model", *sent}))
    asking = Asking(COMPLETIONS, {"model": "m", **sent}, request)
    refusal = read_refusal(500, "the user a is unknown " * 80)
    tracemalloc.start()
    try:
        asking.failure("m", refusal)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
