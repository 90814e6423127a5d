"""Which program is tested, from the model's answer to the verdict, in a real sandbox."""

from typing import Any

import pytest
from judged_answers import Case, asserts, verdicts

pytestmark = pytest.mark.anyio


def pytests(code: str) -> dict[str, Any]:
    return {"kind": "pytest", "code": code}


ADDS = asserts("assert add(2, 3) == 5\nassert add(0, -1) == -1\n")
DOUBLES = {"kind": "io", "cases": [{"stdin": "4\n", "stdout": "8\n"}]}
CALLS = {"kind": "calls", "entry_point": "add", "cases": [{"args": [2, 3], "expected": 5}]}
ADD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a * b\n"
EXAMPLE = "    ```\n    add(1, 1)\n    ```\n"
SPAN = (
    "from dataclasses import dataclass\n\n@dataclass\nclass Span:\n    start: int\n    end: int\n\n"
)
SIDE = "from enum import Enum\n\nclass Side(Enum):\n    LEFT = 1\n    RIGHT = 2\n\n"
DOUBLE = "print(2 * int(input()))\n"


def block(code: str, info: str = "python", fence: str = "```") -> str:
    return f"{fence}{info}\n{code}{fence}\n"


def within(mark: str, text: str) -> str:
    return "".join(mark + line for line in text.splitlines(keepends=True))


