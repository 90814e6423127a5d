"""What of an answer belongs between prompt and suffix."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.values import LOOSE, REPEATS, UNPARSED
from router.plan.programs import Gap

LONG = [f"    y += {number}\n" for number in range(200)]
LINE = Gap("def f(x):\n", "    return y\n\nf(1)\n")  # the gap is whole lines
REST = Gap("def f(x):\n    y = ", "\n    return y\n\nf(1)\n")  # the end of one
ENDS: dict[str, tuple[Gap, str, str]] = {
    "nothing of the suffix": (LINE, "    y = x\n", ""),
    "its first line": (LINE, "    y = x\n", "    return y"),
    "its first line with its end": (LINE, "    y = x\n", "    return y\n"),
    "two lines": (LINE, "    y = x\n", "    return y\n\nf(1)"),
    "all of it": (LINE, "    y = x\n", "    return y\n\nf(1)\n"),
    "all of it and blank lines": (LINE, "    y = x\n", "    return y\n\nf(1)\n\n\n"),
    "all of it and more": (LINE, "    y = x\n", "    return y\n\nf(1)\nprint(2)\n"),
    "a second line that is cut": (LINE, "    y = x\n", "    return y\n\nf("),
    "a first line that is cut": (LINE, "    y = x\n    retu", ""),
    "another second line": (LINE, "    y = x\n", "    return y\n\ng(2)\n"),
    "nothing but the suffix": (LINE, "", "    return y\n"),
    "the rest of a line": (REST, "x", ""),
    "a rest, then the suffix": (REST, "x", "\n    return y\n"),
    "a rest, then a cut suffix": (REST, "x", "\n    return y\n\nf"),
    "a rest, then half a line": (REST, "x\n    ret", ""),
    "closing brackets": (Gap("f(\n", ")\n"), "    1\n)\n", ""),
    "a bracket in the line": (Gap("print(", ")\n"), "f(a)", ""),
    "a bracket and a line": (Gap("print(", ")\nprint(2)\n"), "f(a)", ")\nprint(2)"),
    "the end of a block": (Gap("if a {\n", "}\nb();\n"), "  c();\n  if d {\n  }\n", ""),
    "a suffix of blank lines": (Gap("a\n", "\n\n"), "b\n\n\n", ""),
    "lines from Windows": (
        Gap("def f(x):\r\n", "    return y\r\n\r\nf(1)\r\n"),
        "    y = x\n",
        "    return y\n\nf(1)\n",
    ),
    "answers from Windows": (REST, "x", "\r\n    return y\r\n"),
    "most of a long suffix": (Gap("y = 0\n", "".join(LONG)), "y = 1\n", "".join(LONG[:150])),
    "another end of a long suffix": (
        Gap("y = 0\n", "".join(LONG)),
        "y = 1\n" + "".join(LONG[:50]) + "z = 0\n",
        "",
    ),
    "one line, and what is outside of its block": (
        Gap("def f(x):\n    y = ", "\n    return y\n"),
        "x",
        "\n    return y\n\n\n# Test\nprint(f(1))\n",
    ),
    "one line of another block": (
        Gap("def f(x):\n", "    return y\n"),
        "    if x:\n        return y\n    y = x\n",
        "",
    ),
    "one line at the top, and more": (Gap("a()\n", "b()\n"), "b()\nc()\n", ""),
    "one line, and more": (Gap("if a:\n", "    b()\n"), "    b()\n    c()\n", ""),
}


@pytest.mark.parametrize(("gap", "answer", "more"), ENDS.values(), ids=ENDS)
def test_an_answer_ends_where_the_suffix_begins_again(gap: Gap, answer: str, more: str) -> None:
    said = answer + more
    fit = gap.fit(said)
    assert said[: fit.kept] == answer
    assert gap.fit(answer).kept == len(answer)


@pytest.mark.parametrize(
    ("suffix", "until"),
    [
        ("    return y\n\nf(1)\nf(2)\n", "    return y\n\nf(1)"),
        (")\n\nprint(2)\n\nprint(3)", ")\n\nprint(2)\n\nprint(3)"),
        ("+ 1)\n  z", "+ 1)\n  z"),
        ("\r\n  x\r\n  y\r\n", "\r\n  x\r\n  y"),
        ("    return y\n", None),
        ("}\n)\n", None),
        ("", None),
        ("x\n" + "y" * 1000, None),
    ],
)
def test_two_sure_lines_of_the_suffix_say_that_an_answer_has_ended(
    suffix: str, until: str | None
) -> None:
    assert Gap("x", suffix).until == until


@given(st.text("ab \n"), st.text("ab() \n"), st.text("ab() \n"))
def test_what_is_kept_is_a_beginning_that_is_kept_again(
    text: str, suffix: str, answer: str
) -> None:
    gap = Gap(text, suffix)
    fit = gap.fit(answer)
    assert 0 <= fit.kept <= len(answer)
    assert gap.fit(answer[: fit.kept]).kept == fit.kept


def test_what_parses_is_told_from_what_does_not() -> None:
    scores = {
        answer: LINE.fit(answer).scores[UNPARSED]
        for answer in ("    y = x\n", "    y = (\n", "    y = x\n    return y\n", "")
    }
    assert list(scores.values()) == [0, 1, 0, 0]


def test_what_only_compiles_elsewhere_does_not_parse() -> None:
    assert Gap("x = 1\n", "    return x\n").fit("if x:\n").scores[UNPARSED] == 1  # from nowhere
    assert LINE.fit("    break\n").scores[UNPARSED] == 1


def test_loose_ends_are_those_of_the_answer_and_what_it_leaves_out() -> None:
    loose = {
        answer: LINE.fit(answer).scores[LOOSE]
        for answer in (
            "    y = x\n",
            "    y = x\n    ",
            "    z = x\n",  # the suffix uses y
            "    y = z\n",
            "    return x\n",  # and nothing reaches the suffix, which uses y
            "    y = 1\n    return x\n\n",
            "    return y\n",  # which is the suffix and is trimmed: the answer says nothing
            " \n",
        )
    }
    assert list(loose.values()) == [0, 0, 1, 1, 2, 1, 2, 2]
    assert REST.fit("x").scores[LOOSE] == 0
    assert Gap("function f() {\n", "}\n").fit("\n").scores[LOOSE] == 1


def test_other_languages_do_not_parse_and_so_nothing_is_told() -> None:
    gap = Gap("function f(x) {\n", "  return y;\n}\n")
    fits = [gap.fit(answer) for answer in ("  let y = x;\n", "  let y = (\n")]
    assert {fit.scores[UNPARSED] for fit in fits} == {1}


def test_a_suffix_that_is_said_amid_an_answer_is_a_repetition() -> None:
    repeated = {
        answer: LINE.fit(answer).scores[REPEATS]
        for answer in (
            "    y = x\n",
            "    def y():\n        pass\n    return y\n    def z():\n        pass\n",
            "    y = x\n        return y\n",
            "    y = x\n    return y\n",  # trimmed, so that it repeats nothing
        )
    }
    assert list(repeated.values()) == [0, 1, 0, 0]
    assert Gap("y = ", " + 1\nz\n").fit("x + 1\n2").scores[REPEATS] == 1
    assert Gap("y = ", ")\n").fit("f()\n)").scores[REPEATS] == 0


def test_what_is_too_long_is_not_parsed() -> None:
    long = "# a\n" * 20_000
    assert UNPARSED not in Gap(long, "x\n").fit("y\n").scores
    assert Gap("", "b\n" * 500_000).fit("a\n" * 1000 + "b\n" * 3).kept == 2000


@pytest.mark.parametrize("program", ["\0", "(" * 1000, "x = '\ud83e'", "-" * 40_000 + "1"])
def test_nothing_is_too_odd(program: str) -> None:
    assert Gap("", "x\n").fit(program).scores[UNPARSED] == 1


INSIDE = Gap("def f(x):\n    y = x\n", "        y += 1\n    return y\n")
LAST = Gap("def f(x):\n", "")
LEFT: dict[str, tuple[Gap, str, str]] = {
    "a check after it": (INSIDE, "    if x:\n", "\n# Check it\nassert f(1) == 2\n"),
    "a function after it": (INSIDE, "    if x:\n", "def g(x):\n    return x\n"),
    "the end of a fence": (LAST, "    return x\n", "```\nIt returns `x`.\n"),
    "prose": (LAST, "    return x\n", "It returns what it is given.\n"),
    "a check that has no end": (LAST, "    return x\n", "\nprint(f(1), f(\n"),
    "a check after the rest of a line": (
        Gap("def f(x):\n    return 1 if x", " else 0\n"),
        " > 1",
        " else 0\n\nprint(f(1))\n",
    ),
    "a bracket that is there": (
        Gap("def f(x):\n    y = g(", ")\n    return y\n"),
        "x",
        ")\n    return\n)",
    ),
    "a check, where the line goes on": (REST, "x", "\n\nassert f(1)\n"),
    "a check in a file from Windows": (
        Gap("def f(x):\r\n    y = x", "\r\n    return y\r\n"),
        " + 1\r\n    y += 1",
        "\r\n\r\nprint(f(1))\r\n",
    ),
}
TEXTS = '    z = """\nSELECT a\n# no note\n"""\n    if z:\n'
LEFT["a check after a text that touches the margin"] = (INSIDE, TEXTS, "print(f(1))\n")
LEFT["a check after a text that was begun before"] = (
    Gap('def f():\n    a.b("""\n', "    a.c()\n"),
    'Options:\n  -h\n""")\n',
    "\nprint(f())\n",
)
BRACES = Gap("void f() {\n  a();\n", "  c();\n}\n")
WITHIN: dict[str, tuple[Gap, str]] = {
    "a text that touches the margin": (INSIDE, '    z = """\nSELECT\n"""\n    if z:\n'),
    "a text that was begun before": (
        Gap('import a\ndef f():\n    a.b("""\n', '""")\n    a.c()\n'),
        "  Use: a\n\nOptions:\n  -h\n",
    ),
    "half a text": (Gap("def f(x):\n", "    return x\n"), '    y = """\nSELECT a\nFROM'),
    "a note at the margin": (INSIDE, "# x is old\n    if x:\n"),
    "another branch": (Gap("if x:\n    a()\n", "    b()\n"), "    c()\nelse:\n"),
    "nothing but another branch": (Gap("if x:\n    a()\n", "    b()\n"), "else:\n"),
    "the end of a block, and another": (
        Gap("def f():\n    return 1\n\n", "    x = 2\n    return x\n"),
        "\ndef g():\n",
    ),
    "a function that the suffix ends": (Gap("import a\n", "    return 1\n"), "def f():\n"),
    "a function between others": (Gap("x = 1\n\n", "\n\ny = 2\n"), "def f():\n    return 1\n"),
    "code above what it leaves out": (LINE, "    if x:\n        return 1\n    return 2\n"),
    "one that swallows its end": (LINE, "    with suppress(E):\n        return x\n    y = 1\n"),
    "a fence in a text of fences": (Gap("```\na\n", "b\n"), "```\n```\n"),
    "a fence in prose": (Gap("# A\n\nTo install:\n\n", "\n## B\n"), "```sh\npip\n```\n"),
    "nested functions": (INSIDE, "    def g(x):\n        return x\n\n    if g(x):\n"),
    "a newer Python": (LINE, '    y = 1\n    z = f"{x["y"]}"\n    print(z)\n'),
    "a notebook": (Gap("def f():\n    return 1\n", "\nf()\n"), "x = 1\n!pip install x\ny = 2\n"),
    "a directive": (BRACES, "#if X\n  b();\n#endif\n"),
    "a label": (BRACES, "  b();\nout:\n"),
    "another function in braces": (BRACES, "  b();\n}\n\nvoid g() {\n"),
    "SQL": (Gap("SELECT\n    a\n", "    AND b\n"), "FROM t\nWHERE c\n"),
    "YAML": (Gap("a:\n  b: 1\n", "  d: 2\n"), "c:\n"),
    "TOML": (Gap("[a]\nx = 1\n", "w = 3\n"), "y = true\nz = 2024-01-01\n"),
    "JSON with notes": (Gap('{\n  "a": 1,\n', '  "d": 4\n}\n'), '  "b": 2,\n  // c\n  "c": 3,\n'),
}


