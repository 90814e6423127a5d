import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.programs import program_source, reading, wanted
from router.plan.programs.reading import Reading
from router.request import ChatPrompt, TextPrompt
from sandbox import IO, Asserts, Call, Calls, IOCase, Pytest, Tests

CHAT = ChatPrompt(({"role": "user", "content": "add"},))
ADD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
MAIN = "print(add(1, 2))\n"
PRINTS = "print(int(input()) + 1)\n"
ASSERTS = Asserts("assert add(1, 2) == 3", "add")
WHOLE = IO((IOCase("1", "2"),))
EXAMPLE = "    ```python\n    add(1, 2)\n    ```\n"
IN_DOCSTRING = f'def add(a, b):\n    """Add.\n\n{EXAMPLE}    """\n    return a + b\n'


def source(answer: str, tests: Tests = ASSERTS) -> str:
    return program_source(CHAT, answer, tests)


def block(code: str, fence: str = "```", info: str = "python") -> str:
    return f"{fence}{info}\n{code}{fence}\n"


def within(mark: str, text: str) -> str:
    return "".join(mark + line for line in text.splitlines(keepends=True))


@given(st.text(), st.text(), st.none() | st.text())
def test_a_completion_is_prompt_answer_and_suffix_verbatim(
    text: str, answer: str, suffix: str | None
) -> None:
    found = program_source(TextPrompt(text, suffix), answer, ASSERTS)
    assert found == text + answer + (suffix or "")


ANSWERS: dict[str, tuple[str, str]] = {
    "no block": (ADD, ADD),
    "one block": (f"Sure:\n{block(ADD)}Done.", ADD),
    "the one that defines it": (block("x = 1\n") + block(ADD) + block(MAIN), ADD),
    "the last that defines it": (block(WRONG) + block(ADD), ADD),
    "calls are no definition": (block(ADD) + block("add(1, 2)\n"), ADD),
    "a longer name is another": (block(ADD) + block("def add_all(): ...\n"), ADD),
    "a method is another": (block(ADD) + block("class A:\n    def add(self): ...\n"), ADD),
    "a class": (block("class add:\n    pass\n") + block(MAIN), "class add:\n    pass\n"),
    "async": (block("async def add(): ...\n") + block(MAIN), "async def add(): ...\n"),
    "an assignment": (block("add = sum\n") + block(MAIN), "add = sum\n"),
    "an annotated one": (block("add: object = sum\n") + block(MAIN), "add: object = sum\n"),
    "a comparison is none": (block(ADD) + block("add == sum\n"), ADD),
    "under a condition": (block("if 1:\n    add = sum\n") + block(MAIN), "if 1:\n    add = sum\n"),
    "an import, if need be": (
        block("from operator import add\n") + block(MAIN),
        "from operator import add\n",
    ),
    "an import is the tests', if not": (block(ADD) + block("from solution import add\n"), ADD),
    "tildes": (block(ADD, "~~~"), ADD),
    "a longer fence holds a shorter": (
        block(f"'''\n{block('x')}'''\n{ADD}", "````"),
        f"'''\n{block('x')}'''\n{ADD}",
    ),
    "an open fence": (f"```python\n{ADD}", ADD),
    "an open fence before another": (f"```python\n{WRONG}\nBetter:\n{block(ADD)}", ADD),
    "a cut block after a whole one": (f"{block(ADD)}Or:\n```python\ndef add(a, b", ADD),
    "a block that does not parse": (f"{block('def add(:')}Bye", "def add(:"),
    "no language": (block(ADD, info=""), ADD),
    "no language and no Python": (block(ADD) + block("def add is done\n", info=""), ADD),
    "another language": (block(ADD) + block("def add(a, b); end\n", info="ruby"), ADD),
    "a console": (block(ADD) + block("add = 1\n", info="pycon"), ADD),
    "an indented fence": (f"  ```python\n{ADD}  ```\n", ADD),
    "in a list": (f"1. So:\n\n{within('   ', block(ADD))}2. Done.\n", ADD),
    "at the mark of a list": ("- " + within("  ", block(ADD))[2:] + "- Done.\n", ADD),
    "in a list, less far in": (f"- So:\n    ```python\n{within('  ', ADD)}    ```\n", ADD),
    "in a quote": (f"He said:\n{within('> ', block(ADD))}Done.\n", ADD),
    "in a quote in a list": (within("  > ", block(ADD)), ADD),
    "a quote that ends ends its block": (f"> ```python\n{within('> ', ADD)}Done.\n", ADD),
    "a quote of a quote": (within("> > ", block(ADD)), ADD),
    "closed at the end of code": (f"```python\n{ADD.rstrip()}```\nDone.\n{MAIN}", ADD.rstrip()),
    "closed before words": (f"```python\n{ADD}``` That is it.\n{block(MAIN)}", ADD),
    "fences in a docstring": (f"So:\n{block(IN_DOCSTRING)}Done.", IN_DOCSTRING),
    "and nothing else": (IN_DOCSTRING, IN_DOCSTRING),
    "fences in a string": (
        block(f"x = '```'\ny = '''\n```'''\n{ADD}"),
        f"x = '```'\ny = '''\n```'''\n{ADD}",
    ),
    "a fence in a comment": (block(f"# ends with ```\n{ADD}"), f"# ends with ```\n{ADD}"),
    "a string that never ends": (block('x = """\n') + block(ADD), ADD),
    "one that ends in the next block": (block('x = """\n') + block(IN_DOCSTRING), IN_DOCSTRING),
    "in a block of Markdown": (block(block(ADD), "````", "markdown"), ADD),
    "in one that is untagged": (block("Look:\n" + block(ADD), "````", ""), ADD),
    "in one with no longer a fence": (block(f"Look:\n{block(ADD)}", info="markdown"), ADD),
    "a quoted answer counts last": (block(ADD) + block(block(WRONG), "~~~", "text"), ADD),
    "a thought": (f"<think>\n{block(WRONG)}</think>\n{block(ADD)}", ADD),
    "a thought after": (f"{block(ADD)}<thinking>{block(WRONG)}</thinking>", ADD),
    "a thought that begins before": (f"So\n{block(WRONG)}Well.\n</think>\n\n{block(ADD)}", ADD),
    "with a block that is open": (f"```python\n{WRONG}</think>\n{block(ADD)}", ADD),
    "that ends a line": (f"{block(WRONG)}It is that.</think>\n{block(ADD)}", ADD),
    "a thought and no block": (f"<think>so</think>{ADD}", ADD),
    "nothing but a thought": ("<think>so", "<think>so"),
    "thoughts in strings": (
        block(f"'''\n<think>\n```\n</think>\n'''\n{ADD}"),
        f"'''\n<think>\n```\n</think>\n'''\n{ADD}",
    ),
    "in-line ticks are no block": (f"Use ```add```:\n{block(ADD)}", ADD),
    "carriage returns": (block(ADD).replace("\n", "\r\n"), ADD.replace("\n", "\r\n")),
    "all of it, where none defines it": (block("x = 1\n") + MAIN, block("x = 1\n") + MAIN),
}
TAGS = ["py", "Python", "python3", "python3.11", "{.python}", "python title='a b'", "solution.py"]
OTHER_TAGS = ["bash", "text", "pycon", "python-repl", "pytb", "cpp", "json"]


