"""What a program returned or printed is compared by value, and white space as it is promised."""

import json
import random
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from enum import IntEnum
from itertools import count, permutations
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.compare import EXACT, Rules, same_text, same_value, shown
from sandbox.members import Undecided, Work
from sandbox.plain import MAX_DEPTH, Teller, ValueTooLong, is_told, made_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["l", "s", "d", "i", "f", "?", "nan", "-ff", "x"]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)


def tell(value: object) -> Any:
    """As it arrives."""
    told = json.loads(json.dumps(Teller(10**7).tell(value), allow_nan=False))
    assert is_told(told)
    return told


class Pair(NamedTuple):
    a: int
    b: int


class Level(IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "lie"

    def __iter__(self):
        return iter("lie")

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Lying(list):
    def __iter__(self):
        return iter([1, 2])

    def __len__(self) -> int:
        return 2

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Box:
    def __init__(self, *items: object) -> None:
        self.items = items

    def __iter__(self):
        return iter(self.items)


class AnyValue:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Disguised:
    __class__ = int  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        (3, 3.0, True),
        (3.0, 3, True),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        (10**30, 10**30, True),
        (10**30, 10**30 + 1, False),
        ("a", "b", False),
        (None, None, True),
        (None, 0, False),
        (None, [], False),
        (float("inf"), float("inf"), True),
        (float("nan"), float("nan"), False),
        (0.3, 0.1 + 0.2, False),
        # What is in order.
        ([1, 2], (1, 2), True),
        ([1, 2], [1, 2, 3], False),
        ([1, 2], [2, 1], False),
        ([], "", False),
        ([], {}, False),
        (["a", "b"], "ab", False),
        ([0, 2, 4], range(0, 5, 2), True),
        ([0, 2, 4], (n for n in (0, 2, 4)), True),
        ([0, 2], (n for n in (0, 2, 4)), False),
        (["1", "2"], map(str, [1, 2]), True),
        ([2], filter(lambda n: n > 1, [1, 2]), True),
        ([[1, "a"], [2, "b"]], zip([1, 2], "ab", strict=True), True),
        ([[0, "a"]], enumerate("a"), True),
        ([3, 2, 1], reversed([1, 2, 3]), True),
        ([1, 2], deque([1, 2], maxlen=5), True),
        ([1, 2], UserList([1, 2]), True),
        ([1, 2], Box(1, 2), True),
        ([1, [2, 3]], Box(1, (n for n in (2, 3))), True),
        ([1, 2], Pair(1, 2), True),
        ([1, 2], {1: 0, 2: 0}.keys(), True),
        ([5, 6], {1: 5, 2: 6}.values(), True),
        ([[1, 5]], {1: 5}.items(), True),
        ([97], b"a", False),
        # Sets.
        ([3, 1, 2], {1, 2, 3}, True),
        ([3, 1], {1, 2, 3}, False),
        ([1, 1, 2], {1, 2}, False),
        ([1, 2, 4], frozenset({1, 2, 3}), False),
        ([], set(), True),
        ([[1, 2], [3, 4]], {(3, 4), (1, 2)}, True),
        ([[2, 1], [3, 4]], {(3, 4), (1, 2)}, False),
        ([[2, 1], [3]], {frozenset({1, 2}), frozenset({3})}, True),
        ([[2, 1], [4]], {frozenset({1, 2}), frozenset({3})}, False),
        ([[1, [2, 3]]], {(1, frozenset({3, 2}))}, True),
        ([[[1, 2], [3]]], {frozenset({(1, 2), (3,)})}, True),
        ([[[2, 1], [3]]], {frozenset({(1, 2), (3,)})}, False),
        ([True, 2], {1, 2}, False),
        ([1.0, 2], {1, 2}, True),
        ([None, "a"], {"a", None}, True),
        ([["l", [1]]], {("l", (1,))}, True),
        ({}, set(), False),
        # Mappings.
        ({"1": 2}, {1: 2}, True),
        ({"1": 2}, {"1": 2}, True),
        ({"1.5": 2}, {1.5: 2}, True),
        ({"true": 2}, {True: 2}, True),
        ({"True": 2}, {True: 2}, False),
        ({"null": 2}, {None: 2}, True),
        ({"[1, 2]": 3}, {(1, 2): 3}, True),
        ({"[1,2]": 3}, {(1, 2): 3}, True),
        ({"[2,1]": 3}, {(1, 2): 3}, False),
        ({'["a", [1]]': 3}, {("a", (1,)): 3}, True),
        ({"x": 3}, {frozenset({1}): 3}, False),
        ({str(10**20): 1}, {10**20: 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"1": "a"}, {1: "a", "1": "b"}, False),
        ({"a": 2, "b": 1}, Counter("aab"), True),
        ({"a": [1]}, OrderedDict(a=(1,)), True),
        ({"a": 1, "b": 2}, ChainMap({"a": 1}, {"a": 3, "b": 2}), True),
        ({"a": 1}, MappingProxyType({"a": 1}), True),
        ({"a": 1}, UserDict(a=1), True),
        # What says something else of itself.
        (1, Level.LOW, True),
        ("lie", Text("truth"), False),
        ("truth", Text("truth"), True),
        ([1, 2], Lying([7]), False),
        ([7], Lying([7]), True),
        (1, AnyValue(), False),
        ([1], [AnyValue()], False),
        ([1], {Level}, False),
        (3, Disguised(), False),
        ([1], Level, False),
        (1, object(), False),
        (2, 2j, False),
        ("<object>", object(), False),
    ],
)
def test_comparison_is_by_value(expected: Any, found: object, same: bool) -> None:
    assert same_value(expected, tell(found)) is same


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        (0.3, 0.1 + 0.2, True),
        (3, 4, False),
        (3, 3 + 1e-12, True),
        ([[1.0]], [[1 + 1e-12]], True),
        ([0.1, 0.3], {0.1 + 0.2, 0.1}, True),
        ([0.1, 0.4], {0.1 + 0.2, 0.1}, False),
        ([[0.3, 1], [0.1, 2]], {(0.1, 2), (0.1 + 0.2, 1)}, True),
        ({"a": 0.3}, {"a": 0.1 + 0.2}, True),
        (1e300, 10**400, False),
    ],
)
def test_numbers_may_be_close_where_that_is_said(expected: Any, found: object, same: bool) -> None:
    assert same_value(expected, tell(found), Rules(1e-9)) is same


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        (True, 1, True),
        (0, False, True),
        (1, 1.0, True),
        (True, 2, False),
        (None, False, False),
        ([True, False], [1, 0], True),
        ([True, 5], {1, 5}, True),
        ([False, 5], {1, 5}, False),
    ],
)
def test_true_may_be_one_where_that_is_said(expected: Any, found: object, same: bool) -> None:
    assert same_value(expected, tell(found), Rules(bools_as_numbers=True)) is same


