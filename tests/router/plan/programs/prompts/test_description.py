"""What an answer is to do, in words."""

from __future__ import annotations

import pytest

from router.plan.programs import description_of
from router.request import ChatPrompt, TextPrompt, TokenPrompt

SHOTS = (
    "Old.\n\nassert f(1) == 2\n[DONE]\n\nWrite square.\nNow.\n \nassert square(2) == 4\n[BEGIN]\n"
)
HEAD = "import math\n\ndef other():\n    '''Another.'''\n\ndef square(n: int) -> int:\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            HEAD + '    """Its square.\n\n    Of n.\n    >>> square(2)\n    4\n    """\n',
            "Its square.\n\nOf n.",
        ),
        (
            HEAD + "    '''assert it squares.'''\n",
            "def square(n: int) -> int:\n    '''assert it squares.'''",
        ),
        (HEAD, "def square(n: int) -> int:"),
        (SHOTS, "Write square.\nNow."),
        ("assert f(1) == 2\n", ""),
        ("", ""),
    ],
    ids=["docstring", "no words", "no docstring", "few shots", "calls alone", "nothing"],
)
def test_of_a_completion(text: str, words: str) -> None:
    assert description_of(TextPrompt(text), "square") == words


def test_of_a_chat_what_was_said_last() -> None:
    said = ["Hello.", "Write square.\n\nIt is for n.\n\nassert square(2) == 4\n"]
    messages = tuple({"role": "user", "content": each} for each in said)
    assert description_of(ChatPrompt(messages), "square") == "Write square.\n\nIt is for n."
    only = ({"role": "user", "content": "assert square(2) == 4"},)
    assert description_of(ChatPrompt(only), "square") == "assert square(2) == 4"


def test_token_numbers_say_nothing() -> None:
    assert description_of(TokenPrompt((1, 2)), "square") == ""
