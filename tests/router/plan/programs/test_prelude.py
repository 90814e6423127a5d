import ast
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.programs import prelude, reading, with_prompt_prelude
from router.plan.programs.reading import Reading, parse
from router.request import ChatPrompt, TextPrompt

CHAT = ChatPrompt(({"role": "user", "content": "add"},))
HELPER = "def poly(xs, x):\n    return sum(xs) + x"
PROMPTS: dict[str, tuple[str, str]] = {
    "imports": (
        "import math\nfrom typing import List\n\ndef f(x):\n",
        "import math\nfrom typing import List",
    ),
    "a helper": (
        f"import math\n\n{HELPER}\n\ndef f(x):\n    '''doc'''\n",
        f"import math\n{HELPER}",
    ),
    "the entry point's head is left out": ("def f(x):\n    '''doc'''\n", ""),
    "a docstring that is still open": (f"{HELPER}\n\ndef f(x):\n    '''doc\n", HELPER),
    "a tail that is cut in a line": (f"{HELPER}\n\ndef f(x):\n    return (x +", HELPER),
    "a decorator at the end": (f"{HELPER}\n\n@cache\n", HELPER),
    "variables are the program's": (
        "import re\nLIMIT = [1, -2]\nNAME: str = 'x'\ndef f(x):\n",
        "import re",
    ),
    "what runs is left out": (
        "import os\nos.remove('x')\nX = f()\nprint(1)\ndef f(x):\n",
        "import os",
    ),
    "nothing that parses": ("%%% {", ""),
    "prose": ("Write a function.", ""),
    "empty": ("", ""),
    "so are classes": ("import re\nclass A:\n    x = 1\n\ndef f(x):\n", "import re"),
    "NUL": ("import math\n\0", "import math"),
    "a fill-in-the-middle template": ("<|fim_prefix|>import math\n", ""),
}


def defined(source: str) -> set[str]:
    """The names that a module defines."""
    names: dict[str, object] = {}
    exec(compile(source, "prelude", "exec"), names)  # noqa: S102 the test's own source
    return set(names) - {"__builtins__"}


@pytest.mark.parametrize(("prompt", "prelude"), PROMPTS.values(), ids=PROMPTS)
def test_the_prelude_defines_what_the_prompt_defines_whole(prompt: str, prelude: str) -> None:
    assert defined(with_prompt_prelude(TextPrompt(prompt), "f", "")) == defined(prelude)


POINT = "class P:\n    pass\n"
ALONE: dict[str, tuple[str, set[str]]] = {
    "one another": ("def g(x):\n    return h(x)\ndef h(x):\n    return x\n", {"g", "h"}),
    "imports": ("import math\ndef g(x):\n    return math.sqrt(x)\n", {"math", "g"}),
    "all of a module": ("from math import *\ndef g(x):\n    return sqrt(x)\n", {"g"}),
    "the entry point": ("def g(x):\n    return f(x)\n", {"g"}),
    "its own variables": ("x = 1\ndef g():\n    x = 2\n    return x\n", {"g"}),
    "a class that has such a method": ("class P:\n    def g(self): ...\ndef g(): ...\n", {"g"}),
    "plain defaults": ("def g(a, n=-1, *, t=(1, 'x')):\n    return a\n", {"g"}),
    "a class": (POINT + "def g():\n    return P()\n", set()),
    "a class in an annotation": (POINT + "def g(p: P):\n    return p\n", set()),
    "a variable": ("SEEN = {}\ndef g(k):\n    return SEEN[k]\n", set()),
    "a variable, in a function within": (
        "N = 0\ndef g():\n    def h():\n        global N\n        N += 1\n    return h\n",
        set(),
    ),
    "a variable, by way of another": (
        "N = []\ndef g():\n    return h()\ndef h():\n    return N\ndef k(): ...\n",
        {"k"},
    ),
    "a variable under a condition": (
        "if True:\n    N = 1\ndef g():\n    return N\n",
        set(),
    ),
    "what nobody defines yet": ("def g():\n    return later()\n", set()),
    "a list that it keeps": ("def g(x, seen=[]):\n    seen.append(x)\n", set()),
    "a cache": ("from functools import cache\n@cache\ndef g(x):\n    return x\n", {"cache"}),
    "a count on itself": ("def g():\n    g.n += 1\n    return g.n\ng.n = 0\n", set()),
    "a count on itself, set within": ("def g():\n    g.n = 1\n", set()),
    "a module that it changes": ("import m\ndef g():\n    m.x = 1\n", set()),
}


