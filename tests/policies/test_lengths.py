"""Lengths of texts that no tokenizer has counted."""

from policies.lengths import likely_tokens, most_tokens


def test_no_token_is_less_than_a_byte_and_a_text_has_a_start() -> None:
    assert most_tokens("") == 1
    assert most_tokens("def") == 4
    assert most_tokens("é") == 3  # two bytes


def test_a_token_is_likely_three_and_a_half_bytes() -> None:
    assert likely_tokens("") == 1
    assert likely_tokens("x" * 35) == 11
    assert likely_tokens("x" * 36) == 12
    assert likely_tokens("é" * 35) == 21