CHATS: dict[str, Case] = {
    "commands first": Case("Run:\n" + block("python3 a.py\n", "bash") + block(DOUBLE), DOUBLES),
    "output last": Case(block(DOUBLE) + "It prints\n" + block("8\n", ""), DOUBLES),
    "an untagged program": Case("Here.\n" + block(DOUBLE, ""), DOUBLES),
    "a helper in another block": Case(
        block("def twice(n):\n    return 2 * n\n\nprint(twice(int(input('n? '))))\n")
        + "So the program is\n"
        + block("print(twice(int(input())))\n"),
        DOUBLES,
    ),
    "a list": Case("1. This:\n\n" + within("   ", block(ADD)) + "2. Done.\n", ADDS),
    "the mark of a list": Case("- " + within("  ", block(ADD))[2:] + "- Done.\n", ADDS),
    "a quote": Case("As they say:\n" + within("> ", block(ADD)), ADDS),
    "a fence in a docstring": Case(
        block(f'def add(a, b):\n    """As in\n\n{EXAMPLE}    """\n    return a + b\n'), ADDS
    ),
    "a fence in a text": Case(block(f'TEXT = """\n{block("x")}"""\n{ADD}'), ADDS),
    "a longer fence": Case(block(block(ADD), "markdown", "````"), ADDS),
    "tildes": Case(block(ADD, "py", "~~~"), ADDS),
    "closed after code": Case(f"```python\n{ADD.rstrip()}```\nThat is all.", ADDS),
    "never closed": Case(f"Here:\n```python\n{ADD}", ADDS),
    "a thought": Case(f"<think>\n{block(WRONG)}No.\n</think>\n{block(ADD)}", ADDS),
    "a thought afterwards": Case(f"{block(ADD)}<think>Or\n{block(WRONG)}</think>", ADDS),
    "the end of a thought": Case(f"Maybe\n{block(WRONG)}</think>\n\n{block(ADD)}", ADDS),
    "a thought without block": Case(f"<think>easy</think>\n{ADD}", ADDS),
    "a second try": Case(f"{block(WRONG)}That is wrong.\n{block(ADD)}", ADDS),
    "a worse second try": Case(f"{block(ADD)}Better:\n{block(WRONG)}", ADDS, verdict="failed"),
    "no language": Case(block(ADD, ""), ADDS),
    "attributes": Case(block(ADD, 'python title="add.py" linenos'), ADDS),
    "another language": Case(block(ADD) + block("def add(a, b) = a\n", "scala"), ADDS),
    "tests in another block": Case(
        block(ADD) + "Tests:\n" + block("from solution import add\nassert add(1, 1) == 3\n"), ADDS
    ),
    "a demonstration before": Case(
        block("def neg(x):\n    return -x\n\nn = int(input())\nprint(neg(n))\n")
        + block("def add(a, b):\n    return a - neg(b)\n"),
        ADDS,
    ),
    "an import in another block": Case(
        block("import operator\n") + block("def add(a, b):\n    return operator.add(a, b)\n"), ADDS
    ),
    "an import of another answer": Case(block("import no_such_thing\n" + WRONG) + block(ADD), ADDS),
    "a class and a function": Case(
        block("class Pair:\n    def __init__(self, a, b):\n        self.a, self.b = a, b\n")
        + block("def total(pair):\n    return pair.a + pair.b\n"),
        asserts("assert total(Pair(1, 2)) == 3", "total"),
    ),
    "calls": Case(block(ADD) + block("print(add(1, 1))\n"), CALLS),
    "pytest": Case(
        block(ADD) + block("def test_it():\n    assert add(1, 1) == 2\n"),
        pytests("from solution import add\n\ndef test_add():\n    assert add(2, 3) == 5\n"),
    ),
    "pytest, two blocks": Case(
        block("def sub(a, b):\n    return a - b\n") + block(ADD),
        pytests(
            "from solution import add, sub\n\ndef test():\n    assert add(1, sub(3, 1)) == 3\n"
        ),
    ),
    "pytest, the module": Case(
        block(ADD) + block("x = 1\n"),
        pytests("import solution\n\ndef test():\n    assert solution.add(1, 2) == 3\n"),
    ),
    "no program": Case("I cannot do that.", ADDS, verdict="failed"),
    "no block": Case(ADD, ADDS),
}
PROMPTS: dict[str, Case] = {
    "a dataclass": Case(
        "    return Span(s.end, s.start)\n",
        asserts("assert flip(Span(1, 2)) == Span(2, 1)\nassert flip(Span(0, 0)).end == 0", "flip"),
        SPAN + "def flip(s: Span) -> Span:\n    '''Ends exchanged.'''\n",
    ),
    "a dataclass that a helper uses": Case(
        "    return width(s) == 0\n",
        asserts("assert is_empty(Span(1, 1))\nassert width(Span(1, 4)) == 3", "is_empty"),
        SPAN + "def width(s: Span) -> int:\n    return s.end - s.start\n\n"
        "def is_empty(s: Span) -> bool:\n",
    ),
    "an enum": Case(
        "    return Side.RIGHT if side is Side.LEFT else Side.LEFT\n",
        asserts("assert other(Side.LEFT) is Side.RIGHT\nassert Side.LEFT != Side.RIGHT", "other"),
        SIDE + "def other(side):\n",
    ),
    "an exception": Case(
        "    raise Refused(reason)\n",
        asserts(
            "try:\n    refuse('late')\nexcept Refused as error:\n    assert str(error) == 'late'\n"
            "else:\n    assert False",
            "refuse",
        ),
        "class Refused(Exception):\n    '''No.'''\n\ndef refuse(reason):\n",
    ),
    "a cache": Case(
        "    SEEN[key] = value\n",
        asserts("keep('a', 1)\nassert look('a') == 1\nassert SEEN == {'a': 1}", "keep"),
        "SEEN = {}\n\ndef look(key):\n    return SEEN.get(key)\n\ndef keep(key, value):\n",
    ),
    "a cache that tests do not name": Case(
        "    SEEN[key] = value\n",
        asserts("keep('a', 1)\nassert look('a') == 1", "keep"),
        "SEEN = {}  # kept\n\ndef look(key):\n    return SEEN.get(key)\n\ndef keep(key, value):\n",
    ),
    "a counter": Case(
        "    global COUNT\n    COUNT += 1\n",
        asserts("tick()\ntick()\nassert ticks() == 2", "tick"),
        "COUNT = 0\n\ndef ticks():\n    return COUNT\n\ndef tick():\n",
    ),
    "a list that a function keeps": Case(
        "    remember(x)\n",
        asserts("note(1)\nassert remember(2) == [1, 2]", "note"),
        "def remember(x, seen=[]):\n    seen.append(x)\n    return seen\n\ndef note(x):\n",
    ),
    "helpers that stand alone": Case(
        "    return 0.5\n",
        asserts("assert math.isclose(value([1, -2], root([1, -2])), 0)", "root"),
        "import math\n\ndef value(xs: list, x: float):\n"
        "    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n\ndef root(xs: list):\n",
    ),
    "helpers that the answer replaces": Case(
        "    return 1\n\ndef value(xs, x):\n    return 0\n",
        asserts("assert value([1, -2], root([1, -2])) == 0", "root"),
        "def value(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\ndef root(xs):\n",
        verdict="failed",
    ),
    "calls": Case("    return LEAST + a + b\n", CALLS, "LEAST = 0\n\ndef add(a, b):\n"),
    "a whole program": Case(" * int(input()))\n", DOUBLES, "print(2"),
}  # fmt: skip


async def test_the_program_of_a_chat_gets_its_verdict() -> None:
    found = await verdicts(CHATS)
    assert {k: v.verdict for k, v in found.items()} == {k: c.verdict for k, c in CHATS.items()}


async def test_what_a_prompt_defines_is_the_programs() -> None:
    found = await verdicts(PROMPTS)
    assert {k: v.verdict for k, v in found.items()} == {k: c.verdict for k, c in PROMPTS.items()}
