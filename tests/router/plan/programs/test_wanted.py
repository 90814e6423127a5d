"""What long tests ask for, which are not parsed: as if they were, in a time as long as they are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.programs import wanted
from router.plan.programs.reading import parse
from router.plan.programs.wanted import wanted_by
from sandbox import Pytest

PIECES = [
    "from solution import a, b as c\n",
    "from solution import (\n    a,  # (or b)\n    d,\n)\n",
    "from other import x, y\n",
    "import solution\n",
    "import os, solution as s\n",
    "def test_one():\n    assert solution.e(1) == s.f.g(2)\n",
    "def test_two():\n    import solution as t; t.h('t.i')\n",
    "# from solution import k\n",
    '"""\nfrom solution import l\nsolution.m\n"""\n',
    "n = 'it\\'s' \"# solution.o\"; solution.p\n",
    "assert n.solution.q\n",
    "assert a(1) == \\\n    solution.u\n",
]
UNITS = ["from solution import (", "from solution import (#", "from solution import a,", "import "]
UNITS += ["solution", "solution.", "import solution as ", "a, ", "a=", "def a", "a ", " ", "(", ";"]
UNITS += ["'", '"', "'\\'", "'''", '"""', "'''\\", "''''", "#", "# '", "\\\n", "f'"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_names_are_found_without_parsing_as_they_are_with_it(code: str) -> None:
    assert parse(code) is not None
    assert wanted._from_by_words(code) == wanted._from_solution(code)


def seconds(unit: str, characters: int) -> float:
    """The least of three tries: others on the machine make one slower, and never faster."""
    code = unit * (characters // len(unit))
    return min(once(f"import solution\nfrom solution import *\n{code}") for _ in range(3))


def once(code: str) -> float:
    wanted._from_by_words.cache_clear()
    wanted._used_by_words.cache_clear()
    began = time.process_time()
    wanted_by(Pytest(code))
    return time.process_time() - began


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("end", ["", "\n"])
def test_four_times_as_long_takes_about_four_times_as_long(unit: str, end: str) -> None:
    small, large = (seconds(unit + end, characters) for characters in (210_000, 840_000))
    assert large < 0.05 or large < 10 * small
