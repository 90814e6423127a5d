"""How long a prompt may be where nobody counts it."""

import json
from typing import Any

import pytest
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


LONG = "word " * 4000


@pytest.mark.parametrize(
    "message",
    [
        {"role": LONG, "content": "hi"},
        {"role": "user", "content": "hi", "name": LONG},
        {"role": "user", "content": [{"type": "text", "text": "hi", "note": LONG}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {}, "text": LONG}]},
        {"role": "user", "content": [{"type": "document", "document": {"text": LONG}}]},
        {"role": "user", "content": [{"type": "refusal", "refusal": LONG}]},
        {"role": "user", "content": {"text": LONG, "type": 5}},
        {"role": "user", "content": [[LONG]]},
    ],
    ids=lambda message: "-".join(map(str, message))[:20],
)
def test_the_bound_has_every_string_of_a_message(message: dict[str, Any]) -> None:
    length = guessed(ChatPrompt((message,)))
    assert length.most >= len(LONG)
    assert length.tokens >= len(LONG) / 5


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image_url", "image_url": {"url": "data:x"}, "text": "hi"},
        {"type": "text", "text": "hi", "image_url": {"url": "data:x"}},
        {"text": "hi", "input_audio": {"data": "x"}},
        {"type": "image", "text": "hi", "source": {"data": "x"}},
    ],
)
def test_an_image_that_says_something_is_still_an_image(image: dict[str, Any]) -> None:
    length = guessed(ChatPrompt(({"role": "user", "content": [image]},)))
    assert length.tokens > TOKENS_OF_A_PART
    assert length.most > MOST_TOKENS_OF_A_PART


def test_usual_roles_and_texts_cost_no_more_than_their_text() -> None:
    def chat(content: object) -> ChatPrompt:
        return ChatPrompt(({"role": "user", "content": content},))

    assert guessed(chat("hi")) == guessed(chat([{"type": "text", "text": "hi"}]))
    assert not kinds_of_parts(chat([{"type": "text", "text": "hi"}, "hi", {"text": "hi"}]))
    assert kinds_of_parts(chat([{"type": "image_url", "text": "hi"}])) == {"image"}


@pytest.mark.parametrize("name", ["documents", "chat_template_kwargs", "template_of_tomorrow"])
def test_the_bound_has_whatever_a_template_may_be_given(name: str) -> None:
    message = {"role": "user", "content": "hi"}
    plain, asked = ChatPrompt((message,)), ChatPrompt((message,), fields={name: [LONG]})
    assert guessed(asked).most >= guessed(plain).most + len(LONG)
    assert guessed(asked).tokens >= guessed(plain).tokens


def test_a_template_of_the_clients_own_says_its_own_around_each_message() -> None:
    messages = tuple({"role": "user", "content": "hi"} for _ in range(10))
    fields = {"chat_template": f"{{% for m in messages %}}{LONG}{{{{ m.content }}}}{{% endfor %}}"}
    assert guessed(ChatPrompt(messages, fields=fields)).most >= 10 * len(LONG)
