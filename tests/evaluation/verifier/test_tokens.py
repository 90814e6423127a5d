"""What a verifier reads of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.verifier.tokens import BUCKETS, program_buckets, prompt_buckets


def same(one: str, other: str) -> bool:
    return program_buckets(one).tolist() == program_buckets(other).tolist()


def test_comments_spaces_and_what_strings_say_do_not_count() -> None:
    assert same("return x+1  # one more", "return x + 1")
    assert same("s = 'a # b'", 's = """c\nd"""')
    assert not same("return x + 1", "return x - 1")
    assert not same("a = b", "b = a")  # the pairs are others


def test_numbers_are_one_token_but_for_those_that_programs_differ_in() -> None:
    assert same("x % 97", "x % 31.5")
    assert not same("x % 2", "x % 3")


def test_a_prompt_tells_its_words_and_no_output() -> None:
    one = prompt_buckets("Return the sum.\n>>> f(1)\n12\n>>> f(2)\nTrue")
    other = prompt_buckets("return THE sum: f(3) == 9, f(5) == None or 'x'")
    assert set(one) <= set(other)  # "or" is a word more
    assert len(prompt_buckets("12 == f(3), 'ab' 4.5 False")) == 1  # what a text says is a word


def test_a_word_of_a_prompt_is_no_name_of_a_program() -> None:
    assert set(prompt_buckets("reverse")) != set(program_buckets("reverse"))


@pytest.mark.parametrize("text", ["", "#", "'", '"""', "\x00\ud800", "\\", "def f(:\n\t'''"])
def test_what_is_no_python_is_read_as_well(text: str) -> None:
    assert len(program_buckets(text.encode("utf-8", "replace").decode())) <= 9


@given(st.text())
def test_buckets_are_places_each_once(text: str) -> None:
    for buckets in (program_buckets(text), prompt_buckets(text)):
        assert len(set(buckets.tolist())) == len(buckets)
        assert all(0 <= bucket < BUCKETS for bucket in buckets)
