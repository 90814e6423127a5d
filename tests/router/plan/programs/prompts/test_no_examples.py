"""What reads like an example and is none: code that calls, sentences that deny, what is printed."""

import pytest

from router.plan.programs.prompts.examples import entry_point_of, examples_of
from router.request import ChatPrompt, Prompt, TextPrompt

BROKEN = "\n\n```python\ndef f(n):\n    return n + 3\n```\n"


def documented(doc: str, before: str = "") -> TextPrompt:
    """A completion's prompt that ends with a docstring of `f`."""
    body = "".join(f"    {line}\n" for line in f'"""\n{doc}\n"""'.split("\n"))
    return TextPrompt(f"{before}def f(n):\n{body}")


def chat(message: str) -> ChatPrompt:
    return ChatPrompt(({"role": "user", "content": message},))


def found(prompt: Prompt) -> list[tuple[object, ...]]:
    """Each example as its arguments and, last, what is expected."""
    return [(*each.args, *each.kwargs.items(), each.expected) for each in examples_of(prompt)]


CODE: dict[str, str] = {
    "a condition": "if f(2) == 5:\n    x = 1\nelif f(3) == 6: x = 2\nwhile f(4) == 7:\n    pass\n",
    "a condition within": "x = 1 if f(2) == 5 else 2\ny = [n for n in range(3) if f(3) == 6]\n",
    "what is given back": "def g(n):\n    return f(6) == 7 or f(7) == 8\n",
    "a dictionary": "d = {f(4): 17, f(5): 26}\n",
    "a slice": "xs = [1, 2, 3][f(1):2]\n",
    "an argument": "print(f(5) == 8)\nraise ValueError(f(6) == 9)\n",
    "what gets a name": "x = f(6) == 9\ny = not f(7) == 10\nz = lambda: f(8) == 11\n",
    "compared again": "assert (f(11) == 14) is False\nassert (f(12) == 15) == False\n",
    "a comment that is numbered": "f(9)  # 1. the first\n",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_code_that_uses_a_function_shows_no_example(code: str) -> None:
    assert found(documented("f(1) == 2", code + "\n\n")) == [(1, 2)]


def test_a_line_of_prose_may_begin_like_a_statement() -> None:
    doc = "For example, f(1) should\nreturn 2 and f(2) should return 3."
    assert found(documented(doc)) == [(1, 2), (2, 3)]


UNITTEST: dict[str, list[tuple[object, ...]]] = {
    "self.assertTrue(f(1) == 2)": [(1, 2)],
    "self.assertTrue(f(1) > 2)": [],
    "self.assertFalse(f(1) == 2)": [],
    "self.assertTrue(f(1)[0])": [],
    "self.assertTrue(f(1) in (1, 2))": [],
    "self.assertIsNone(f(1)[0])": [],
    "self.assertFalse(f(1) is None)": [],
    "self.assertGreaterEqual(f(1), 2)": [],
    "self.assertCountEqual(f(1), [1, 2])": [],
    "self.assertAlmostEqual(f(1), 1.41, places=2)": [],
    "self.assertEqual(f(1), 4 * 3)": [],
    "self.assertEqual(f(1), [0] * 3)": [],
    "self.assertListEqual(f(1), [2])": [(1, [2])],
    "self.assertEqual(f(1), 2, 'why')": [(1, 2)],
    "self.assertTrue(f(1), 'why')": [(1, True)],
    "self.assertEqual(\n    f(1),\n    [2],\n)": [(1, [2])],
    "assert f(1) == 2, f'f(1) is {f(1)}'": [(1, 2)],
    "assert(f(1) == 2)": [(1, 2)],
}


@pytest.mark.parametrize(("line", "examples"), UNITTEST.items(), ids=UNITTEST)
def test_an_assertion_says_no_more_than_it_does(
    line: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(chat(f"Write `f(n)`.\n```python\n{line}\n```\n")) == examples


DENIED: dict[str, str] = {
    "not": "It must not be that f(2) == 5.\nDo avoid f(3) == 6.",
    "never": "It should never happen that f(2) returns 5.",
    "with an apostrophe": "I don't want f(2) to be 5, and wouldn't say f(3) is 6.",
    "before a conjunction": "That is f(1) == 2 but not f(2) == 5",
    "labelled, on the line": "Bad example: f(2) -> 5\nActual output: f(3) is 6\nGot: f(4) == 7",
    "labelled above": "Wrong:\nf(2) == 5\nf(3) == 6",
    "labelled above, with a gap": "Current behavior:\n\n    f(2) -> 5\n    f(3) -> 6",
    "labelled by a heading": "### Actual result\nf(2) -> 5",
    "labelled by a sentence": "This returns wrong results:\n>>> f(2)\n5\n>>> f(3)\n6",
    "by a sign": "❌ f(2) == 5\nf(3) == 6 ❌\nf(4) → 7 ✗ (it is even)",
    "a question": "Is f(2) == 5? Or f(3) == 6??",
    "contradicted further on": "f(2) returns 5, for which I need 4.\nf(3) is 6 and 9 was expected",
    "contradicted, without a word": "f(2) is 5; after this it must be 4. f(3) is 6 for some reason",
    "another value": "f(2) returns 5 and not 4",
    "of a part": "The length of f(2) is 4, the last digit of f(3) is 9, the type of f(4) is 'int'",
    "a session that is contradicted": "I ran it.\n```\n>>> f(2)\n5\n```\nbut I expected 4.",
    "a session with another value": ">>> f(2)\n5\n\nIt should print 4.",
}


@pytest.mark.parametrize("doc", DENIED.values(), ids=DENIED)
def test_what_is_denied_is_no_example(doc: str) -> None:
    assert found(chat(f"Fix `f(n)`.{BROKEN}\n{doc}\n\nSo f(1) == 2")) == [(1, 2)]


def test_what_a_label_denies_ends_with_its_paragraph_or_at_the_next_label() -> None:
    assert found(chat(f"`f(n)`.{BROKEN}\nBefore:\nf(2) == 5\nAfter:\nf(2) == 4")) == [(2, 4)]
    assert found(chat(f"`f(n)`.{BROKEN}\nWrong output:\n5\n\nNow f(2) == 4")) == [(2, 4)]


def test_what_a_label_says_is_expected_wins() -> None:
    steps = "### To reproduce\nf(2)  # 5\n\n### Expected behavior\n```python\nf(2)  # 4\n```\n"
    assert found(chat(f"`f(n)`.{BROKEN}\n{steps}")) == [(2, 4)]
    assert found(chat("`f(n)`.\nExpected:\nf(2) returns 4\nToday:\nf(2) -> 5")) == [(2, 4)]


def test_what_only_sounds_like_a_denial_is_none() -> None:
    doc = (
        "The result of f(1) is 2, the value of f(2) should equal 3; mind that.\n"
        "If n is not there, f(3) == 4. Invalid input gives None:\nf(4) == None\n"
        "✅ f(5) == 6\nf(6) == 7 ✓\nNot here: f(7) == 8\n"
        "f(8) => 'No' (the name should start with a letter)"
    )
    expected = [(1, 2), (2, 3), (3, 4), (4, None), (5, 6), (6, 7), (7, 8), (8, "No")]
    assert found(documented(doc)) == expected


SIGNS: dict[str, list[tuple[object, ...]]] = {
    "f(1) = 2^3, f(2) = 5!, f(3) = 5€, f(4) = 100°, f(5) = 1 \u00d7 3, f(6) = 64 ± 1": [],
    "f(1) = 2 · 3 = 6 and f(2) = '1' | '2'": [],
    "f(1) -> 1, 2 and so on": [],
    "f(1) -> 1 2 3\nf(2) = 'a' 'b'": [],
    "f(1) # => returns 'a'\nf(2) -> return 'b'": [(1, "a"), (2, "b")],
    "f(1) = 5 * 4 * 3 = 60; f(2) = 1": [(1, 60), (2, 1)],
    "f(1) = 6 / f(2) = 3": [],
    "f(1) = 6。f(2) = 7\uff0cf(3) = 8": [(1, 6), (2, 7), (3, 8)],
    "<b>f(1) = 6</b>\n| f(2) = 7 |\n> f(3) = 8": [(1, 6), (2, 7), (3, 8)],
}


@pytest.mark.parametrize(("doc", "examples"), SIGNS.items(), ids=SIGNS)
def test_a_sign_after_a_value_makes_it_a_part_of_something(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc)) == examples


def test_calls_within_the_strings_of_a_call_are_no_calls() -> None:
    assert found(documented("f('f(1) == 2') == 'f(3) == 4'")) == [("f(1) == 2", "f(3) == 4")]


WORDS: dict[str, list[tuple[object, ...]]] = {
    "f('a') -> 'A'\nf('') -> ValueError\nf(1) -> raises\nf(2) # error": [("a", "A")],
    "f('a') -> 'A'\nf('b') -> str\nf('c') is slow\nf('d') is undefined": [("a", "A")],
    ">>> f('a')\n'A'\n>>> f('')\nValueError": [("a", "A")],
    "Input: 'a'\nOutput: 'A'\nInput: ''\nOutput: Error": [("a", "A")],
    'Say "Yes" or "No".\nf(1) => "Yes"\nf(2) => No': [(1, "Yes"), (2, "No")],
}


@pytest.mark.parametrize(("doc", "examples"), WORDS.items(), ids=WORDS)
def test_a_word_is_a_string_only_where_it_stands_in_quotes_elsewhere(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc)) == examples


