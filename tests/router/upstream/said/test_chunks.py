import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.upstream.said.chunks import (
    Chunk,
    MalformedChunk,
    TokenLogprob,
    Usage,
    parse_chunk,
    parse_json,
)
from router.upstream.said.texts import Halves, mended

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
    assert parsed(lone) == [Chunk(0, usage=Usage(3, None, together=5))]  # of all choices together
    assert parsed({"choices": []}, last_finished=0) == []


def test_several_choices_in_one_chunk_share_no_usage() -> None:
    choice = {"text": "x", "finish_reason": "stop"}
    counted = {"prompt_tokens": 3, "completion_tokens": 5}
    found = parsed({"choices": [choice, choice | {"index": 1}], "usage": counted})
    whole, *choices = found
    assert (whole.of_prompt, whole.usage) == (True, Usage(3, None, together=5))
    assert [(chunk.index, chunk.usage) for chunk in choices] == [(0, None), (1, None)]


@pytest.mark.parametrize("reason", [None, ""])
def test_an_empty_finish_reason_is_none(reason: str | None) -> None:
    (chunk,) = parsed({"choices": [{"text": "x", "finish_reason": reason}]})
    assert chunk.finish_reason is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("end_turn", "stop"),
        ("model_length", "length"),
        ("max_tokens", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
    ],
)
def test_how_an_answer_ends_is_told_in_openais_words(told: str, reason: str) -> None:
    for said in ({"text": "x"}, {"delta": {}}):
        (chunk,) = parsed({"choices": [said | {"finish_reason": told}]})
        assert chunk.finish_reason == reason


def test_a_content_in_parts_is_the_text_among_them() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    said = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    (thought,) = parsed({"choices": [{"delta": {"content": [thinking]}}]})
    assert (thought.text, thought.unsaid) == ("", True)
    for key in ("delta", "message"):
        (chunk,) = parsed({"choices": [{key: {"content": [thinking, *said]}}]})
        assert chunk.text == "ab"
    with pytest.raises(MalformedChunk):
        parsed({"choices": [{"delta": {"content": ["a"]}}]})


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 4},
        {"prompt_tokens": 4, "completion_tokens": None},
        {"completion_tokens": 4},
        {},
    ],
)
def test_a_usage_without_the_prompts_or_the_answers_tokens_tells_nothing(
    usage: dict[str, Any],
) -> None:
    (chunk,) = parsed({"choices": [{"text": "x", "finish_reason": "stop"}], "usage": usage})
    assert (chunk.text, chunk.usage) == ("x", None)
    assert parsed({"choices": [], "usage": usage}, last_finished=0) == []


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
    assert (chunk.text, chunk.unsaid) == ("", True)
    assert chunk.moves(token_per_chunk=False)
    assert chunk.least_tokens(token_per_chunk=False) == 1


@pytest.mark.parametrize("delta", [{}, {"role": "assistant"}, {"reasoning_content": ""}])
def test_a_delta_that_says_nothing_costs_nothing(delta: dict[str, Any]) -> None:
    (chunk,) = parsed({"choices": [{"delta": delta}]})
    assert not chunk.unsaid
    assert not chunk.moves(token_per_chunk=False)
    assert chunk.least_tokens(token_per_chunk=False) == 0


def test_an_empty_text_is_a_token_only_where_each_chunk_is_one() -> None:
    (chunk,) = parsed({"choices": [{"text": ""}]})
    assert chunk.moves(token_per_chunk=True)
    assert not chunk.moves(token_per_chunk=False)


@given(st.text())
def test_mended_text_can_be_encoded_and_sound_text_is_left_alone(text: str) -> None:
    assert mended(text).encode("utf-8") is not None
    assert mended(text) == text or any("\ud800" <= c <= "\udfff" for c in text)
    assert mended(mended(text)) == mended(text)


def test_a_pair_of_halves_becomes_its_character() -> None:
    assert mended("\ud83e\udd8a") == "🦊"
    assert mended("a\ud83eb") == "a\ufffdb"


@pytest.mark.parametrize(
    "pieces",
    [
        ["a\ud83e", "\udd8ab"],
        ["a", "\ud83e", "\udd8a", "b"],
        ["a\ud83e", "", "\udd8ab"],
        ["a\ud83e\udd8a", "b"],
    ],
)
def test_halves_of_a_character_are_joined_over_chunks(pieces: list[str]) -> None:
    halves: Halves = {}
    said = [
        chunk.text
        for piece in pieces
        for chunk in parse_chunk(
            {"choices": [{"index": 3, "text": piece}]}, last_finished=None, halves=halves
        )
    ]
    assert "".join(said) == "a🦊b"
    assert all(text.encode() is not None for text in said)
    assert not halves


