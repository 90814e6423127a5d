"""Which classes of a prompt the tests have too: those that are values, and nothing else."""

import sys
import types
from unittest.mock import patch

import pytest

from router.plan.programs import with_prompt_prelude
from router.request import TextPrompt

DATA = "from dataclasses import dataclass, field\n"
NAMED = "from typing import NamedTuple\nfrom collections import namedtuple\n"
ENUM = "import enum\nfrom enum import Enum, auto, unique\n"
END = "\ndef f(x):\n    '''doc'''\n"
PLAIN: dict[str, str] = {
    "a dataclass": DATA + "@dataclass\nclass P:\n    x: int\n    y: int = 0\n",
    "with options": DATA + "@dataclass(frozen=True, order=True)\nclass P:\n    x: int\n",
    "by its module": "import dataclasses\n@dataclasses.dataclass()\nclass P:\n    x: int\n",
    "by another name": "import dataclasses as d\n@d.dataclass\nclass P:\n    x: int\n",
    "from all of a module": "from dataclasses import *\n@dataclass\nclass P:\n    x: int\n",
    "a field that is made": DATA
    + "@dataclass\nclass P:\n    x: list = field(default_factory=list)\n",
    "a constant": DATA + "@dataclass\nclass P:\n    x: int\n    ZERO = (0, 'a')\n",
    "a docstring": DATA + "@dataclass\nclass P:\n    '''A point.'''\n    x: int\n",
    "methods": DATA + "@dataclass\nclass P:\n    x: int\n"
    "    def up(self, d=1):\n        self.x += d\n"
    "    @property\n    def twice(self): return 2 * self.x\n"
    "    @classmethod\n    def of(cls, x): return cls(x)\n"
    "    def __add__(self, other): return P(self.x + other.x)\n",
    "a check": DATA + "@dataclass\nclass P:\n    x: int\n    def __post_init__(self):\n"
    "        if self.x < 0: raise ValueError(self.x)\n",
    "itself": DATA + "@dataclass\nclass P:\n    x: 'P | None' = None\n",
    "its own kind": "from __future__ import annotations\n" + DATA
    + "@dataclass\nclass P:\n    next: P | None = None\n",
    "another value": DATA + "@dataclass\nclass Q:\n    x: int\n@dataclass\nclass P(Q):\n    q: Q\n",
    "a function": DATA + "def g(x): return x\n@dataclass\nclass P:\n    x: int\n"
    "    def h(self): return g(self.x)\n",
    "a named tuple": NAMED + "class P(NamedTuple):\n    x: int\n    y: int = 0\n"
    "    def sum(self): return self.x + self.y\n",
    "a named tuple, called": NAMED + "P = namedtuple('P', ['x', 'y'], defaults=(0,))\n",
    "a named tuple, typed": NAMED + "P = NamedTuple('P', [('x', int)])\n",
    "an enumeration": ENUM + "class P(Enum):\n    A = 1\n    B = auto()\n",
    "text": ENUM + "@unique\nclass P(str, Enum):\n    A = 'a'\n",
    "flags": ENUM + "class P(enum.Flag):\n    A = auto()\n    B = enum.auto()\n    AB = A | B\n",
    "members that are made of parts": ENUM + "class P(Enum):\n    A = (1, 2)\n"
    "    def __init__(self, a, b): self.a, self.b = a, b\n"
    "    def other(self): return P.A\n",
    "an enumeration, called": ENUM + "P = Enum('P', 'A B')\n",
}  # fmt: skip
OWN: dict[str, str] = {
    "no maker": "@dataclass\nclass P:\n    x: int\n",
    "another maker": "from attrs import dataclass\n@dataclass\nclass P:\n    x: int\n",
    "a plain class": "class P:\n    def __init__(self, x): self.x = x\n",
    "an exception": "class P(Exception): pass\n",
    "another decorator": DATA
    + "from functools import cache\n@cache\n@dataclass\nclass P:\n    x: int\n",
    "a metaclass": DATA + "@dataclass\nclass P(metaclass=type):\n    x: int\n",
    "a base of its own": DATA + "class B: ...\n@dataclass\nclass P(B):\n    x: int\n",
    "a base that is no value": DATA + "class B: ...\n@dataclass\nclass P:\n    b: B\n",
    "a base of another class": DATA + "@dataclass\nclass P:\n    x: int\nclass C(P):\n    pass\n",
    "a base of a class that goes on": DATA + "@dataclass\nclass P:\n    x: int\n"
    "@dataclass\nclass C(P):\n    def f(self):\n",
    "state of the class": DATA + "@dataclass\nclass P:\n    x: int\n    n = 0\n"
    "    def up(self): P.n += 1\n",
    "state of the class, by cls": DATA + "@dataclass\nclass P:\n    x: int\n    n = 0\n"
    "    @classmethod\n    def up(cls): cls.n += 1\n",
    "state of the class, by type": DATA + "@dataclass\nclass P:\n    n = 0\n"
    "    def up(self): type(self).n += 1\n",
    "state of the class, set by a function": DATA + "@dataclass\nclass P:\n    n = 0\n"
    "def g(): P.n += 1\n",
    "state of the class, set by another": DATA + "@dataclass\nclass P:\n    n = 0\n"
    "class C:\n    def g(self): P.n += 1\n",
    "a list of the class": DATA + "@dataclass\nclass P:\n    x: int\n    all = []\n",
    "a cache": DATA + "from functools import cached_property\n@dataclass\nclass P:\n    x: int\n"
    "    @cached_property\n    def y(self): return 1\n",
    "a variable": DATA + "ALL = []\n@dataclass\nclass P:\n    def g(self): ALL.append(self)\n",
    "a key that changes": DATA + "@dataclass\nclass P:\n    x: int\n"
    "    def __hash__(self): return self.x\n",
    "a key that changes, by option": DATA + "@dataclass(unsafe_hash=True)\nclass P:\n    x: int\n",
    "around the fields": DATA + "@dataclass(frozen=True)\nclass P:\n    x: int\n"
    "    def __post_init__(self): object.__setattr__(self, 'y', 1)\n",
    "a method to be written": DATA + "@dataclass\nclass P:\n    x: int\n"
    "    def area(self):\n        '''Its area.'''\n",
    "an abstract method": DATA + "@dataclass\nclass P:\n    x: int\n"
    "    def area(self): raise NotImplementedError\n",
    "a method that is the entry point": DATA + "@dataclass\nclass P:\n    def f(self): return 1\n",
    "bound twice": DATA + "@dataclass\nclass P:\n    x: int\nP = P\n",
    "defined twice": DATA + 2 * "@dataclass\nclass P:\n    x: int\n",
    "under a condition": DATA + "if True:\n    @dataclass\n    class P:\n        x: int\n",
    "a class within": DATA + "@dataclass\nclass P:\n    x: int\n    class C: ...\n",
    "a member that changes": ENUM + "class P(Enum):\n    A = [1]\n",
    "a member that is called for": ENUM + "class P(Enum):\n    A = object()\n",
    "a member that counts": ENUM + "class P(Enum):\n    A = 1\n    def up(self): self.n = 1\n",
    "fields that are computed": NAMED + "N = ['x']\nP = namedtuple('P', N)\n",
    "another name": NAMED + "P = namedtuple('Q', 'x')\n",
}  # fmt: skip
CLASS = DATA + "@dataclass\nclass P:\n    x: int\n"
ENDS: dict[str, tuple[str, bool]] = {
    "at the end": (CLASS, False),
    "before empty lines": (CLASS + "\n\n", False),
    "before a comment": (CLASS + "\n# and\n", False),
    "in a method": (CLASS + "    def f(self):\n", False),
    "in a method, after a comment": (CLASS + "#\n    def f(self):\n", False),
    "before a decorator": (CLASS + "@dataclass\n", True),
    "before a function that is cut": (CLASS + "def g(x", True),
    "before a class that is cut": (CLASS + "class Q:\n", True),
    "before one that derives": (CLASS + "class Q(P):\n", False),
    "a call at the end": (NAMED + "P = namedtuple('P', 'x')", False),
    "a call": (NAMED + "P = namedtuple('P', 'x')\ndef g(", True),
}