@pytest.mark.parametrize(("answer", "program"), ANSWERS.values(), ids=ANSWERS)
def test_which_block_of_a_chat_is_the_program(answer: str, program: str) -> None:
    assert source(answer) == program


@pytest.mark.parametrize("tag", TAGS)
def test_tags_of_python(tag: str) -> None:
    assert source(block("add = (\n", info=tag)) == "add = (\n"


@pytest.mark.parametrize("tag", OTHER_TAGS)
def test_tags_of_other_languages(tag: str) -> None:
    assert source(block(WRONG, info=tag) + block(ADD) + block(WRONG, info=tag)) == ADD


PROGRAMS: dict[str, tuple[str, str]] = {
    "commands before": (block("python3 a.py\n", info="bash") + block(PRINTS), PRINTS),
    "output after": (block(PRINTS) + "Output:\n" + block("2\n", info=""), PRINTS),
    "output, tagged": (block(PRINTS) + block("2\n"), PRINTS),
    "output, untagged all": (block(PRINTS, info="") + block("Sum: 2\n", info=""), PRINTS),
    "the last": (block("print(0)\n") + block(PRINTS), PRINTS),
    "the last that parses": (block(PRINTS) + block(">>> 1\n1\n"), PRINTS),
    "untagged": ("So:\n" + block(PRINTS, info=""), PRINTS),
    "definitions alone": (block("x = 1\n"), "x = 1\n"),
    "none": ("Sorry.\n" + block("ls\n", info="sh"), "Sorry.\n" + block("ls\n", info="sh")),
    "parts": (
        block("import sys\n\ndef inc(n):\n    return n + 1\n\nprint(inc(1), file=sys.stderr)\n")
        + block("print(inc(int(input())))\n"),
        "def inc(n):\n    return n + 1\nprint(inc(int(input())))\n",
    ),
}


