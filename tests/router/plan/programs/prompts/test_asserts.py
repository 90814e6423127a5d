"""Asserts read from what a model wrote, and what of it is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.programs.prompts.asserts import (
    LONGEST,
    MOST_CHARACTERS,
    Check,
    asserts_of,
    before_stop,
    check_of,
    checks_of,
    prompt_for_tests,
)
from router.plan.programs.prompts.literals import CallArguments
from router.request import ChatPrompt, TextPrompt


def test_the_first_goes_on_behind_the_prompt():
    sample = "f(1) == 2\nassert f(2) == 3, 'more'\n"
    assert asserts_of(sample, "f") == ("assert f(1) == 2", "assert f(2) == 3, 'more'")


def test_a_sample_may_have_the_word_itself():
    assert asserts_of("assert f(1) == 2", "f") == ("assert f(1) == 2",)


def test_white_space_makes_no_other_test():
    assert asserts_of("f(1)\nassert \tf(1)\n    assert  f(1)", "f") == ("assert f(1)",) * 3


def test_brackets_are_no_part_of_the_word():
    assert asserts_of("assert(f(1) == 2)", "f") == ("assert (f(1) == 2)",)


def test_an_assert_over_several_lines_is_whole():
    sample = "f([\n    1,\n    2,\n]) == 3\nassert f([]) == 0"
    assert asserts_of(sample, "f") == ("assert f([\n    1,\n    2,\n]) == 3", "assert f([]) == 0")


@pytest.mark.parametrize("stop", ["\ndef g():", "\nclass A:", "\n# more", "\nif 1:", "\nprint(1)"])
def test_what_begins_something_else_ends_a_test(stop):
    assert asserts_of(f"f(1) == 2{stop}\n  f(", "f") == ("assert f(1) == 2",)


def test_other_statements_behind_an_assert_are_left_out():
    assert asserts_of("f(1) == 2\n\nimport os\nos.abort()", "f") == ("assert f(1) == 2",)


@pytest.mark.parametrize(
    "sample",
    [
        "\n",
        "\n    f(1) == 2",  # an assert ends with its line
        "f(1) ==",
        "f(1, 2",
        "____ == ____",
        "True, 'f is right'",
        "g(1) == 2",
        "prefix_f(1) == 2",
        "o.f == 1",
        "f(1) == 2 ==\x00 3",
        "f(" + "(" * 1000 + ")" * 1000 + ")",
        "f(" + "-" * 3000 + "1)",
        "f(1" + "0" * LONGEST + ") == 1",
        "f(0777) == 1",
        "f('\ud800",
    ],
)
def test_what_is_no_test_is_left_out(sample):
    assert asserts_of(sample, "f") == ()


def test_a_wrong_one_does_not_hide_the_next():
    assert asserts_of("f(1) ==\nassert f(2)", "f") == ("assert f(2)",)


def test_five_count_and_wrong_ones_are_not_among_them():
    sample = "f(\nassert " + "\nassert ".join(f"f({n}) == {n}" for n in range(9))
    assert asserts_of(sample, "f") == tuple(f"assert f({n}) == {n}" for n in range(5))
    assert len(asserts_of(sample, "f", most=7)) == 7
    assert asserts_of(sample, "f", most=0) == ()


def test_no_more_is_read_than_a_model_writes():
    assert asserts_of(" " * MOST_CHARACTERS + "\nassert f(1)", "f") == ()


def test_warnings_of_a_model_s_code_are_its_own():
    assert asserts_of("f(1) is 1\nassert f('\\d')", "f") == (
        "assert f(1) is 1",
        "assert f('\\d')",
    )


@given(st.text(alphabet=" \n\t()[]f=1'\"#\\assert,:", max_size=80))
def test_whatever_is_read_is_a_single_assert_that_compiles_or_nothing(sample):
    for one in asserts_of(f"f{sample}\nassert f{sample}", "f"):
        assert one.startswith("assert ")
        assert "f" in one


@given(st.text(alphabet="\ndefclass #ifprint", max_size=40))
def test_nothing_that_is_left_begins_something_else(text):
    left = before_stop(text)
    assert text.startswith(left)
    assert not any(stop in left for stop in ("\nclass", "\ndef", "\n#", "\nif", "\nprint"))


@pytest.mark.parametrize(
    ("text", "args", "kwargs", "expected"),
    [
        ("assert f(1, [2]) == {'a': None}", (1, [2]), {}, {"a": None}),
        ("assert f(x=-1) == (2.5, 'b'), 'why'", (), {"x": -1}, (2.5, "b")),
        ("assert 3 == f(1)", (1,), {}, 3),
        ("assert f() is None", (), {}, None),
        ("assert f('a')", ("a",), {}, True),
        ("assert not f('a')", ("a",), {}, False),
        ("assert (f({1, 2}) == True)", ({1, 2},), {}, True),
    ],
)
def test_an_assert_of_plain_values_is_a_check(text, args, kwargs, expected):
    assert check_of(text, "f") == Check(CallArguments(args, kwargs), expected)


@pytest.mark.parametrize(
    "text",
    [
        "assert g(1) == 2",
        "assert f(1) == g(1)",
        "assert f(x) == 1",
        "assert f(*[1]) == 1",
        "assert f(**{'a': 1}) == 1",
        "assert f(1) != 2",
        "assert f(1) < 2",
        "assert 0 < f(1) == 2",
        "assert f(1) == 2 and f(2) == 3",
        "assert abs(f(1) - 0.5) < 1e-6",
        "assert f(1).a == 2",
        "assert f(1)(2) == 3",
        "assert a.f(1) == 2",
        "assert f(...) == 1",
        "assert f(1e999) == 1",
        "assert f(9**9) == 1",
        "assert f({[]: 1}) == 1",
        "assert f(1) == 2; import os",
        "f(1) == 2",
        "assert",
        "",
    ],
)
def test_an_assert_that_says_anything_else_is_none(text):
    assert check_of(text, "f") is None


def test_checks_are_counted_once_and_others_left_out():
    samples = [" f(1) == 2\nassert f(2) == x", " f(1) == 2\nassert f(3) == 4\n", "prose"]
    assert checks_of(samples, "f") == ("assert f(1) == 2", "assert f(3) == 4")


@given(st.text(alphabet="asert f()=12[]{}'\"\n,.*-not", max_size=80))
def test_no_text_breaks_the_reading_of_checks(text):
    for one in checks_of([text], "f"):
        assert check_of(one, "f") is not None


@pytest.mark.parametrize(
    ("prompt", "indent"),
    [
        ('def f(x):\n    """It."""\n', "    "),
        ("def g():\n  pass\n\nif 1:\n    async def f(x):\n        'It.'\n    ", " " * 8),
    ],
)
def test_a_completion_goes_on_behind_its_head(prompt, indent):
    asked = f"{prompt.rstrip()}\n{indent}pass\n\n# check the correctness of f\nassert"
    assert prompt_for_tests(TextPrompt(prompt), "f") == asked


def test_a_chat_is_asked_with_its_last_message():
    said = ({"role": "user", "content": "Hello."}, {"role": "user", "content": "Write `f(x)`."})
    asked = prompt_for_tests(ChatPrompt(said), "f")
    assert asked.startswith("Write `f(x)`.\n\nDo not write `f` yet.")
    assert "Hello" not in asked
