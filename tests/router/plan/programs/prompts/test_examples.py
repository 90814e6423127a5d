import ast
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.plan.programs.prompts import literals, sessions
from router.plan.programs.prompts.examples import FoundExample, entry_point_of, examples_of
from router.plan.programs.prompts.literals import CallArguments, Literal, Literals, Named
from router.plan.programs.prompts.sessions import Known
from router.request import ChatPrompt, Prompt, TextPrompt

HEAD = "def f(x):\n"


def documented(doc: str, head: str = HEAD) -> TextPrompt:
    """A completion's prompt that ends with a docstring."""
    body = "".join(f"    {line}\n" for line in f'"""\n{doc}\n"""'.split("\n"))
    return TextPrompt(head + body)


def chat(*messages: str) -> ChatPrompt:
    return ChatPrompt(tuple({"role": "user", "content": message} for message in messages))


def found(prompt: Prompt, name: str | None = None) -> list[tuple[object, ...]]:
    """Each example as its arguments and, last, what is expected."""
    return [(*each.args, *each.kwargs.items(), each.expected) for each in examples_of(prompt, name)]


FORMS: dict[str, tuple[str, list[tuple[object, ...]]]] = {
    "a doctest": (">>> f(1)\n2\n>>> f([1, 2])\n[2]", [(1, 2), ([1, 2], [2])]),
    "its output on several lines": (">>> f(1)\n[1,\n 2]\n\nAnd so on.", [(1, [1, 2])]),
    "its call on several lines": (">>> f(\n...     [1,\n...      2])\n3", [([1, 2], 3)]),
    "it assigns before": (">>> a = [1, 2]\n>>> f(a)\n3", [([1, 2], 3)]),
    "it compares": (">>> f(1) == 2\n>>> f(2) == 3\nTrue", [(1, 2), (2, 3)]),
    "it compares, and is wrong": (">>> f(1) == 2\nFalse", []),
    "it shows None": (">>> f(1)\n\n>>> f(2)\n3", [(1, None), (2, 3)]),
    "it shows nothing at all": (">>> f(1)\n>>> f(2)\n", []),
    "it raises": (">>> f(1)\nTraceback (most recent call last):\nValueError: no", []),
    "in a comment": ("# >>> f(1)\n# 2\n# >>> f(2)\n# 3", [(1, 2), (2, 3)]),
    "==": ("f(1) == 2", [(1, 2)]),
    "=": ("f(1) = 2", [(1, 2)]),
    "=>": ("f(1) => 2", [(1, 2)]),
    "==>": ("f(1) ==>2", [(1, 2)]),
    "->": ("f(1) -> 2", [(1, 2)]),
    "the arrows of Unicode": ("f(1) ➞ 2\nf(2) → 3", [(1, 2), (2, 3)]),
    "returns": ("f(1) returns 2.", [(1, 2)]),
    "should return": ("f(1) should return 2.", [(1, 2)]),
    "should return, on two lines": ("as f(1) should\nreturn 2 then", [(1, 2)]),
    "a comment": ("f(1)  # 2", [(1, 2)]),
    "a comment with an arrow": ("f(1) # => 'Yes' (since one is odd)", [(1, "Yes")]),
    "a comment in words": ("f(1)   # returns 2", [(1, 2)]),
    "assert": ("assert f(1) == 2, 'one'", [(1, 2)]),
    "assert not": ("assert not f(1)", [(1, False)]),
    "assert alone": ("assert f(1)\nassert f(2), 'why'", [(1, True), (2, True)]),
    "assert is": ("assert f(1) is True\nassert f(2) is None", [(1, True), (2, None)]),
    "assert not equal": ("assert not f(1) == 2\nassert f(1) != 2\nassert f(2) > 1", []),
    "unittest": (
        "self.assertEqual(f(1), 2)\nself.assertTrue(f(2))\nself.assertIsNone(f(3))",
        [(1, 2), (2, True), (3, None)],
    ),
    "unittest, in the negative": (
        "self.assertNotEqual(f(4), 2)\nself.assertFalse(f(5))",
        [(5, False)],
    ),
    "For": ("For x = [1, 2] the output should be 3.", [([1, 2], 3)]),
    "For, with a count of something": (
        'For x = 10, the sum will be 1 the output should be "1".',
        [(10, "1")],
    ),
    "For, with an arrow": ("for x = 1 => 3", [(1, 3)]),
    "For a name that is no parameter": ("For i = 1 the output should be 2", []),
    "input and output": ("Example 1:\n    Input: [1, 2]\n    Output: 3 # sum", [([1, 2], 3)]),
    "input and output by name": ("Input: x = 1\nOutput: 2", [(1, 2)]),
    "input and output as assignments": ('input = "a"; output = "b"', [("a", "b")]),
    "too many inputs": ("Input: 1, 2\nOutput: 3", []),
    "a generic name": ("candidate(1) == 2\nassert solution(2) == 3", [(1, 2), (2, 3)]),
    "another name": ("g(1) == 2", []),
    "a method of something": ("a.f(1) == 2", []),
    "keywords": ("f(1, k=2) == 3", [(1, ("k", 2), 3)]),
    "no literal": (
        "f(n) == 2\nf(1) == n\nf(*[1]) == 2\nf(2 * 3) == 4\nf([1, ...]) == [2, ...]",
        [],
    ),
    "negative, and none": ("f(-1) == -2\nf(2) == None", [(-1, -2), (2, None)]),
    "as others write it": (
        "f(true) => false\nf(1) => [null, true]",
        [(True, False), (1, [None, True])],
    ),
    "sums that are worked out": ("f(1) -> 9 - 5 - 2 = 2\nf(2) == 1 + 2\nf(3) == 2 * n", [(1, 2)]),
    "a dash is no minus": ("f(1) == 3 - since it is odd", [(1, 3)]),
    "a full stop is no fraction": ("f(1) returns 16. f(2) returns 1.5.", [(1, 16), (2, 1.5)]),
    "one of two": ("f(1) == 2 or 3", []),
    "numbers that cannot be written": ("f(1e999) == 2\nf(2) == 0x" + "f" * 4_000, []),
    "a part of a value": ("f(1) == [1, 2][0]\nf(2) == 5cm\nf(3) == ''a'\nf(4) == 'a'.upper()", []),
    "a tuple without brackets": ("f(1) -> 2, 3\nf(2) returns 3, and f(4) 5", [(1, (2, 3)), (2, 3)]),
    "strings without quotes": ("f(1) => 'a'\nf('b') => b", [(1, "a"), ("b", "b")]),
    "words among numbers": ("f(1) => 2\nf(2) => b", [(1, 2)]),
    "twice the same": ("f(1) == 2\nf(1) == 2", [(1, 2)]),
    "equal, and of another type": (
        "f(1) == 1\nf(1.0) == 1\nf(True) == 1",
        [(1, 1), (1.0, 1), (True, 1)],
    ),
    "contradictions": ("f(1) == 2\nf(1) == 3", [(1, 2), (1, 3)]),
    "a bullet list": (
        "- `f(1)` returns `2`\n* **f(2)** → 3\n1. `f(3) == 4`",
        [(1, 2), (2, 3), (3, 4)],
    ),
    "a part of a sum": (
        (
            "assert 3 * f(1) == 6\nassert -f(2) == 5\n4 - f(3) == 1\n>>> 1 + f(4) == 3\nTrue\n\n"
            "7*f(5) -> 7"
        ),
        [],
    ),
    "in a list, with dashes": (
        "- f(1) == 2\n* f(2) -> 3\nCalls - f(3) == 4",
        [(1, 2), (2, 3), (3, 4)],
    ),
    "either of two": ("assert f(1) == 2 or f(1) == 3", []),
    "both of two": ("assert f(1) == 2 and f(2) == 3", [(1, 2), (2, 3)]),
    "two calls at once": ("f(1), f(2) == 1, 2\nf(3) == 4, f(5) == 6", [(3, 4), (5, 6)]),
    "digits in groups, and one that are not all": (
        "f(1) returns 12,000\nf(2) -> 2.718...\nf(3) -> 7:15\nf(4) -> 3, 4",
        [(4, (3, 4))],
    ),
    "a count of something": (
        "f(1) returns 2 items\nf(2) is 5 times slower\nf(3) should return 4 lists",
        [],
    ),
    "words that join": (
        (
            "f(1) returns 2 because it is odd. f(2) gives 3 for it, f(3) is 4, "
            "and f(4) is 5 (so it is), but f(5) is 7, unlike f(6) = 8"
        ),
        [(1, 2), (2, 3), (3, 4), (4, 5), (5, 7), (6, 8)],
    ),
    "what is wrong": (
        (
            "f(1) == 2 is a mistake\nf(2) == 3 breaks\nf(3) -> 4 (a lie)\n"
            "f(4) gives 5, which surprised me\nFor x = 5 the output is 6 by mistake"
        ),
        [],
    ),
    "instead": (
        "f(1) gives 2 instead of 3\nf(2) returns 3 rather than 4\nInstead of 5, f(3) returns 4",
        [],
    ),
    "what comes out, before what should": (
        "f(1) gives 2 but should give 3\nf(2) is 3. It should be 4.\nf(3) -> 4, expected: 5",
        [(1, 3), (2, 4), (3, 5)],
    ),
    "what should come out, before what does": (
        "f(1) should be 3 but is 2\nf(2) should return 4, not 3\nf(3) must give 5 instead of 4",
        [(1, 3), (2, 4), (3, 5)],
    ),
    "taken back, further on": (
        "f(1) gives 2\ninstead of 3.\nf(2) gives 3. That is wrong.\nf(3) is 4, and that's not good",
        [],
    ),
    "what comes out, and elsewhere what should": (
        "f(1) gives 2. Do what is right: f(1) should return 3; f(2) == 4 and f(2) == 5",
        [(1, 3), (2, 4), (2, 5)],
    ),
    "a correction that names no value": ("f(1) returns 2, but should raise", []),
    "denied": (
        "It is not the case that f(1) == 2\nCurrently f(2) gives 3\nValueError: f(3) == 4",
        [],
    ),
    "denied elsewhere": (
        "Not for the faint. f(1) == 2\nCurrently slow\nf(2) == 3",
        [(1, 2), (2, 3)],
    ),
    "a call on several lines": ("f([\n  [1, 2],\n  [3]\n]) == [\n 4]", [([[1, 2], [3]], [4])]),
}