@pytest.mark.parametrize(("answer", "program"), PROGRAMS.values(), ids=PROGRAMS)
def test_which_block_is_a_whole_program(answer: str, program: str) -> None:
    assert source(answer, WHOLE) == program


USES = "def add(a, b):\n    return total([a, b])\n"
TOTAL = "def total(xs):\n    return sum(xs)\n"
PARTS: dict[str, tuple[list[str], str]] = {
    "a helper": ([TOTAL, USES], TOTAL + USES),
    "no demonstration": ([f"{TOTAL}n = int(input())\nprint(total([n]))\n", USES], TOTAL + USES),
    "no import of another answer": (["import numpy\n" + WRONG, ADD], ADD),
    "what a helper uses": (
        ["import math\nfrom a import b\n", f"{TOTAL.replace('sum', 'math.fsum')}", USES],
        "import math\n" + TOTAL.replace("sum", "math.fsum") + USES,
    ),
    "the later of two": ([TOTAL.replace("sum", "max"), TOTAL, USES], TOTAL + USES),
    "a table and what fills it": (
        ["T = {}\nT[1], x = 2, 3\nprint(T)\n", "def add(a, b):\n    return T[a]\n"],
        "T = {}\nT[1], x = 2, 3\ndef add(a, b):\n    return T[a]\n",
    ),
    "a decorated one": (
        [f"from functools import cache\n@cache\n{TOTAL}", USES],
        f"from functools import cache\n@cache\n{TOTAL}{USES}",
    ),
    "two on a line": (["x = 'é'; y = 2\n", "add = y\n"], "y = 2\nadd = y\n"),
    "an import with another": (["try:\n    import q\nexcept OSError:\n    q = 0\n", "add = q\n"],
        "try:\n    import q\nexcept OSError:\n    q = 0\nadd = q\n"),
    "all of a module": (["from math import *\n", "add = fsum\n"],
        "from math import *\nadd = fsum\n"),
    "not by a name of Python": (["sum = 0\nprint(sum)\n", "add = sum\n"], "add = sum\n"),
    "not by a name of a function": (["n = int(input())\n", "def add(n):\n    return n\n"],
        "def add(n):\n    return n\n"),
    "not what is there": ([TOTAL, TOTAL + USES], TOTAL + USES),
    "a base that was written again": (
        ["class A: ...\nclass B(A): ...\n", "class A: ...\nadd = B\n".replace("...", "x = 1")],
        "class A: ...\nclass B(A): ...\nclass A: x = 1\nadd = B\n",
    ),
    "after the head": ([TOTAL, '"""Doc."""\nfrom __future__ import annotations\n' + USES],
        '"""Doc."""\nfrom __future__ import annotations\n' + TOTAL + USES),
    "with a future of its own": (["from __future__ import annotations\n" + TOTAL, USES],
        "from __future__ import annotations\n" + TOTAL + USES),
    "a main program": (["if __name__ == '__main__':\n    k = input()\n", "add = lambda: k\n"],
        "add = lambda: k\n"),
}  # fmt: skip


@pytest.mark.parametrize(("codes", "program"), PARTS.values(), ids=PARTS)
def test_what_a_block_lacks_comes_from_earlier_ones(codes: list[str], program: str) -> None:
    assert source("And:\n".join(block(code) for code in codes)) == program


def test_what_tests_mention_comes_from_earlier_blocks() -> None:
    answer = block("class Pair: ...\nclass Other: ...\nresult = 1\n") + block(ADD)
    tests = Asserts("result = add(1, 2)\nassert result == 3 and Pair", "add")
    assert source(answer, tests) == "class Pair: ...\n" + ADD
    assert source(answer, replace(tests, code=tests.code + LONG)) == "class Pair: ...\n" + ADD


