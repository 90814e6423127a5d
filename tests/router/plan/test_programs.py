import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.programs import program_source, with_prompt_prelude
from router.request import ChatPrompt, TextPrompt

CHAT = ChatPrompt(({"role": "user", "content": "add"},))
ADD = "def add(a, b):\n    return a + b\n"
MAIN = "print(add(1, 2))\n"


@given(st.text(), st.text(), st.none() | st.text())
def test_a_completion_is_prompt_answer_and_suffix_verbatim(
    text: str, answer: str, suffix: str | None
) -> None:
    source = program_source(TextPrompt(text, suffix), answer, "add")
    assert source == text + answer + (suffix or "")


def block(code: str, fence: str = "```", info: str = "python") -> str:
    return f"{fence}{info}\n{code}{fence}\n"


ANSWERS: dict[str, tuple[str, str]] = {
    "no block": (ADD, ADD),
    "one block": (f"Sure:\n{block(ADD)}Done.", ADD),
    "the one that defines it": (block("x = 1\n") + block(ADD) + block(MAIN), ADD),
    "the last that defines it": (block("def add(a, b): ...\n") + block(ADD), ADD),
    "the first where none does": (block("x = 1\n") + block(MAIN), "x = 1\n"),
    "calls are no definition": (block(ADD) + block("add(1, 2)\n"), ADD),
    "a longer name is another": (block(ADD) + block("def add_all(): ...\n"), ADD),
    "a class": (block("class add:\n    pass\n") + block(MAIN), "class add:\n    pass\n"),
    "async": (block("async def add(): ...\n") + block(MAIN), "async def add(): ...\n"),
    "an assignment": (block("add = sum\n") + block(MAIN), "add = sum\n"),
    "an annotated one": (block("add: object = sum\n") + block(MAIN), "add: object = sum\n"),
    "a comparison is none": (block(ADD) + block("add == sum\n"), ADD),
    "tildes": (block(ADD, "~~~"), ADD),
    "a longer fence holds a shorter": (
        block(f"'''\n{block('x')}'''\n{ADD}", "````"),
        f"'''\n{block('x')}'''\n{ADD}",
    ),
    "an open fence": (f"```python\n{ADD}", ADD),
    "no language": (block(ADD, info=""), ADD),
    "an indented fence": (f"  ```python\n{ADD}  ```\n", ADD),
    "in-line ticks are no block": (f"Use ```add```:\n{block(ADD)}", ADD),
    "carriage returns": (block(ADD).replace("\n", "\r\n"), ADD.replace("\n", "\r\n")),
}


@pytest.mark.parametrize(("answer", "source"), ANSWERS.values(), ids=ANSWERS)
def test_which_block_of_a_chat_is_the_program(answer: str, source: str) -> None:
    assert program_source(CHAT, answer, "add") == source


def test_without_an_entry_point_the_first_block_counts() -> None:
    assert program_source(CHAT, block(MAIN) + block(ADD), None) == MAIN


@given(st.text(alphabet="`~ad \n=:defclass", max_size=60))
def test_any_answer_has_a_program(answer: str) -> None:
    assert program_source(CHAT, answer, "add") in answer.replace("\r\n", "\n") or answer


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
    "constants": (
        "LIMIT = [1, -2]\nNAME: str = 'x'\ndef f(x):\n",
        "LIMIT = [1, -2]\nNAME: str = 'x'",
    ),
    "what runs is left out": (
        "import os\nos.remove('x')\nX = f()\nprint(1)\ndef f(x):\n",
        "import os",
    ),
    "nothing that parses": ("%%% {", ""),
    "prose": ("Write a function.", ""),
    "empty": ("", ""),
    "a class": ("class A:\n    x = 1\n\ndef f(x):\n", "class A:\n    x = 1"),
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


def test_helpers_may_lean_on_the_prompts_assignments() -> None:
    prompt = (
        "from typing import List\nVector = List[float]\nLIMIT = 2**4\n"
        "def norm(v: Vector, n=LIMIT):\n    return n\n"
    )
    assert "norm" in defined(with_prompt_prelude(TextPrompt(prompt), "f", ""))


def test_what_fails_in_the_prompt_decides_nothing() -> None:
    prompt = "import no_such_module\ndef g(n=UNKNOWN): ...\nGOOD = 1\n"
    assert defined(with_prompt_prelude(TextPrompt(prompt), "f", "x = GOOD")) == {"GOOD", "x"}


def test_future_imports_stand_first() -> None:
    theirs = "from __future__ import annotations\ndef h(x: unknown): ..."
    assert "h" in defined(with_prompt_prelude(TextPrompt("import math\n"), "f", theirs))


def test_a_helper_nested_too_deep_is_left_out() -> None:
    prompt = f"def g():\n    return {' + '.join('x' * 700)}\nGOOD = 1\n"
    assert "GOOD" in with_prompt_prelude(TextPrompt(prompt), "f", "")


def test_a_chat_adds_nothing() -> None:
    assert with_prompt_prelude(CHAT, "f", "theirs = 1") == "theirs = 1"


@given(st.text(alphabet="def f(x):\n \"'#[{=import", max_size=80))
def test_a_prelude_always_parses(prompt: str) -> None:
    compile(with_prompt_prelude(TextPrompt(prompt), "f", ""), "prelude", "exec")