def test_halves_are_joined_in_thoughts_and_in_each_call_by_itself() -> None:
    def calling(place: int, arguments: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": place, "function": {"arguments": arguments}}]}

    halves: Halves = {}
    deltas = [
        {"reasoning_content": "\ud83e", "content": "\ud83d"},
        *(calling(0, "\ud83e"), calling(1, "\ud83d")),
        *(calling(0, "\udd8a"), calling(1, "\udc0d")),
        {"reasoning_content": "\udd8a", "content": "\udc0d"},
    ]
    chunks = [
        chunk
        for delta in deltas
        for chunk in parse_chunk({"choices": [{"delta": delta}]}, last_finished=None, halves=halves)
    ]
    assert "".join(chunk.thought for chunk in chunks) == "🦊"
    assert "".join(chunk.text for chunk in chunks) == "🐍"
    calls = [call for chunk in chunks for call in chunk.tool_calls]
    for place, said in enumerate("🦊🐍"):
        mine = [call["function"]["arguments"] for call in calls if call["index"] == place]
        assert "".join(mine) == said
    assert not halves


def test_a_half_at_the_end_of_a_choice_is_replaced() -> None:
    halves: Halves = {}
    choices = [{"text": "a\ud83e"}, {"text": "\ud83e", "finish_reason": "stop"}]
    said = [
        chunk.text
        for choice in choices
        for chunk in parse_chunk({"choices": [choice]}, last_finished=None, halves=halves)
    ]
    assert said == ["a", "\ufffd\ufffd"]


def test_a_half_that_is_held_back_is_a_token_where_every_chunk_is_one() -> None:
    (chunk,) = parse_chunk({"choices": [{"text": "\ud83e"}]}, last_finished=None, halves={})
    assert (chunk.text, chunk.least_tokens(token_per_chunk=True)) == ("", 1)


def test_a_whole_answer_is_any_number_of_tokens() -> None:
    assert Chunk(0, "x y z", said=True, whole=True).least_tokens(token_per_chunk=True) == 1
    assert Chunk(0, "", said=True, whole=True).least_tokens(token_per_chunk=True) == 0


@pytest.mark.parametrize(("index", "reason"), [(2, "length"), (1, None)])
def test_a_text_may_end_without_one_if_it_has_spoken(index: int, reason: str | None) -> None:
    ended = {"choices": [{"index": 1, "finish_reason": "length"}]}
    chunks_read = list(parse_chunk(ended, last_finished=None, spoken={1}))
    assert chunks_read == [Chunk(1, finish_reason="length")]
    other = {"choices": [{"index": index, "finish_reason": reason}]}
    with pytest.raises(MalformedChunk):
        list(parse_chunk(other, last_finished=None, spoken={1}))


def test_a_message_is_read_like_a_delta() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    (chunk,) = parsed({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert (chunk.text, chunk.usage) == ("x", Usage(1, 2))


def test_cached_tokens_of_the_prompt_are_read() -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": None}
    lone = {"choices": [], "usage": counted}
    assert parsed(lone, last_finished=0)[0].usage == Usage(9, 1)
    counted["prompt_tokens_details"] = {"cached_tokens": 8}
    assert parsed(lone, last_finished=0)[0].usage == Usage(9, 1, 8)
    assert parsed(lone)[0].usage == Usage(9, None, 8, together=1)


def test_an_older_llama_cpp_tells_of_its_cache_beside_its_times() -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 1}
    lone = {"choices": [], "usage": counted, "timings": {"cache_n": 8, "prompt_n": 1}}
    assert parsed(lone, last_finished=0)[0].usage == Usage(9, 1, 8)


@pytest.mark.parametrize(
    ("told", "cached", "misreported"),
    [
        (None, None, False),
        (0, 0, False),
        (8.0, 8, False),
        (9, 9, False),
        (10, 9, True),
        (10**30, 9, True),
        (-1, 0, True),
        ("8", 0, True),
        (True, 0, True),
        (float("nan"), 0, True),
        (float("inf"), 0, True),
        ([8], 0, True),
        ({}, 0, True),
    ],
)
@pytest.mark.parametrize("place", ["usage", "timings", "progress"])
def test_cached_tokens_that_cannot_be_are_set_right_and_lose_no_answer(
    place: str, told: object, cached: int | None, misreported: bool
) -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 1}
    lone: dict[str, object] = {"choices": [], "usage": counted}
    match place:
        case "usage":
            lone["usage"] = counted | {"prompt_tokens_details": {"cached_tokens": told}}
        case "timings":
            lone["timings"] = {"cache_n": told}
        case _:
            lone["prompt_progress"] = {"total": 9, "cache": told, "processed": 9}
    completion = None if place == "progress" else 1
    (chunk,) = parsed(lone, last_finished=0)
    assert chunk.usage == Usage(9, completion, cached, misreported)


@pytest.mark.parametrize("details", [[], "8", 8, {"audio_tokens": 3}])
def test_details_of_another_shape_tell_nothing_of_a_cache(details: object) -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": details}
    assert parsed({"choices": [], "usage": counted}, last_finished=0)[0].usage == Usage(9, 1)


@pytest.mark.parametrize("chat", [False, True])
def test_reading_a_prompt_is_no_token(chat: bool) -> None:
    said = {"delta": {"role": "assistant", "content": None}} if chat else {"text": ""}
    choice = said | {"index": 1, "logprobs": None, "finish_reason": None}
    progress = {"total": 141, "cache": 140, "processed": 140, "time_ms": 0}
    (chunk,) = parsed({"choices": [choice], "prompt_progress": progress})
    assert chunk.usage == Usage(141, None, 140)
    assert (chunk.of_prompt, chunk.said) == (True, False)
    assert chunk.moves(token_per_chunk=True)
    assert chunk.least_tokens(token_per_chunk=True) == 0


@pytest.mark.parametrize("progress", [{}, {"total": -1}, {"total": "many"}, [], 3])
def test_progress_of_another_shape_is_no_chunk(progress: object) -> None:
    with pytest.raises(MalformedChunk):
        parsed({"choices": [], "prompt_progress": progress})


ECHOED = {
    "tokens": ["de", "f", " x", "y"],
    "token_logprobs": [None, -1.0, -2.0, -3.0],
    "top_logprobs": [None, {"f": -1.0}, {" x": -2.0}, {"y": -3.0}],
    "text_offset": [0, 2, 3, 5],
}


@pytest.mark.parametrize("said", ["prompt_token_ids", "prompt_logprobs", "usage"])
@pytest.mark.parametrize("prompt", [2, 4])
def test_an_echo_is_told_apart_from_what_follows(said: str, prompt: int) -> None:
    choice: dict[str, Any] = {"index": 0, "text": "def xy", "logprobs": ECHOED}
    event: dict[str, Any] = {"choices": [choice]}
    if said == "usage":
        event["usage"] = {"prompt_tokens": prompt, "completion_tokens": 4 - prompt}
    else:
        choice[said] = [0] * prompt
    (chunk,) = parsed(event)
    assert (chunk.text, chunk.echoed) == ("def xy", prompt)
    tokens = chunk.tokens or ()
    assert [token.token for token in tokens] == ["de", "f", " x", "y"]
    assert [token.logprob for token in tokens] == [None, -1.0, -2.0, -3.0]
    assert tokens[1].top == (("f", -1.0),)
    assert chunk.least_tokens(token_per_chunk=False) == 4 - prompt


def test_a_token_without_its_log_probability_is_no_echo() -> None:
    with pytest.raises(MalformedChunk):
        parsed({"choices": [{"text": "def xy", "logprobs": ECHOED}]})
    later = ECHOED | {"token_logprobs": [None, -1.0, None, -3.0]}
    with pytest.raises(MalformedChunk):
        parsed({"choices": [{"text": "def xy", "logprobs": later, "prompt_token_ids": [0] * 4}]})
    with pytest.raises(MalformedChunk):
        parsed(
            {"choices": [{"text": "x", "logprobs": later | {"token_logprobs": [-1.0, None] * 2}}]}
        )


def test_calls_that_are_told_whole_have_the_places_in_which_they_are_told() -> None:
    calls = [{"id": str(n), "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    (chunk,) = parsed({"choices": [{"message": {"content": None, "tool_calls": calls}}]})
    assert [call["index"] for call in chunk.tool_calls] == [0, 1]


@pytest.mark.parametrize("arguments", [{}, {"arguments": ""}, {"arguments": None}])
def test_a_call_that_begins_has_arguments_to_add_to(arguments: dict[str, Any]) -> None:
    begun = {"index": 0, "id": "a", "type": "function", "function": {"name": "f"} | arguments}
    (chunk,) = parsed({"choices": [{"delta": {"tool_calls": [begun]}}]})
    assert chunk.tool_calls == ({**begun, "function": {"name": "f", "arguments": ""}},)
    (more,) = parsed({"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{"}}]}}]})
    assert more.tool_calls == ({"index": 0, "function": {"arguments": "{"}},)