@pytest.mark.parametrize(("prompt", "names"), ALONE.values(), ids=ALONE)
def test_functions_that_need_classes_or_variables_are_the_programs(
    prompt: str, names: set[str]
) -> None:
    prelude = with_prompt_prelude(TextPrompt(prompt + "def f(x):\n"), "f", "")
    assert {name for name in defined(prelude) if name in {"g", "h", "k", "P", "N"} | names} == names


def test_what_fails_in_the_prompt_decides_nothing() -> None:
    prompt = "import no_such_module\ndef g(n=1 + ''): ...\ndef good(): ...\n"
    assert defined(with_prompt_prelude(TextPrompt(prompt), "f", "x = good")) == {"good", "x"}


def test_future_imports_stand_first() -> None:
    theirs = "from __future__ import annotations\ndef h(x: unknown): ..."
    assert "h" in defined(with_prompt_prelude(TextPrompt("import math\n"), "f", theirs))


def test_a_helper_nested_too_deep_is_left_out() -> None:
    prompt = f"def g():\n    return {' + '.join('1' * 700)}\ndef good(): ...\n"
    assert "good" in with_prompt_prelude(TextPrompt(prompt), "f", "")


def test_the_callers_own_text_stays_where_future_imports_move() -> None:
    theirs = "from __future__ import annotations\n@staticmethod\ndef h(): ...  # why\nx = f'{h}\\n'"
    found = with_prompt_prelude(TextPrompt("import math\n"), "f", theirs)
    assert found.startswith("from __future__ import annotations\n")
    assert found.endswith("\n@staticmethod\ndef h(): ...  # why\nx = f'{h}\\n'")


def test_a_chat_adds_nothing() -> None:
    assert with_prompt_prelude(CHAT, "f", "theirs = 1") == "theirs = 1"


@given(st.text(alphabet="def f(x):\n \"'#[{=import", max_size=80))
def test_a_prelude_always_parses(prompt: str) -> None:
    compile(with_prompt_prelude(TextPrompt(prompt), "f", ""), "prelude", "exec")


LINE = f"x = {'1' * 1_000}\n"
MUCH = LINE * 1_000


