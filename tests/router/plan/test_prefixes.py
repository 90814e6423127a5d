"""What of a prompt is expected to be in a model's cache."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.plan.prefixes import (
    BLOCK,
    MOST_BLOCKS,
    MOST_PROMPTS,
    NOTHING_READ,
    Blocks,
    KeptPrompts,
)
from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt

LONG = "".join(f"line {at}\n" for at in range(200))


def blocks(prompt: str | Prompt, **passed_on: object) -> Blocks:
    return Blocks.of(TextPrompt(prompt) if isinstance(prompt, str) else prompt, passed_on)


def read(kept: KeptPrompts, *prompts: Blocks, most: int = 4, found: float | None = None) -> None:
    for prompt in prompts:
        kept.read(prompt, samples=1, most=most, found=found)


def trusted(*prompts: Blocks, most: int = 4) -> KeptPrompts:
    """What has read these, and always had in its cache what it was expected to."""
    kept = KeptPrompts(trust=1.0)
    read(kept, *prompts, most=most)
    return kept


def test_all_of_a_prompt_that_was_read_and_of_another_what_they_share() -> None:
    kept = trusted(blocks(LONG))
    assert kept.expected(blocks(LONG)) == 1
    assert kept.expected(blocks(LONG + LONG)) == pytest.approx(0.5, abs=BLOCK / len(LONG))
    assert 0.9 < kept.expected(blocks(LONG[:-9] + "another end")) < 1
    assert kept.expected(blocks("x" + LONG)) == 0
    assert kept.expected(NOTHING_READ) == 0


@pytest.mark.parametrize(
    "prompt",
    [
        TextPrompt("x"),
        TextPrompt("f", "g"),
        TokenPrompt(tuple(range(100))),
        ChatPrompt(({"role": "user", "content": LONG},)),
    ],
)
def test_every_kind_of_prompt_is_known_again(prompt: Prompt) -> None:
    assert trusted(blocks(prompt)).expected(blocks(prompt)) == 1


def test_a_gap_is_read_up_to_what_was_typed() -> None:
    kept = trusted(blocks(TextPrompt(LONG, "end")))
    assert 0.9 < kept.expected(blocks(TextPrompt(LONG + "typed", "end"))) < 1


def test_a_server_that_says_nothing_is_expected_to_have_nothing() -> None:
    kept = KeptPrompts()
    read(kept, blocks(LONG), blocks(LONG))
    assert kept.expected(blocks(LONG)) == 0


def test_what_was_found_tells_how_far_to_rely_on_it() -> None:
    kept = KeptPrompts()
    read(kept, blocks(LONG))
    read(kept, blocks(LONG), found=0.9)
    assert kept.expected(blocks(LONG)) == pytest.approx(0.9)
    read(kept, *[blocks(LONG)] * 12, found=0.0)
    assert kept.expected(blocks(LONG)) < 0.05
    read(kept, *[blocks(LONG)] * 12, found=1.0)
    assert kept.expected(blocks(LONG)) > 0.95
    # What was not expected, and was not found, says nothing.
    read(kept, blocks("another"), found=0.0)
    assert kept.expected(blocks(LONG)) > 0.95


def test_as_many_prompts_are_kept_as_samples_are_computed_at_once() -> None:
    one, other = blocks(LONG), blocks("x" + LONG)
    assert trusted(one, other, most=2).expected(one) == 1
    assert trusted(one, other, most=1).expected(one) == 0
    kept = trusted(one)
    kept.read(other, samples=3, most=4, found=None)
    assert (kept.expected(one), kept.expected(other)) == (1, 1)
    kept.read(other, samples=9, most=4, found=None)
    assert (kept.expected(one), kept.expected(other)) == (0, 1)


def test_what_is_remembered_is_bounded() -> None:
    kept = KeptPrompts(trust=1.0)
    prompts = [blocks(f"{at} {LONG}") for at in range(MOST_PROMPTS + 1)]
    read(kept, *prompts, most=1000)
    assert [kept.expected(prompt) for prompt in prompts] == [0] + [1] * MOST_PROMPTS
    assert len(Blocks.of(TextPrompt("x" * 10**6), {}).hashes) == MOST_BLOCKS


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"cache_prompt": False}, {"cache_prompt": False}),
        ({}, {"cache_prompt": False}),
        ({"cache_salt": "a"}, {"cache_salt": "b"}),
        ({"cache_salt": "a"}, {}),
    ],
)
def test_what_keeps_caches_apart_keeps_prompts_apart(
    first: dict[str, object], then: dict[str, object]
) -> None:
    assert trusted(blocks(LONG, **first)).expected(blocks(LONG, **then)) == 0


def test_what_was_read_without_a_cache_is_in_it_afterwards() -> None:
    assert trusted(blocks(LONG, cache_prompt=False)).expected(blocks(LONG)) == 1


def test_one_salt_is_one_cache() -> None:
    assert trusted(blocks(LONG, cache_salt="a")).expected(blocks(LONG, cache_salt="a")) == 1


@given(
    st.lists(st.tuples(st.text("ab", max_size=4 * BLOCK), st.integers(1, 3)), max_size=8),
    st.text("ab", min_size=1, max_size=4 * BLOCK),
    st.integers(1, 4),
)
def test_never_more_than_the_latest_prompts_share_with_it(
    before: list[tuple[str, int]], now: str, most: int
) -> None:
    kept = KeptPrompts(trust=1.0)
    for text, samples in before:
        kept.read(blocks(text), samples=samples, most=most, found=None)
    slots = [text for text, samples in before for _ in range(min(samples, most))][-most:]
    shared = max((_shared(text, now) for text in slots), default=0)
    assert kept.expected(blocks(now)) == pytest.approx(min(1.0, shared / len(now)))


def _shared(one: str, other: str) -> int:
    """Characters of the blocks that two texts begin with in common."""
    cut = [[text[at : at + BLOCK] for at in range(0, len(text), BLOCK)] for text in (one, other)]
    return BLOCK * len(list(takewhile(lambda pair: pair[0] == pair[1], zip(*cut, strict=False))))
