"""What a T5 reads of an answer."""

from __future__ import annotations

import pytest

from evaluation.verifier.wording import shown, written
from policies.values import Output
from sandbox import canonical


def test_it_is_the_text_of_the_published_checkpoint() -> None:
    program = "def double(n):\n    return 2 * n"
    given = [Output("4"), Output("TypeError", returned=False), None, Output("8")]
    assert written("Write a function to double.", program, given) == (
        "# description\nWrite a function to double.\n\n"
        "# program\ndef double(n):\n    return 2 * n\n\n"
        "# execution\n# return: (int)=4\n\n# return: ERROR: tracing failed\n\n"
        "# return: ERROR: tracing failed\n\n"
    )


@pytest.mark.parametrize(
    "program", ["def f(:", "x = 1\0", "(" * 5000, pytest.param("x = " + "-" * 10**5 + "1", id="-")]
)
def test_what_is_no_program_gives_nothing(program: str) -> None:
    told = written("Do.", program, [Output("4")])
    assert told.endswith("# execution\nERROR: program is not parsable\n\n")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, "(int)=7"),
        (-1.5, "(float)=-1.5"),
        (float("inf"), "(float)=inf"),
        (True, "(bool)=True"),
        (None, "(NoneType)=None"),
        ("a'b\n", "(str)=a'b\n"),
        ("é😀", "(str)=é😀"),
        ("\ud800", "(str)=\ufffd"),
        ([1, "a", None], "(list)=[1, 'a', None]"),
        ({"a": [1]}, "(dict)={'a': [1]}"),
        ({1, 2}, "(set)={1, 2}"),
        (set(), "(set)=set()"),
        ([{1}], "(list)=[set(1)]"),
        (2j, "(complex)=0 2"),
        (object(), "(object)=<object list>"),
        ("an object", "(str)=<object list>"),
    ],
)
def test_a_result_stands_with_its_type(value: object, told: str) -> None:
    text = canonical(value)
    assert written("", "x", [Output(text)]).endswith(f"# return: {told}\n\n")


def test_results_that_are_long_or_deep_are_no_trouble() -> None:
    assert shown(Output(canonical(list(range(1000))))).startswith("(list)=[0, 1, 2,")
    assert shown(Output("[" * 199)).startswith("(list)=[[[")
    assert shown(Output(canonical("x" * 1000))).startswith('(str)="xxx')
    assert shown(Output("")) == "(object)="
