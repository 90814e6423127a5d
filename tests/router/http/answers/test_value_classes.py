"""Value classes of a prompt, which the tests have as well, through the gateway."""

import pytest
from judged_answers import Case, Found, asserts, verdicts

pytestmark = pytest.mark.anyio

SPAN = (
    "from dataclasses import dataclass\n\n@dataclass\nclass Span:\n    start: int\n    end: int\n\n"
)
SIDE = "from enum import Enum\n\nclass Side(Enum):\n    LEFT = 1\n    RIGHT = 2\n\n"
FLIP = SPAN + "def flip(s: Span) -> Span:\n"
FLIPS = asserts(
    "assert flip(Span(1, 2)) == Span(2, 1)\nassert flip(Span(3, 3)) != Span(2, 1)", "flip"
)
OTHER = SIDE + "def other(side):\n"
OTHERS = asserts(
    "assert other(Side.LEFT) == Side.RIGHT\nassert other(Side.RIGHT) == Side.LEFT", "other"
)
PAIR = (
    "from typing import NamedTuple\n\nclass Pair(NamedTuple):\n    a: int\n    b: int = 0\n\n"
    "    def total(self):\n        return self.a + self.b\n\ndef double(p: Pair) -> Pair:\n"
)
NODE = (
    "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\n"
    "class Node:\n    value: int\n    next: Node | None = None\n\n"
    "def values(node):\n    while node:\n        yield node.value\n        node = node.next\n\n"
    "def turned(node):\n"
)
SHAPE = SPAN + "def length(s):\n    return s.end - s.start\n\n@dataclass\nclass Named(Span):\n"
VALUES: dict[str, Case] = {
    "a dataclass": Case("    return Span(s.end, s.start)\n", FLIPS, FLIP),
    "a wrong one": Case("    return Span(s.start, s.end)\n", FLIPS, FLIP, "failed"),
    "in a list, a dict and a tuple": Case(
        "    return [s], {'s': (s, Span(0, 0))}\n",
        asserts("s = Span(1, 2)\nassert flip(s) == ([s], {'s': (Span(1, 2), Span(0, 0))})", "flip"),
        FLIP,
    ),
    "one that is changed": Case(
        "    s.start, s.end = s.end, s.start\n    return s\n",
        asserts("s = Span(1, 2)\nassert flip(s) is s\nassert s == Span(2, 1)", "flip"),
        FLIP,
    ),
    "one that is kept": Case(
        "    SEEN.append(s)\n    return SEEN\n\nSEEN = []\n",
        asserts(
            "s = Span(1, 2)\nassert flip(s)[0] is s\ns.end = 5\nassert flip(s)[1].end == 5", "flip"
        ),
        FLIP,
    ),
    "a frozen one as a key": Case(
        "    return {s: 1}\n",
        asserts("assert flip(Span(1, 2)) == {Span(1, 2): 1}", "flip"),
        FLIP.replace("@dataclass", "@dataclass(frozen=True)"),
    ),
    "what the answer writes anew": Case(
        "    return Span(s.end, s.start)\n\nclass Span:\n    def __init__(self, start, end):\n"
        "        self.start, self.end = start, end\n",
        FLIPS,
        FLIP,
    ),
    "what the answer derives from": Case(
        "    return Long(s.end, s.start)\n\nclass Long(Span):\n    pass\n",
        asserts("s = flip(Span(1, 2))\nassert isinstance(s, Span) and s.end == 1", "flip"),
        FLIP,
    ),
    "what the answer goes on with": Case(
        "    name: str = ''\n\n    def longer(self):\n        return length(self) + 1\n",
        asserts("n = Named(1, 2, 'x')\nassert isinstance(n, Span) and n.longer() == 2", "length"),
        SHAPE,
        integrity="isolated",
    ),
    "an enumeration": Case("    return Side(3 - side.value)\n", OTHERS, OTHER),
    "a wrong member": Case("    return side\n", OTHERS, OTHER, "failed"),
    "flags": Case(
        "    return a | Right.WRITE\n",
        asserts(
            "assert more(Right.READ) == Right.READ | Right.WRITE\n"
            "assert more(Right.WRITE) is Right.WRITE\nassert Right.READ in more(Right.READ)",
            "more",
        ),
        "import enum\n\nclass Right(enum.Flag):\n    READ = 1\n    WRITE = 2\n\n"
        "def more(a):\n",
    ),
    "a named tuple": Case(
        "    return Pair(2 * p.a, 2 * p.b)\n",
        asserts(
            "assert double(Pair(1, 2)) == Pair(2, 4) == (2, 4)\n"
            "assert double(Pair(1)).total() == 2 and double(Pair(1))._asdict() == {'a': 2, 'b': 0}",
            "double",
        ),
        PAIR,
    ),
    "linked ones": Case(
        "    last = None\n    while node:\n        node.next, last, node = last, node, node.next\n"
        "    return last\n",
        asserts(
            "node = None\nfor i in range(400):\n    node = Node(i, node)\n"
            "assert list(values(turned(node))) == list(range(400))\nassert turned(None) is None",
            "turned",
        ),
        NODE,
    ),
}  # fmt: skip
EQUAL = "    __eq__ = lambda *a: True\n    __ne__ = lambda *a: False\n"
LIES: dict[str, Case] = {
    "constant properties": Case(
        "    return Span(0, 0)\n\nclass Span:\n    def __init__(self, *a): pass\n"
        f"    start = property(lambda s: 2)\n    end = property(lambda s: 1)\n{EQUAL}",
        FLIPS,
        FLIP,
    ),
    "always equal": Case(
        f"    return Any(0, 0)\n\n@dataclass(eq=False)\nclass Any(Span):\n{EQUAL}", FLIPS, FLIP
    ),
    "always equal, by the same name": Case(
        "    return Span(0, 0)\n\n@dataclass(eq=False)\nclass Span:\n    start: int\n    end: int\n"
        + EQUAL,
        FLIPS,
        FLIP,
    ),
    "always equal fields": Case(
        f"    return Span(Any(), Any())\n\nclass Any:\n{EQUAL}", FLIPS, FLIP
    ),
    "fields that are always equal numbers": Case(
        f"    return Span(Any(), Any())\n\nclass Any(int):\n{EQUAL}", FLIPS, FLIP
    ),
    "a class patched": Case(
        "    Span.__eq__ = lambda *a: True\n    type(s).__ne__ = lambda *a: True\n    return s\n",
        FLIPS,
        FLIP,
    ),
    "an instance that is patched": Case(
        "    s.__eq__ = lambda *a: True\n"
        "    s.__class__ = type('Span', (Span,), {'__eq__': lambda *a: 1})\n"
        "    return s\n",
        FLIPS,
        FLIP,
    ),
    "one shared member": Case(
        f"    return Side.LEFT\n\nclass Side(Enum):\n    LEFT = RIGHT = 1\n{EQUAL}", OTHERS, OTHER
    ),
    "members that are equal": Case(
        f"    return side\n\nclass Side(Enum):\n    LEFT = 1\n    RIGHT = 2\n{EQUAL}", OTHERS, OTHER
    ),
    "a named tuple that is equal": Case(
        f"    return Pair(0)\n\nclass Pair(Pair):\n    __slots__ = ()\n{EQUAL}",
        asserts("assert double(Pair(1)) == Pair(2)\nassert double(Pair(2)) == Pair(4)", "double"),
        PAIR,
    ),
}  # fmt: skip


async def test_values_of_a_prompts_class_are_compared_beside_the_tests() -> None:
    found = await verdicts(VALUES)
    expected = {name: Found(case.verdict, case.integrity) for name, case in VALUES.items()}
    assert found == expected


async def test_a_class_of_the_prompt_that_lies_buys_no_pass() -> None:
    found = await verdicts(LIES)
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(LIES, "failed")