PYTESTS: dict[str, tuple[str, str]] = {
    "a name": ("from solution import add\ndef test(): ...", ADD),
    "an attribute": ("import solution\ndef test():\n    assert solution.add(1, 2)", ADD),
    "by another name": ("import solution as s\ndef test():\n    assert s.add(1, 2)", ADD),
    "in a test": ("def test():\n    from solution import add as plus", ADD),
    "everything": ("from solution import *\ndef test(): assert add(1, 2)", ADD),
    "a class and a function": ("from solution import add, Pair", "class Pair: ...\n" + ADD),
    "on several lines": ("from solution import (  # (all)\n    add,\n    sub,\n)", ADD),
    "on a line that goes on": ("from solution import sub, \\\n    add", ADD),
    "after another statement": ("import os; from solution import add; x = 1", ADD),
    "beside another module": ("import os, solution as s, sys\ns.add(1, 2)", ADD),
    "none in texts": ("import solution\ns = 'solution.Pair'\nsolution.add(1, 2)", ADD),
    "none in long texts": ('import solution\n"""\nsolution.Pair\n"""\nsolution.add(1, 2)', ADD),
    "none in comments": ("import solution\n# don't: solution.Pair\nsolution.add(1, 2)", ADD),
    "no variable": ("from solution import add\nsolution = os\nsolution.Pair", ADD),
}
LONG = "\n" + "x = 1\n" * 40_000


@pytest.mark.parametrize(("code", "program"), PYTESTS.values(), ids=PYTESTS)
def test_what_pytest_imports_finds_the_block(code: str, program: str) -> None:
    answer = block("class Pair: ...\n") + block(ADD) + block("def test_add(): ...\ntest_add()\n")
    assert source(answer, Pytest(code)) == program
    assert source(answer, Pytest(code + LONG)) == program


@pytest.mark.parametrize("tests", [ASSERTS, Pytest("from solution import add\n")])
def test_only_so_much_of_tests_is_read(
    tests: Asserts | Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(code: str) -> Reading | None:
        read.append(code)
        return reading.read(code)

    monkeypatch.setattr(wanted, "read", counted)
    answer = block(ADD) + block("add(1, 2)\n")
    for each in (tests, replace(tests, code=tests.code + LONG)):
        assert source(answer, each) == ADD
    assert max(map(len, read), default=0) <= 200_000


def test_a_block_is_not_held_against_each_name_that_tests_import() -> None:
    """They may import very many: it is looked whether one of them is there."""
    answer = block(ADD) + block("a = z\n" * 5_000)
    few, many = (
        Pytest(
            "from solution import add, " + ", ".join(f"{'abcdef'[at % 6]}{at}" for at in range(n))
        )
        for n in (1, 20_000)
    )
    assert source(answer, few) == source(answer, many) == ADD  # and both are parsed
    assert min(seconds(answer, many) for _ in range(3)) < 8 * seconds(answer, few)


def test_a_method_is_found_by_its_class() -> None:
    answer = block("class Sol:\n    def add(self): ...\n") + block(ADD)
    assert source(answer, Calls("Sol().add", (Call([], 1),))).startswith("class Sol")


PIECES = ["```", "```python\n", "~~~", "'''", '"""', "\\", "\n", "> ", "1. ", "<think>", "</think>"]
PIECES += [
    "def add(a):\n",
    "    return x\n",
    "add = 1\n",
    "import m\n",
    "#",
    "\r",
    "\x0c",
    "é",
    "\0",
]
PIECES += ["from __future__ import annotations\n", "\ud800", "class B(add): ...\n", ";", " "]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_answer_has_a_program(answer: str) -> None:
    for tests in (ASSERTS, WHOLE, Pytest("from solution import *\nx")):
        assert isinstance(source(answer, tests), str)


def seconds(answer: str, tests: Tests = ASSERTS) -> float:
    began = time.process_time()
    source(answer, tests)
    return time.process_time() - began


@pytest.mark.parametrize("before", ["", "```python\nadd = 1\n'''\n"])
def test_no_answer_takes_long(before: str) -> None:
    units = ["```\n", "```python\n", "> ```\n> add = 1\n", "> " * 99 + "```\n", "</think>", "\n"]
    units += ["<think></think>", "```\n\\'''\n```\n", "x ```\n", "a,", "`", " ", block("add=b\n")]
    for unit, following in pairwise([*units, units[0]]):
        for repeated in (unit, unit + following):
            assert seconds(before + repeated * (240_000 // len(repeated))) < 8, repeated


def test_what_is_too_long_to_read_is_its_own_program() -> None:
    answer = block(ADD) + "```\n" * 250_000
    assert seconds(answer) < 1
    assert source(answer) == answer