def test_large_sets_take_no_long_time() -> None:
    tuples = set(permutations(range(7)))
    sets = {frozenset({n, n + 1}) for n in range(3000)}
    assert same_value([list(item) for item in tuples], tell(tuples))
    assert same_value([[n + 1, n] for n in reversed(range(3000))], tell(sets))
    assert not same_value([[n + 2, n] for n in range(3000)], tell(sets))
    assert not same_value([[n, 0.5] for n in range(3000)], tell({(n, 0.6) for n in range(3000)}))


CLOSE = Rules(1e-6)


@pytest.mark.parametrize("count", [2, 600, 5000])
def test_large_sets_of_what_is_close_are_compared(count: int) -> None:
    points = [(float(n % 70), n / 8 + 0.03, "x") for n in range(count)]
    moved = [(x + 1e-9 * (n % 3), y - 1e-9 * (n % 2), t) for n, (x, y, t) in enumerate(points)]
    random.Random(1).shuffle(points)
    assert same_value(points, tell(set(moved)), CLOSE)
    pairs = tell({frozenset(one[:2]) for one in moved})
    assert same_value([[y, x] for x, y, _ in points], pairs, CLOSE)
    assert not same_value(points, tell({*moved[1:], (-1.0, 0.5, "x")}), CLOSE)
    assert not same_value(points, tell({*moved[1:], (*moved[0][:2], "y")}), CLOSE)
    numbers = [n / count for n in range(count)]
    assert same_value(numbers, tell({n + 1e-9 for n in numbers}), Rules(0.1))


def test_all_subsets_are_compared() -> None:
    subsets = [[n for n in range(12) if bits >> n & 1] for bits in range(1 << 12)]
    told = tell(set(map(frozenset, subsets)))
    for rules in (EXACT, CLOSE, Rules(bools_as_numbers=True)):
        assert same_value(subsets[::-1], told, rules)
        assert not same_value([*subsets[1:], [12]], told, rules)


def test_what_is_alike_for_long_is_given_up() -> None:
    """Each with each, it would be a hundred million numbers."""
    row = [0.5] * 1600
    found = ["s", [["l", [*row, n + 1e-9]] for n in range(317)]]
    with pytest.raises(Undecided):
        same_value([[*row, n] for n in reversed(range(317))], found, CLOSE)


def test_sets_in_sets_are_gone_through_once() -> None:
    """Not once more for each set that is around them."""
    inner: Any = frozenset(range(2000))
    expected: Any = list(range(2000))
    for _ in range(80):
        inner, expected = frozenset({inner}), [expected]
    work = Work()
    assert same_value(expected, tell(inner), work=work)
    assert work.left > Work().left - 4000


@pytest.mark.parametrize("endless", [count(), iter(int, 1), range(10**15), iter("a".upper, "b")])
def test_what_does_not_end_is_too_long(endless: object) -> None:
    with pytest.raises(ValueTooLong):
        Teller(1000).tell(endless)


def test_what_is_long_is_too_long() -> None:
    for value in ("x" * 1001, 1 << 5000, [[]] * 501, {n: n for n in range(300)}):
        with pytest.raises(ValueTooLong):
            Teller(1000).tell(value)


def test_what_is_deep_or_in_itself_is_no_value() -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    assert "deeper" in shown(tell(cyclic), 1000)


