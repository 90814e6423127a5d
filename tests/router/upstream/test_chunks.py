import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.upstream.chunks import (
    Chunk,
    MalformedChunk,
    TokenLogprob,
    Usage,
    mended,
    parse_chunk,
    parse_json,
)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
logprobs = st.floats(-1e6, 0)
entries = st.lists(
    st.builds(
        TokenLogprob,
        texts,
        logprobs,
        st.dictionaries(texts, logprobs, max_size=3).map(lambda top: tuple(top.items())),
    ),
    max_size=4,
).map(tuple)
chunks = st.builds(
    Chunk,
    index=st.integers(0, 9),
    text=texts,
    tokens=st.none() | entries,
    finish_reason=st.none() | st.sampled_from(["stop", "length"]),
)


def content(tokens: tuple[TokenLogprob, ...] | None) -> dict[str, Any] | None:
    """Log-probabilities as chats and llama.cpp send them."""
    if tokens is None:
        return None
    return {
        "content": [
            {
                "token": token.token,
                "logprob": token.logprob,
                "bytes": None,
                "top_logprobs": [{"token": name, "logprob": value} for name, value in token.top],
            }
            for token in tokens
        ]
    }


def lists(tokens: tuple[TokenLogprob, ...] | None) -> dict[str, Any] | None:
    """Log-probabilities as vLLM sends those of completions."""
    if tokens is None:
        return None
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(token.top) or None for token in tokens],
        "text_offset": [0] * len(tokens),
    }


def parsed(event: object, last_finished: int | None = None) -> list[Chunk]:
    return list(parse_chunk(parse_json(json.dumps(event)), last_finished=last_finished))


@given(chunks)
def test_every_shape_of_a_chunk_reads_back(chunk: Chunk) -> None:
    common = {"index": chunk.index, "finish_reason": chunk.finish_reason}
    for said in ({"text": chunk.text}, {"delta": {"content": chunk.text}}):
        for shape in (content, lists):
            choice = common | said | {"logprobs": shape(chunk.tokens)}
            # An empty list tells nothing of a text's tokens.
            expected = replace(chunk, tokens=chunk.tokens or None, said=True)
            assert parsed({"choices": [choice]}) == [expected]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "index",
                        "text",
                        "delta",
                        "logprobs",
                        "usage",
                        "tokens",
                        "content",
                        "finish_reason",
                        "token_logprobs",
                        "prompt_tokens",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_garbage_is_a_malformed_chunk_or_a_sound_one(event: Any) -> None:
    try:
        found = list(parse_chunk(event, last_finished=0))
    except MalformedChunk:
        return
    for chunk in found:
        assert chunk.text.encode() is not None
        assert all(math.isfinite(token.logprob) for token in chunk.tokens or ())
        assert chunk.usage is None or chunk.usage.completion_tokens >= 0


def test_usage_on_a_finish_chunk_belongs_to_its_choice() -> None:
    counted = {"prompt_tokens": 3, "completion_tokens": 5}
    choice = {"index": 1, "text": "", "logprobs": None, "finish_reason": "stop"}
    (chunk,) = parsed({"choices": [choice], "usage": counted})
    assert chunk == Chunk(1, finish_reason="stop", usage=Usage(3, 5), said=True)
    (running,) = parsed({"choices": [choice | {"finish_reason": None}], "usage": counted})
    assert running.usage is None


def test_usage_without_a_choice_belongs_to_the_one_that_finished_last() -> None:
    lone = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    assert parsed(lone, last_finished=2) == [Chunk(2, usage=Usage(3, 5))]
    assert parsed(lone) == []
    assert parsed({"choices": []}, last_finished=0) == []


def test_several_choices_in_one_chunk_share_no_usage() -> None:
    choice = {"text": "x", "finish_reason": "stop"}
    counted = {"prompt_tokens": 3, "completion_tokens": 5}
    found = parsed({"choices": [choice, choice | {"index": 1}], "usage": counted})
    assert [(chunk.index, chunk.usage) for chunk in found] == [(0, None), (1, None)]


@pytest.mark.parametrize("reason", [None, ""])
def test_an_empty_finish_reason_is_none(reason: str | None) -> None:
    (chunk,) = parsed({"choices": [{"text": "x", "finish_reason": reason}]})
    assert chunk.finish_reason is None


@pytest.mark.parametrize(
    ("chunk", "tokens"),
    [
        (Chunk(0, "x"), 1),
        (Chunk(0, ""), 0),
        (Chunk(0, "xyz", (TokenLogprob("x", -1), TokenLogprob("yz", -1))), 2),
        (Chunk(0, "", (TokenLogprob("", -1),)), 1),
    ],
)
def test_the_least_tokens_of_a_chunk(chunk: Chunk, tokens: int) -> None:
    assert chunk.least_tokens(token_per_chunk=False) == tokens


@pytest.mark.parametrize("delta", [{"reasoning_content": "hm"}, {"tool_calls": [{"index": 0}]}])
def test_what_is_no_part_of_the_answer_costs_tokens_too(delta: dict[str, Any]) -> None:
    (chunk,) = parsed({"choices": [{"delta": delta | {"role": "assistant", "content": None}}]})
    assert (chunk.text, chunk.unsaid, chunk.moves) == ("", True, True)
    assert chunk.least_tokens(token_per_chunk=False) == 1


@pytest.mark.parametrize("delta", [{}, {"role": "assistant"}, {"reasoning_content": ""}])
def test_a_delta_that_says_nothing_costs_nothing(delta: dict[str, Any]) -> None:
    (chunk,) = parsed({"choices": [{"delta": delta}]})
    assert not chunk.unsaid
    assert not chunk.moves
    assert chunk.least_tokens(token_per_chunk=False) == 0


@given(st.text())
def test_mended_text_can_be_encoded_and_sound_text_is_left_alone(text: str) -> None:
    assert mended(text).encode("utf-8") is not None
    assert mended(text) == text or any("\ud800" <= c <= "\udfff" for c in text)
    assert mended(mended(text)) == mended(text)


def test_a_pair_of_halves_becomes_its_character() -> None:
    assert mended("\ud83e\udd8a") == "🦊"
    assert mended("a\ud83eb") == "a\ufffdb"