@pytest.mark.parametrize("tail", ["", "def f(x):\n    '''open", "%%% {\n"])
@pytest.mark.parametrize("times", [0, 1, 10])
def test_so_much_of_a_prompt_is_parsed_however_long_it_is(
    tail: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def counted(source: str) -> ast.Module | None:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(prelude, "parse", counted)
    text = f"{HELPER}\n\n{LINE * 100}{MUCH * times}{tail}"
    assert defined(with_prompt_prelude(TextPrompt(text), "f", "")) == {"poly"}
    assert sum(map(len, parsed)) <= 500_000


def test_no_prelude_is_read_beyond_its_future_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(source: str) -> Reading | None:
        read.append(source)
        return reading.read(source)

    def parsed(source: str) -> ast.Module | None:
        read.append(source)
        return reading.parse(source)

    monkeypatch.setattr(prelude, "read", counted)
    monkeypatch.setattr(prelude, "parse", parsed)
    future = "from __future__ import annotations\n"
    imports, helper = TextPrompt("import math\ndef f(x):\n"), "def h():\n    return 1\n"
    for theirs in (helper, MUCH):
        assert (found := with_prompt_prelude(imports, "f", theirs)).startswith("try:")
        assert found.endswith(theirs)
        assert (
            with_prompt_prelude(imports, "f", future + theirs)
            == f"{future}{found[: -len(theirs)]}\n{theirs}"
        )
    assert not any(MUCH[:100] in source for source in read)


FUTURE = "from __future__ import annotations\n"
MENTIONS: dict[str, str] = {
    "a comment": f"# {FUTURE}",
    "a docstring": f'"""\n{FUTURE}"""\n',
    "a text": f'x = """\n{FUTURE}"""\n',
    "a name": "__future__ = 1\n",
    "a module": "import __future__\n",
    "not at the beginning": f"x = 1\n{FUTURE}",
}


@pytest.mark.parametrize("theirs", MENTIONS.values(), ids=MENTIONS)
def test_what_only_mentions_the_future_stays_where_it_is(theirs: str) -> None:
    """However long it is, and with it what the prompt has."""
    for more in ("", MUCH):
        found = with_prompt_prelude(TextPrompt(HELPER + "\n"), "f", theirs + more)
        assert found.startswith("try:")
        assert found.endswith("\n" + theirs + more)


FUTURES: dict[str, str] = {
    "a docstring": f'"""Doc."""\n{FUTURE}',
    "a docstring that mentions it": f'"""\nfrom __future__ import x\n"""\n{FUTURE}',
    "a docstring of parts": f"'a' 'b' \\\n r'\\'' # c\n{FUTURE}",
    "a docstring of parts that touch": f"'''a''''''it's b'''\n{FUTURE}",
    "a docstring in brackets": f"('a' # (\n 'b')\n{FUTURE}",
    "comments": f"#!/bin/python\n\n# it's from __future__\n{FUTURE[:-1]} # c\n",
    "brackets": "from __future__ import (  # (why)\n    annotations,\n    division as d,\n)\n",
    "brackets after": f"{FUTURE}(print)\n",
    "lines that go on": "from \\\n __future__ import division, \\\n annotations\n",
    "on one line": f"'doc'; from __future__ import division; {FUTURE[:-1]}; x = 1\n",
    "several": f"from __future__ import division\n\n# c\n{FUTURE}",
    "carriage returns": f"'d'\r\nfrom __future__ import division\r\n{FUTURE[:-1]}\r\n",
    "tabs": "from\t__future__\timport\tannotations\t\n",
}


@pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES)
@pytest.mark.parametrize("more", ["", MUCH])
def test_future_imports_stand_first_however_they_are_written(future: str, more: str) -> None:
    theirs = f"{future}def h(x: unknown): ...\n{more}"
    found = with_prompt_prelude(TextPrompt("import math\n"), "f", theirs)
    assert {"math", "h"} <= defined(found)
    assert found.endswith(f"def h(x: unknown): ...\n{more}")


FUTURE_PIECES = ["from __future__ import annotations", "from __future__ import (annotations)", ";"]
FUTURE_PIECES += [
    "'a'",
    '"""b\n"""',
    "(",
    ")",
    "\n",
    "\\\n",
    " ",
    "# '\n",
    "x",
    "x = 1\n",
    "'",
    '"""',
]


@given(st.lists(st.sampled_from(FUTURE_PIECES), max_size=12).map("".join))
def test_a_prelude_that_compiles_still_does_behind_the_prompts(theirs: str) -> None:
    try:
        compile(theirs, "prelude", "exec", dont_inherit=True)
    except SyntaxError:
        return
    found = with_prompt_prelude(TextPrompt("import math\n"), "f", theirs)
    compile(found, "prelude", "exec", dont_inherit=True)


NAMEDTUPLE = "from collections import namedtuple as n\n"
TUPLES = [f"A{at}=n('A{at}', '')" for at in range(2_000)]


def seconds(text: str) -> float:
    began = time.process_time()
    with_prompt_prelude(TextPrompt(text), "f", "")
    return time.process_time() - began


def test_classes_on_one_line_are_read_as_fast_as_those_on_many() -> None:
    """What follows them is looked through once."""
    one, many = (NAMEDTUPLE + end.join(TUPLES) + "\n" * 50_000 + "x=1\n" for end in ";\n")
    assert seconds(one) < 4 * seconds(many)


def test_what_is_not_read_of_a_long_prompt_may_derive_from_what_is() -> None:
    """A class that others derive from is the program's."""
    values = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
    for more, names in (("", {"dataclass", "P"}), ("class Q(P):\n    y = []\n", {"dataclass"})):
        text = f"{values}{MUCH}{more}"
        assert defined(with_prompt_prelude(TextPrompt(text), "f", "")) == names


def test_no_more_is_kept_of_a_prompt_than_is_read() -> None:
    class Text(str):
        """Text of which it can be told whether anybody has it."""

        __slots__ = ("__weakref__",)

    text = Text(HELPER + "\n" + MUCH)
    told = weakref.ref(text)
    assert "poly" in with_prompt_prelude(TextPrompt(text), "f", "")
    del text
    assert told() is None