def has_class(prompt: str, entry_point: str = "f") -> bool:
    """Whether the tests get a class of the prompt."""
    module = types.ModuleType("prelude")
    code = compile(with_prompt_prelude(TextPrompt(prompt), entry_point, ""), "prelude", "exec")
    with patch.dict(sys.modules, prelude=module):  # where annotations are looked up
        exec(code, vars(module))  # noqa: S102 the test's own source
    return isinstance(vars(module).get("P"), type)


@pytest.mark.parametrize("prompt", PLAIN.values(), ids=PLAIN)
def test_tests_have_value_classes_too(prompt: str) -> None:
    assert has_class(prompt + END)
    assert not has_class(prompt + END, "P")


@pytest.mark.parametrize("prompt", OWN.values(), ids=OWN)
def test_other_classes_are_the_programs(prompt: str) -> None:
    assert not has_class(prompt + END)


@pytest.mark.parametrize(("prompt", "over"), ENDS.values(), ids=ENDS)
def test_a_class_that_an_answer_may_go_on_with_is_the_programs(prompt: str, over: bool) -> None:
    assert has_class(prompt) is over


def test_functions_that_use_value_classes_stand_alone() -> None:
    users = "def g(p: P) -> P: return P(h(p))\ndef h(p): return p.x\n"
    assert "def g(" in with_prompt_prelude(TextPrompt(CLASS + users + END), "f", "")
    lost = CLASS + users + "class C(P): ...\n" + END
    found = with_prompt_prelude(TextPrompt(lost), "f", "")
    assert "def g(" not in found
    assert "def h(" in found