SESSIONS: dict[str, list[tuple[object, ...]]] = {
    ">>> a = [1]\n>>> a.append(2)\n>>> f(a)\n3": [],
    ">>> a = {}\n>>> a['x'] = 1\n>>> f(a)\n1": [],
    ">>> a = [1]\n>>> del a[0]\n>>> f(a)\n0": [],
    ">>> a = [3, 1]\n>>> random.shuffle(a)\n>>> f(a)\n0": [],
    ">>> a = 1\n>>> f(a)\n1\n>>> a, b = 2, 3\n>>> f(a)\n4": [(1, 1)],
    ">>> a = 1\n>>> a += 1\n>>> f(a)\n4": [],
    ">>> a = 1\n>>> for a in range(3):\n...     pass\n>>> f(a)\n4": [],
    ">>> a = [2, 1]\n>>> f(a)\n>>> a\n[1, 2]\n>>> f(a)\n9\n>>> f(1)\n2": [([2, 1], None), (1, 2)],
    ">>> a = []\n>>> f(a)\n1\n>>> f(a)\n2": [([], 1)],
    ">>> a: int = 2; b = 3\n>>> f(a)\n4\n>>> c = 3; f(c)\n9": [(2, 4), (3, 9)],
    ">>> x = y = 2\n>>> f(y)\n4": [(2, 4)],
    ">>> a = [2]\n>>> f(a)\n4\n>>> len(a)\n1\n>>> f(a, 1)\n5": [([2], 4), ([2], 1, 5)],
}


