"""Which server has a prompt in its cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.request import ChatPrompt, Prompt, TextPrompt, TokenPrompt
from router.upstream.balancing.affinity import Affinity, beginnings

LONG = "".join(f"line {at}\n" for at in range(200))


def known(first: Prompt, then: Prompt) -> int | None:
    affinity = Affinity()
    affinity.keep(beginnings(first), 1)
    return affinity.server(beginnings(then))


def chat(*texts: str) -> ChatPrompt:
    return ChatPrompt(tuple({"role": "user", "content": text} for text in texts))


def test_the_same_prompt_however_short_it_is() -> None:
    for prompt in (TextPrompt("x"), TextPrompt(LONG), TokenPrompt((1, 2)), chat("hello")):
        assert known(prompt, prompt) == 1


def test_one_that_goes_on() -> None:
    assert known(TextPrompt(LONG), TextPrompt(LONG + "more")) == 1
    assert known(TextPrompt(LONG), TextPrompt(LONG[:-9])) == 1
    assert known(chat(LONG, "one"), chat(LONG, "another")) == 1
    assert known(TokenPrompt(tuple(range(500))), TokenPrompt(tuple(range(600)))) == 1
    assert known(TextPrompt(LONG, "end"), TextPrompt(LONG + "x", "end")) == 1


def test_another_is_not_known() -> None:
    assert known(TextPrompt(LONG), TextPrompt("another" + LONG)) is None
    assert known(TextPrompt("short"), TextPrompt("shorter")) is None
    assert known(TokenPrompt((1, 2)), TokenPrompt((1, 3))) is None


def test_a_preamble_that_all_share_counts_for_nothing() -> None:
    assert known(TextPrompt(LONG + "a" * 5000), TextPrompt(LONG + "b" * 5000)) is None


def test_the_latest_server_counts() -> None:
    affinity, read = Affinity(), beginnings(TextPrompt(LONG))
    affinity.keep(read, 0)
    affinity.keep(read, 2)
    assert affinity.server(read) == 2


def test_the_oldest_are_forgotten() -> None:
    affinity = Affinity(most=4)
    reads = [beginnings(TextPrompt(f"short {at}")) for at in range(6)]
    for at, read in enumerate(reads):
        affinity.keep(read, at)
    assert len(affinity) == 4
    assert [affinity.server(read) for read in reads] == [None, None, 2, 3, 4, 5]


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_what_shares_less_than_half_is_another(shared: int, rest: int) -> None:
    first, then = "s" * shared + "a" * rest, "s" * shared + "b" * rest
    found = known(TextPrompt(first), TextPrompt(then))
    if rest and shared < rest:
        assert found is None
    if shared >= 2 * rest + 64:
        assert found == 1


def test_few_hashes_of_a_huge_prompt() -> None:
    assert len(beginnings(TextPrompt("x" * 10**6))) <= 6
