"""Outputs of whole programs are compared as APPS does: blind to white space, numbers by value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.compare import same_text


@pytest.mark.parametrize(
    ("expected", "found"),
    [("3\n", "3"), ("a  \nb", "a\nb\n\n"), ("\n 1", "1"), ("a\r\nb", "a\nb")],
)
def test_white_space_at_ends_is_nothing(expected, found):
    assert same_text(expected, found)
    assert same_text(found, expected)


@pytest.mark.parametrize(
    ("expected", "found"),
    [("0.3", "0.30000000000000004"), ("2.0", "2"), ("x 1e3 y", "x 1000.0 y"), (".5", "0.5")],
)
def test_numbers_agree_within_a_tolerance_only(expected, found):
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
def test_what_differs_still_differs(expected, found):
    assert not same_text(expected, found, 1e-5)
    assert not same_text(found, expected, 1e-5)


@given(st.text(), st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_text_agrees_with_itself(text, tolerance):
    assert same_text(text, text, tolerance)


@given(st.text("0123456789.eE+- \nx"), st.text("0123456789.eE+- \nx"))
def test_it_never_raises(expected, found):
    assert same_text(expected, found, 1e-5) in {True, False}