@pytest.mark.parametrize(("doc", "examples"), SESSIONS.items(), ids=SESSIONS)
def test_a_name_in_a_session_stands_for_what_it_has_then(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc)) == examples


PRINTED: dict[str, list[tuple[object, ...]]] = {
    ">>> f(3)\n3\n2\n1": [],
    ">>> f(3)\n1 2 3": [],
    ">>> f(3)\n3 items": [],
    ">>> f(3)\n'x' 'y'": [],
    ">>> f(2)\n2: ok\n>>> f(3)\n4, 5\n>>> f(5)\nTrue story": [],
    ">>> f(2)\n4 (two squared)\n>>> f(3)\n9  # three squared\n>>> f(4)\n16.": [
        *((2, 4), (3, 9), (4, 16))
    ],
    ">>> f(2)\n4\nwhich is two squared": [(2, 4)],
    ">>> f(2) # comment\n4\n>>> f(3)  # doctest: +SKIP\n9": [(2, 4), (3, 9)],
}


@pytest.mark.parametrize(("doc", "examples"), PRINTED.items(), ids=PRINTED)
def test_what_a_function_prints_is_not_what_it_gives(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc)) == examples


SAID: dict[str, list[tuple[object, ...]]] = {
    "For n = 0 it raises an error. For n = 5 the output is 25.": [(5, 25)],
    "When n = 1 the loop ends early; otherwise the result is 3.": [],
    "If n = 4 then 16; when n = 0, stop. With n = 5 it returns 25.": [(5, 25)],
    "If n = 2 it raises, and the output is 3": [],
    "Input: 1\nOutput: 'a' | 'b'\nInput: 2\nOutput: 'c', 'd'\nInput: 3\nOutput: 4?": [
        (2, ("c", "d"))
    ],
    "Sample Input: 3\nSample Output: 9\nInput: 2 -> Output: 4": [(3, 9), (2, 4)],
}


@pytest.mark.parametrize(("doc", "examples"), SAID.items(), ids=SAID)
def test_what_is_said_of_one_input_is_not_said_of_another(
    doc: str, examples: list[tuple[object, ...]]
) -> None:
    assert found(documented(doc)) == examples


def test_what_tests_import_may_be_asked_for() -> None:
    tests = (
        "from solution import is_even\nfrom math import sqrt\n\n"
        "def test_it():\n    assert is_even(0) is True\n\n"
        "def test_other():\n    assert is_even(sqrt(9)) == False\n"
    )
    prompt = chat(f"Make this pass:\n```python\n{tests}```\n")
    assert entry_point_of(prompt) == "is_even"
    assert found(prompt) == [(0, True)]


@pytest.mark.parametrize("asked", ["`Calc().add(1, 2) == 3`", "\nassert Calc().add(1, 2) == 3"])
def test_a_class_whose_method_is_called_is_no_function(asked: str) -> None:
    assert entry_point_of(chat(f"Write a class so that {asked}")) is None


def test_what_a_function_is_reported_to_give_is_not_what_it_should() -> None:
    shown = BROKEN.replace("n):\n", 'n):\n    """\n    >>> f(2)\n    4\n    """\n')
    assert found(chat(f"f(2) returns 5, f(3) is 6. Please fix it.{shown}")) == [(2, 4)]
    assert found(chat(f"f(2) returns 5 and f(3) == 9 fails.{BROKEN}f(4) -> 16")) == [(4, 16)]


def test_words_tell_of_a_function_that_is_not_there_yet() -> None:
    head = "```python\ndef f(n):\n    ...\n```\n"
    assert found(chat(f"f(2) returns 4, f(3) is 9.\n{head}")) == [(2, 4), (3, 9)]
    assert found(chat("def f(n): returns the square of n.\nf(2) is 4")) == [(2, 4)]
    assert found(documented("f(2) returns 4 and f(3) == 9.")) == [(2, 4), (3, 9)]
    assert found(documented("f(2) returns 5.\n>>> f(2)\n4")) == [(2, 4)]