@pytest.mark.parametrize(("doc", "examples"), FORMS.values(), ids=FORMS)
def test_a_form_is_read_in_a_docstring(doc: str, examples: list[tuple[object, ...]]) -> None:
    assert found(documented(doc)) == examples


@pytest.mark.parametrize(("doc", "examples"), FORMS.values(), ids=FORMS)
def test_a_form_is_read_in_a_chat(doc: str, examples: list[tuple[object, ...]]) -> None:
    asked = f"Please write this function:\n\n```python\n{HEAD}    ...\n```\n\nExamples:\n\n{doc}\n"
    assert found(chat(asked)) == examples
    assert found(chat(f"Write `f(x)`.\n```\n{doc}\n```")) == examples


@pytest.mark.parametrize(
    ("doc", "examples"),
    [
        ("Input: a = 1, b = [2]\nOutput: 3", [(1, [2], 3)]),
        ("Input: b = 1, a = 2\nOutput: 3", [(2, 1, 3)]),
        ("Input:\n  a : 1\n  other_b : 2\nOutput: 3", [(1, 2, 3)]),
        ("Input: 1, 2\nOutput: 3", [(1, 2, 3)]),
        ("For a = 1 and b = 2, the result should be 3", [(1, 2, 3)]),
        ("For a = 1 the result should be 3", []),
        ("Input: 1\nOutput: 3", []),
        ("Input: p = 1, q = 2\nOutput: 3", []),
    ],
)
def test_values_without_a_call_are_bound_to_parameters(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc, "def f(a, b):\n")) == examples