@pytest.mark.parametrize(("gap", "answer", "more"), LEFT.values(), ids=LEFT)
def test_an_answer_in_python_ends_where_it_leaves_its_gap(gap: Gap, answer: str, more: str) -> None:
    fit = gap.fit(answer + more)
    assert (answer + more)[: fit.kept] == answer
    assert fit.scores[UNPARSED] == 0


@pytest.mark.parametrize(("gap", "answer"), WITHIN.values(), ids=WITHIN)
def test_what_may_be_meant_is_kept(gap: Gap, answer: str) -> None:
    assert gap.fit(answer).kept == len(answer)


def test_what_fits_nowhere_stays_as_it_is() -> None:
    for gap in (Gap("function f() {\n", "  b();\n"), Gap("x = (\n", "y = 1\n")):
        assert gap.fit("  a(\n  c(\n").kept == len("  a(\n  c(\n")


def ends_early(gap: Gap, answer: str) -> int | None:
    """Where an answer is cut that is heard character by character; None if it never is."""
    following = gap.follow()
    if any(following.hear(character) for character in answer):
        return following.fit.kept
    return None


@pytest.mark.parametrize(("gap", "answer", "more"), LEFT.values(), ids=LEFT)
def test_an_answer_that_leaves_its_gap_ends_there_at_once(gap: Gap, answer: str, more: str) -> None:
    assert ends_early(gap, f"{answer}{more}\n") in {len(answer), None}