@given(JSON)
def test_a_json_value_equals_itself_and_comes_back(value: Any) -> None:
    assert same_value(value, tell(value))
    assert made_of(tell(value)) == value


@given(HOSTILE, JSON)
def test_hostile_forms_are_refused_or_compared(told: Any, expected: Any) -> None:
    if is_told(told):
        assert same_value(expected, told) in {True, False}
        shown(told).encode()


@pytest.mark.parametrize(
    "told",
    [
        ["l"],
        ["l", 1],
        ["d", [1]],
        ["d", [[1]]],
        ["i", "x"],
        ["f", "1"],
        ["?"],
        [],
        {},
        ["l", [1], 2],
    ],
)
def test_what_is_no_form_is_refused(told: Any) -> None:
    assert not is_told(told)
    assert not is_told(["l", [told]])


def test_no_form_is_deeper_than_a_value_can_be() -> None:
    told: Any = 1
    for _ in range(MAX_DEPTH + 5):
        told = ["l", [told]]
    assert not is_told(told)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        ((1, (2.5, "b")), "[1, [2.5, 'b']]"),
        ({2}, "{2}"),
        ({"a": [1], 2: {}}, "{'a': [1], 2: {}}"),
        (float("-inf"), "-inf"),
        (1 << 64, "0x10000000000000000"),
        (object(), "<object>"),
    ],
)
def test_a_value_is_shown_as_a_person_would_write_it(value: object, text: str) -> None:
    assert shown(tell(value)) == text


@given(JSON.filter(lambda value: value != ""))
def test_no_more_is_shown_than_asked_for(value: Any) -> None:
    assert 0 < len(shown(tell(value), 20)) <= 20


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("3\n", "3"),
        ("a  \nb", "a\nb\n\n"),
        ("a\r\nb", "a\nb"),
        ("", "\n \n\t"),
        (" a\n", " a"),
        ("a\n\nb", "a\n \nb\n"),
    ],
)
def test_white_space_at_ends_is_nothing(expected: str, found: str) -> None:
    assert same_text(expected, found)
    assert same_text(found, expected)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("  *\n ***\n", "*\n ***\n"),
        ("\n 1", "1"),
        ("1", "\n1"),
        ("a b", "a  b"),
        ("a\n\nb", "a\nb"),
        ("a\tb", "a b"),
        ("a\x0cb", "a\nb"),
        ("a\u2028b", "a\nb"),
        ("A", "a"),
    ],
)
def test_all_other_white_space_counts(expected: str, found: str) -> None:
    for tolerance in (None, 1e-5):
        assert not same_text(expected, found, tolerance)
        assert not same_text(found, expected, tolerance)


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("  *\n ***\n", "*\n***", True),
        ("a b\n", "\n  a   b\n\n", True),
        ("a\n\nb", "a\nb", True),
        ("a b", "a\nb", False),
        ("a b", "b a", False),
        ("a b", "ab", False),
        ("1 1", "1", False),
        ("0.3  1", "0.30000000000000004 1", True),
    ],
)
def test_by_words_no_space_counts_but_lines_do(expected: str, found: str, same: bool) -> None:
    assert same_text(expected, found, 1e-5, words=True) is same
    assert same_text(found, expected, 1e-5, words=True) is same


@pytest.mark.parametrize(
    ("expected", "found"),
    [("0.3", "0.30000000000000004"), ("2.0", "2"), ("x 1e3 y", "x 1000.0 y"), (".5", "0.5")],
)
def test_numbers_agree_within_a_tolerance_only(expected: str, found: str) -> None:
    assert not same_text(expected, found)
    assert same_text(expected, found, 1e-5)
    assert same_text(found, expected, 1e-5)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("0.3", "0.31"),
        ("0.3 1", "0.3"),
        ("0.3", "0.3\n1"),
        ("100000000", "100000001"),
        ("nan", "nan2"),
        ("1.0", "1_0"),
        ("1.5", "abc"),
        ("9" * 400, "8" * 400 + ".0"),
        ("1.0", "\u0661.0"),
    ],
)
def test_what_differs_still_differs(expected: str, found: str) -> None:
    assert not same_text(expected, found, 1e-5)
    assert not same_text(found, expected, 1e-5)


@pytest.mark.parametrize("end", ["x", "/3", ".x", "e", "e5x", "." + "9" * 1_000_000 + "x"])
def test_what_begins_as_a_number_is_read_once(end: str) -> None:
    """It would take days, were the end of its digits looked for at each of them."""
    assert not same_text("1.5", "7" * 2_000_000 + end, 1e-5)
    assert same_text("0." + "3" * 2_000_000, "0." + "3" * 1_999_999, 1e-5)


@given(st.text(), st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_text_agrees_with_itself(text: str, tolerance: float) -> None:
    assert same_text(text, text, tolerance)


@given(st.text("0123456789.eE+- \nx"), st.text("0123456789.eE+- \nx"))
def test_it_never_raises(expected: str, found: str) -> None:
    assert same_text(expected, found, 1e-5) in {True, False}