def test_at_most_twenty_are_taken() -> None:
    doc = "\n".join(f"f({n}) == {n}" for n in range(50))
    assert found(documented(doc)) == [(n, n) for n in range(20)]


def test_what_is_said_without_a_name_is_not_of_a_function_that_stands_before() -> None:
    other = 'def g(x):\n    """Input: 1\n    Output: 2\n    """\n    return x + 1\n\n'
    assert found(documented("f(2) == 3", other + HEAD)) == [(2, 3)]


def test_calls_of_which_nothing_is_said_are_no_examples() -> None:
    prompt = documented("f() does it.\n>>> round(f([1, 2]), 2)\n0.5\nf(3) == 4")
    assert found(prompt) == [(3, 4)]


def test_examples_hold_their_call() -> None:
    (example,) = examples_of(documented("f(1, k=[2]) == 3"))
    assert example == FoundExample((1,), {"k": [2]}, 3)
    assert (example.call.args, example.call.kwargs) == ((1,), {"k": [2]})


@pytest.mark.parametrize("name", ["A().f", "", "a b", "class A"])
def test_what_is_no_functions_name_has_no_examples(name: str) -> None:
    assert examples_of(TextPrompt("Do.\n"), name) == ()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
WRITTEN = (
    *(">>> {call}\n{value}", "{call} == {value}", "{call} => {value}", "{call} ➞ {value}"),
    *("{call} -> {value}", "{call} returns {value}", "{call} should return {value}."),
    *("{call} # => {value}", "{call} # returns {value}", "assert {call} == {value}"),
    *("- `{call}` → `{value}`", "self.assertEqual({call}, {value})", "{call} = {value} (so it is)"),
)


@settings(deadline=None)
@given(
    st.lists(VALUES, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2),
    VALUES,
    st.sampled_from(WRITTEN),
)
def test_any_call_is_found_in_any_form(
    args: list[object], kwargs: Mapping[str, object], expected: object, written: str
) -> None:
    passed = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    line = written.format(call=f"f({', '.join(passed)})", value=repr(expected))
    (example,) = examples_of(chat(f"Write `f`.\n\n{line}\n"), "f")
    assert repr(example) == repr(FoundExample(tuple(args), kwargs, expected))


