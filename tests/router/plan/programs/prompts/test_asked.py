import pytest

from router.plan.programs.prompts import asked, examples
from router.plan.programs.prompts.asked import LONGEST, texts_of
from router.plan.programs.prompts.examples import entry_point_of, examples_of
from router.plan.programs.prompts.literals import Literals
from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt

HEAD = "def f(x):\n"


def chat(*messages: str) -> ChatPrompt:
    return ChatPrompt(tuple({"role": "user", "content": message} for message in messages))


ASKED: dict[str, tuple[Prompt, str | None]] = {
    "a docstring": (TextPrompt(f"{HEAD}    '''Doc.'''\n"), "f"),
    "a docstring that is open": (TextPrompt('def f(x):\n    """Doc.\n'), "f"),
    "a head": (TextPrompt("import re\n\nasync def f(\n    x,\n) -> int:\n"), "f"),
    "the last of two": (TextPrompt(f'def g(x):\n    """Doc."""\n    return x\n\n{HEAD}'), "f"),
    "a body that goes on": (TextPrompt(f"{HEAD}    y = 1\n    if x:\n        return 1\n"), "f"),
    "a helper within": (TextPrompt(f"{HEAD}    def g(y):\n        return y\n    z ="), "f"),
    "a body that is over": (TextPrompt(f"{HEAD}    return 1\n"), "f"),
    "two that are over": (TextPrompt(f"{HEAD}    return 1\ndef g(x):\n    return 2\n"), None),
    "code after it": (TextPrompt("def f(x):\n    return 1\n\ndef g(): return 2\n\nx = 1\n"), None),
    "a method": (TextPrompt("class A:\n    def f(self, x):\n        '''Doc.'''\n"), None),
    "a class": (TextPrompt("class A:\n    x = 1\n"), None),
    "a middle": (TextPrompt(HEAD, "\ndef g(x):\n    pass\n"), "f"),
    "prose": (TextPrompt("Write a function that adds.\nassert f(1, 2) == 3\n[BEGIN]\n"), "f"),
    "a few that are shown first": (
        TextPrompt("assert g(1) == 2\ndef g(x): return 2\n\nassert set(f(1)) == set(g(2))\n"),
        "f",
    ),
    "tokens": (TokenPrompt((1, 2)), None),
    "nothing": (TextPrompt(""), None),
    "a signature in backticks": (chat("Write `add(a, b)`, which sums. Don't use `sum()`."), "add"),
    "a name in backticks": (chat("Please implement the function `add`."), "add"),
    "a name without": (chat("Write a function called add_all that adds."), "add_all"),
    "a call in a sentence": (chat("Write a Python function add(a, b) that adds."), "add"),
    "a stub": (chat(f"Fill this in:\n```python\ndef g(): return 1\n{HEAD}    pass\n```"), "f"),
    "two stubs": (chat(f"{HEAD}    ...\n\ndef g(x):\n    ...\n"), None),
    "a function to be mended": (chat(f"What is wrong?\n```\n{HEAD}    return x\n```"), "f"),
    "an assertion": (chat("It must pass:\nassert math.isclose(area(1), 3.1)"), "area"),
    "an example": (chat("Sum them: total([1, 2]) -> 3"), "total"),
    "two in examples": (chat("f(1) == 2\ng(1) == 2"), None),
    "two in examples, one of them named": (chat("Write `f`: f(1) == 2, unlike g(1) == 3"), "f"),
    "two in names": (chat("Write `f(x)` and `g(x)`."), None),
    "no name at all": (chat("Sort a list."), None),
    "the message before": (chat("Write `add(a, b)`.", "Make it faster."), "add"),
    "parts": (
        ChatPrompt(({"role": "user", "content": [{"type": "text", "text": "Write `f(x)`."}]},)),
        "f",
    ),
    "odd messages": (
        ChatPrompt(({"role": "user"}, {"role": "user", "content": [1, {"text": 2}]}, {})),
        None,
    ),
}


@pytest.mark.parametrize(("prompt", "name"), ASKED.values(), ids=ASKED)
def test_the_function_that_is_asked_for(prompt: Prompt, name: str | None) -> None:
    assert entry_point_of(prompt) == name
    if name is None:
        assert examples_of(prompt) == ()


def test_of_a_chat_so_much_is_read_in_all_the_newest_first() -> None:
    old, new = "a" * LONGEST, "b" * (LONGEST - 3)
    assert texts_of(chat(old, old, "", new)) == ("aaa", new)
    assert texts_of(chat(old, new, old)) == (old,)
    assert texts_of(chat("x", "y")) == ("x", "y")


def test_how_many_values_are_read_does_not_go_by_the_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each `Literals` reads so much in all, and one more for each message would be no bound."""
    made: list[int] = []

    class Counted(Literals):
        def __init__(self, characters: int) -> None:
            made.append(characters)
            super().__init__(characters)

    for module in (asked, examples):
        monkeypatch.setattr(module, "Literals", Counted)
    read = []
    for messages in (1, 16):
        made.clear()
        said = [f"No word of one, {at}." for at in range(messages)]
        assert not examples_of(chat(*said), "f")
        assert entry_point_of(chat(*said)) is None
        read.append(sum(made))
    assert read[0] == read[1]
