"""How long a prompt may be where nobody counts it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from router.request import ChatPrompt, TextPrompt
from router.upstream.lengths import MOST_TOKENS_OF_A_PART, TOKENS_OF_A_PART, guessed, kinds_of_parts

CODE = '''def truncate_number(number: float) -> float:
    """ Given a positive floating point number, it can be decomposed into
    and integer part (largest integer smaller than given number) and decimals
    (leftover part always smaller than 1).
    """
'''
CODE_TOKENS = 55  # Qwen2.5's tokenizer


@given(st.text())
def test_a_guess_is_below_its_bound_and_bytes_are_its_bound(text: str) -> None:
    length = guessed(TextPrompt(text))
    assert length.bound == length.most == len(text.encode()) + 1
    assert 1 <= length.tokens <= length.most


def test_a_guess_is_about_right_for_code() -> None:
    assert CODE_TOKENS * 0.8 < guessed(TextPrompt(CODE)).tokens < CODE_TOKENS * 1.4


def test_the_bytes_of_an_image_are_no_tokens() -> None:
    def chat(data: str) -> ChatPrompt:
        url = f"data:image/png;base64,{data}"
        image = {"type": "image_url", "image_url": {"url": url}}
        return ChatPrompt(({"role": "user", "content": [{"type": "text", "text": "?"}, image]},))

    small, large = guessed(chat("AA")), guessed(chat("A" * 1_000_000))
    assert small == large
    assert small.tokens > TOKENS_OF_A_PART
    assert small.most > MOST_TOKENS_OF_A_PART
    assert kinds_of_parts(chat("AA")) == {"image"}


def test_all_that_a_message_says_counts() -> None:
    call = {"id": "x", "function": {"name": "f", "arguments": "{}" * 100}}
    plain = ChatPrompt(({"role": "assistant", "content": None},))
    calling = ChatPrompt(({"role": "assistant", "content": None, "tool_calls": [call]},))
    assert guessed(calling).most - guessed(plain).most >= len(json.dumps(call))


def test_parts_of_any_shape_are_taken() -> None:
    parts = [5, None, {"type": 3}, {"type": "refusal", "refusal": "no"}, "text", {"text": 5}]
    assert guessed(ChatPrompt(({"role": "user", "content": parts},))).tokens
    assert kinds_of_parts(ChatPrompt(({"role": "user", "content": parts},))) == {"refusal"}
