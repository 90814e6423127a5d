"""Results as texts: equal results have equal texts, others differ, and no address is in them."""

import enum
import math
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import canonical

Point = namedtuple("Point", "x y")  # noqa: PYI024 - as programs write them


class Plain:
    pass


class Colour(enum.Enum):
    RED = 1


class Shown:
    def __repr__(self) -> str:
        return f"Shown({object.__repr__(self)}, {Plain()!r})"


class Failing:
    def __repr__(self) -> str:
        raise ValueError


class Iterating:
    def __iter__(self):
        return iter([1, 2])


def makes_function():
    return lambda: 0


ALIKE = {
    "sequences": ([1, 2], (1, 2), range(1, 3), iter([1, 2]), deque([1, 2]), Iterating()),
    "empty sequences": ([], (), range(0), iter(())),
    "sets": ({3, 1, 2}, frozenset({1, 2, 3})),
    "mappings": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, OrderedDict(b=2, a=1), Counter("bba")),
    "whole numbers": (4, 4.0),
    "zeros": (0, 0.0, -0.0),
    "long whole numbers": (2**1000, float(2**1000)),
    "floats": (0.3, 0.1 + 0.2),
    "what is no number": (math.nan, -math.nan, math.inf - math.inf),
    "tuples with names": ((1, 2), Point(1, 2)),
    "objects": (Plain(), Plain()),
    "objects with a word of their own": (Shown(), Shown()),
    "objects without": (Failing(), Failing()),
    "sets of sets": ({frozenset("ab"), frozenset("c")}, {frozenset("c"), frozenset("ba")}),
    "complex numbers": (complex(0.1 + 0.2, 1), complex(0.3, 1)),
    "functions": (makes_function(), makes_function()),
}
ALONE = {
    "None": (None, "None"),
    "a bool": (True, "True"),
    "an integer": (1, "1"),
    "text": ("1", '"1"'),
    "other text": ('é"\n', r'"\u00e9\"\n"'),
    "half a pair": ("\ud800", r'"\ud800"'),
    "an infinity": (-math.inf, "-inf"),
    "a small float": (1e-300 / 3, "3.33333333333e-301"),
    "a list": ([1, ["a"], ()], '[1, ["a"], []]'),
    "a set": ({2, 1}, "set(1, 2)"),
    "an empty set": (set(), "set()"),
    "an empty mapping": ({}, "{}"),
    "a mapping": ({2: "x", 1: None}, '{1: None, 2: "x"}'),
    "bytes": (b"1", "<bytes b'1'>"),
    "a decimal": (Decimal("1.5"), "<Decimal Decimal('1.5')>"),
    "a member": (Colour.RED, "<Colour <Colour.RED: 1>>"),
    "a type": (int, "<type <class 'int'>>"),
    "an object": (Plain(), "<Plain>"),
    "an object that fails": (Failing(), "<Failing>"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_equal_results_have_equal_texts(case: str) -> None:
    assert len({canonical(value) for value in ALIKE[case]}) == 1


@pytest.mark.parametrize("case", ALONE)
def test_results_have_texts(case: str) -> None:
    value, text = ALONE[case]
    assert canonical(value) == text


def test_different_results_have_different_texts() -> None:
    values = [value for value, _ in ALONE.values()] + [False, 0, 0.5, [[]], [1], {1}, {1: 1}, "[1]"]
    assert len({canonical(value) for value in values}) == len(values)


def test_no_text_has_an_address() -> None:
    assert "0x" not in canonical([Shown(), Plain(), print, lambda: 0, Iterating])


@pytest.mark.parametrize("make", [str, lambda n: [n], lambda n: {n: "é" * 300}, lambda n: 1 << n])
def test_long_texts_are_cut_and_told_apart(make) -> None:
    texts = [
        canonical(make(10**300 + n)) if make is str else canonical([make(n)] * 99)
        for n in (1500, 1501)
    ]
    assert all(len(text) <= 200 and " sha256:" in "".join(text.split("...")[1:]) for text in texts)
    assert texts[0] != texts[1]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_texts_are_short_ascii_and_the_same_again(value: object) -> None:
    text = canonical(value)
    assert text == canonical(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 200


@given(st.sets(st.text() | st.integers()), st.randoms())
def test_order_is_nothing_where_there_is_none(members: set[object], random) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)
    assert canonical(set(shuffled)) == canonical(members)
    pairs = {member: canonical(member) for member in shuffled}
    assert canonical(pairs) == canonical(dict(reversed(pairs.items())))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whole_floats_are_integers(number: float) -> None:
    whole = float(math.floor(number))
    assert canonical(whole) == canonical(int(whole))