@settings(deadline=None)
@given(st.text("f(x)=>[]{}'\"\\# \n:.,-1e_TrueInputOutputassertnot`*defclassreturn", max_size=200))
def test_nothing_is_too_odd_to_be_read(text: str) -> None:
    for prompt in (TextPrompt(text), documented(text), chat(text)):
        entry_point_of(prompt)
        for name in (None, "f"):
            assert len(examples_of(prompt, name)) <= 20


LONG = 1_000_000
ODD: dict[str, str] = {
    "brackets": "f(" + "[" * LONG,
    "calls in calls": "f(" * (LONG // 2),
    "deep, and closed": "f(" + "[" * 3_000 + "]" * 3_000 + ") == 1\n",
    "quotes": "f('" * (LONG // 3),
    "spaces": "f(1)" + " " * LONG,
    "spaces after every call": ("f(1)" + " " * 50 + "\n" * 50) * (LONG // 100),
    "a number": "f(1) == " + "9" * LONG,
    "inputs": "Input: " * (LONG // 7),
    "inputs and spaces": ("Input:" + " " * 90) * (LONG // 96),
    "for": "for x = " * (LONG // 8),
    "assignments": "for " + "x = 1, " * (LONG // 7),
    "prompts of a doctest": ">>> f(1)\n" * (LONG // 9),
    "continued": ">>> f(\n" + "... 1,\n" * (LONG // 7),
    "heads": "def f(x):\n" * (LONG // 10),
    "heads in heads": "".join(f"{' ' * n}def f(x):\n" for n in range(1_400)),
    "heads that do not close": "def f(\n" * (LONG // 7),
    "asserts": "assert f(1\n" * (LONG // 11),
    "backticks": "`f(" * (LONG // 3),
    "backticks alone": "`" * LONG,
    "minus": "f(1) == " + "-" * LONG,
    "sums": "f(1) == 1 + " * (LONG // 12),
    "prose": "function called " * (LONG // 16),
    "docstrings": '"""' * (LONG // 3),
    "dots": "f(1) -> 1, " * (LONG // 11),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_prompt_of_a_megabyte_is_read_in_no_time(text: str) -> None:
    began = time.process_time()
    for prompt in (TextPrompt(text), chat(text), documented(text)):
        entry_point_of(prompt)
        examples_of(prompt, "f")
    assert time.process_time() - began < 10


NAMED: dict[str, str] = {
    "a list": f"[{'0, ' * 2_000}]",
    "a text": repr("x" * 90_000),
    "bytes": repr(b"x" * 90_000),
    "texts": repr(["x" * 9_000] * 9),
    "an integer": "1" * 2_400,
    "integers": f"[{'1' * 2_400}, {'-' + '1' * 2_400}]",
}


@pytest.mark.parametrize("value", NAMED.values(), ids=NAMED)
def test_what_a_name_stands_for_costs_as_much_as_if_it_were_written(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    value_of = literals.value_of

    def counting(node: ast.expr) -> object:
        nonlocal read
        found = value_of(node)
        read += len(repr(found))
        return found

    monkeypatch.setattr(literals, "value_of", counting)
    for passed in ("a, " * 500, ", ".join(f"k{n}=a" for n in range(500))):
        assert found(documented(f">>> a = {value}\n>>> f({passed})\n1")) == []
    assert 100_000 < read <= 600_000


def test_a_long_text_has_a_name() -> None:
    text = "x" * 20_000
    assert found(documented(f">>> a = {text!r}\n>>> f(a)\n1\n>>> f(a, a)\n2")) == [
        (text, 1),
        (text, text, 2),
    ]


class Looked(dict[str, Named]):
    """What names stand for; it counts how many of them are looked at."""

    looks = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(name, default)

    def items(self) -> Any:
        self.looks += len(self)
        return super().items()


def test_a_call_is_not_held_against_every_name_there_is() -> None:
    known = Known(Literals(1_000))
    known.values = Looked({f"a{n}": Named.of(ast.List([])) for n in range(2_000)})
    call = CallArguments(([],))
    for told, same in ((1, True), (1, True), (2, False)):
        assert known.agree("f(a7)", call, Literal(told, 0)) is same
        assert known.agree("f(b)", call, Literal(told, 0))
    assert known.values.looks < 50


def test_a_call_is_not_held_against_all_that_its_line_has(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    words = sessions._WORD

    class Counting:
        """Finds words; it counts how much it goes through for them."""

        def findall(self, text: str) -> list[str]:
            nonlocal looked
            looked += len(text)
            return words.findall(text)

    monkeypatch.setattr(sessions, "_WORD", Counting())
    doc = f">>> a = [1]\n>>> {'f(a) == 1; ' * 500}f(a)\n1"
    assert found(documented(doc)) == [([1], 1)]
    assert 500 * len("f(a)") <= looked < len(doc)