def test_it_ends_with_the_first_line_outside_if_that_line_is_whole() -> None:
    said = "    y = x\nprint(f(1))"
    assert ends_early(LINE, said) is None
    assert ends_early(LINE, f"{said}\n") == len("    y = x\n")
    assert ends_early(LINE, f"{said}\nassert") == len("    y = x\n")


@pytest.mark.parametrize(("gap", "answer"), WITHIN.values(), ids=WITHIN)
def test_what_may_be_meant_is_heard_out(gap: Gap, answer: str) -> None:
    assert ends_early(gap, answer) is None


TEXTS_BEFORE = (
    *("def f(x):\n", "def f(x):\n    y = ", "def f(x):\n    y = x\n", "class A:\n    x = 1\n"),
    *(
        'def f(x):\n    """It is.\n',
        "def f(x):\n    y = [\n",
        "def f(x):\r\n    y = x\r\n",
        "x = 1\n",
    ),
    *(
        "if x:\n\ty = 1\n",
        "function f(x) {\n",
        "func f() {\n\tx := 1\n",
        "fn f() {\n    g();\n",
        "",
    ),
)
SUFFIXES = (
    *(
        "",
        "\n",
        "\n\n",
        "\r\n",
        " \n\t\n",
        "    return y\n",
        "\n    return y\n",
        ")\n    return y\n",
    ),
    *('    """\n    return x\n', "    ]\n    return y\n", "\treturn y\n", "print(f(1))\n"),
    *("    return y\r\n\r\nf(1)\r\n", "  return y;\n}\n\nfoo();\nbaz();\n", "    }\n}\n"),
    *("    y = 1\n    def g():\n        pass\n", "    return y\n\nf(1)\n", " + 1\n    return y\n"),
)
PARTS = (
    *("    y = x\n", "    if y:\n        y += 1\n", "\n", "# note\n", "else:\n", "    z = [\n"),
    *("1,\n", "]\n", '    """\n', '"""\n', "print(f(1))\n", "def g():\n    pass\n", "```\n"),
    *("It adds.\n", "    return y\n", "\n    return y\n\nf(1)\n", "    y = ", "x"),
    *("@g\n", "class B:\n    pass\n", "\ty = 2\n", "\r\n", "    y = 1\r\n", "f(1)\r\n", "foo();\n"),
    *(
        "}\n",
        "  return y;\n}\n\nfoo();\n",
        "    t = \\\n",
        "SELECT 1\n",
        "'''\n",
        "(\n",
        ")\n",
        "\f\n",
    ),
    *('    s = """\nA\n"""\n', "    pass\n", "print(f(1),\n", "f(2))\n", "é\n", "    \n", "```"),
)


