"""Changed literals are unequal to what they were, and look like it."""

import ast
import re
from itertools import islice
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.mutate.doubt import doubt

LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.frozensets(st.none() | st.integers() | st.text(max_size=2), max_size=3).map(set)
    ),
    max_leaves=8,
)


@given(LITERALS, st.integers(0, 99))
def test_a_changed_literal_is_unequal_and_of_the_same_type(value: Any, seed: int) -> None:
    found = doubt(f"assert f() == {value!r}", "", collected=False)
    for text in islice(found.variants(Random(seed)), 3):
        other = ast.literal_eval(text.removeprefix("assert f() == "))
        assert other != value
        assert value is None or type(other) is type(value)


def test_numbers_and_words_keep_their_size() -> None:
    code = "assert f() == [345, 'Hello', 3.25]"
    found = doubt(code, "", collected=False)
    for text in islice(found.variants(Random(1)), 40):
        number, greeting, real = ast.literal_eval(text.removeprefix("assert f() == "))
        assert 100 <= number < 1000
        assert re.fullmatch("[A-Z][a-z]{4}", greeting)
        assert 1 <= real < 10