GAPS = st.builds(Gap, st.sampled_from(TEXTS_BEFORE), st.sampled_from(SUFFIXES))
ANSWERS = st.lists(st.sampled_from(PARTS), max_size=9).map("".join)


@given(GAPS, ANSWERS)
def test_who_is_not_heard_out_would_be_cut_to_the_same(gap: Gap, answer: str) -> None:
    early = ends_early(gap, answer)
    assert early is None or early == gap.fit(answer).kept


@given(GAPS, ANSWERS, st.integers(1, 9))
def test_what_is_sent_as_it_comes_is_never_cut(gap: Gap, answer: str, size: int) -> None:
    streamed = replace(gap, sent=True)
    following, sure, ended = streamed.follow(), 0, False
    for at in range(0, len(answer), size):
        if ended := following.hear(answer[at : at + size]):
            assert following.fit.kept == streamed.fit(answer).kept
            break
        assert sure <= following.sure <= at + size
        sure = following.sure
    assert sure <= streamed.fit(answer).kept
    assert ended == (ends_early(gap, answer) is not None)


@pytest.mark.parametrize(
    ("gap", "said", "sure"),
    [
        (INSIDE, "    if", "    if"),
        (INSIDE, "    if x:\n", "    if x:\n"),
        (INSIDE, "    if x:\n\n\n", "    if x:\n"),
        (INSIDE, "    if x:\nprint", "    if x:\n"),
        (INSIDE, "    if x:\nel", "    if x:\n"),
        (INSIDE, "    if x:\nelse", "    if x:\nelse"),
        (INSIDE, "    if x:\n# why", "    if x:\n"),
        (INSIDE, "    if x:\n# why\n     y", "    if x:\n# why\n     y"),
        (INSIDE, "print", "print"),  # there is nothing before it
        (INSIDE, '    z = """\nSELECT', '    z = """\nSELECT'),
        (REST, "x\n", "x"),  # the suffix brings the line break
        (REST, "x\r", "x"),
        (BRACES, "  b();\nout", "  b();\n"),
        (BRACES, "  b();\nout:\n  c", "  b();\nout:\n  c"),  # it is no Python
        (Gap("x = 1\n", "y = 2\n"), "f()\n``", "f()\n"),
        (Gap("x = 1\n", "y = 2\n"), "f()\n`a", "f()\n`a"),
    ],
)
def test_what_may_be_outside_is_not_sure(gap: Gap, said: str, sure: str) -> None:
    following = gap.follow()
    assert not following.hear(said)
    assert said[: following.sure] == sure


def test_hearing_takes_no_longer_for_what_was_said_before() -> None:
    following = INSIDE.follow()
    began = time.process_time()
    assert not any(following.hear("    y = x + 1\n") for _ in range(20_000))
    assert time.process_time() - began < 10  # where each line read all before it, it took minutes


def test_a_line_of_the_suffix_that_was_sent_is_the_answers() -> None:
    said = "    y = x\n    return y\n"
    for sent, kept in ((False, "    y = x\n"), (True, said)):
        gap = replace(LINE, sent=sent)
        assert ends_early(gap, f"{said}print(f(1))\n") == len(kept)
        assert gap.fit(said).kept == len(kept)
        assert gap.fit(f"{said}print(f(1))").kept == len(kept)
