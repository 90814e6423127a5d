"""Which of a model's servers is asked."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.upstream.balancing.balance import (
    MUCH_MORE,
    Asker,
    Replica,
    are_others,
    for_draw,
    for_question,
)
from router.upstream.balancing.breaker import Breaker, Closed, Open, Probing

NOW = 100.0
AWAY = Open(NOW + 1, 1.0, "it failed")
DUE = Open(NOW, 1.0, "it failed")
TRIED = Probing(NOW + 1, 1.0, "it failed")
AWAY_FOR_ME = Open(NOW + 1, 1.0, "it failed", "me")
ME, YOU = Asker("me", NOW), Asker("you", NOW)


def server(load: int = 0, breaker: Breaker | None = None, slots: int | None = None) -> Replica:
    made = Replica(cast("Any", None), "a", slots, load=load)
    made.breaker = breaker or Closed()
    return made


def test_the_least_loaded_then_the_one_that_was_sent_fewest() -> None:
    servers = [server(2), server(1), server(1)]
    servers[1].draws = 5
    assert for_draw(servers, [], None, ME) is servers[2]
    assert for_question(servers, [], ME) is servers[2]
    assert for_draw(servers, servers[1:], None, ME) is servers[0]
    assert for_draw(servers, servers, None, ME) is None


@pytest.mark.parametrize(
    ("preferred", "other", "n", "is_preferred"),
    [
        (server(MUCH_MORE), server(), 1, True),
        (server(MUCH_MORE + 1), server(), 1, False),
        (server(3, slots=4), server(slots=4), 1, True),
        (server(4, slots=4), server(slots=4), 1, False),
        (server(2, slots=4), server(slots=4), 3, False),
        (server(4, slots=4), server(3, slots=4), 2, True),  # there is no room anywhere
        (server(1, slots=4), server(slots=4), 9, False),
        (server(slots=4), server(slots=4), 9, True),
        (server(breaker=Closed(1)), server(), 1, False),
        (server(breaker=AWAY), server(), 1, False),
        (server(breaker=AWAY_FOR_ME), server(), 1, False),
    ],
)
def test_one_that_read_the_prompt_goes_before_as_far_as_it_is_as_good(
    preferred: Replica, other: Replica, n: int, *, is_preferred: bool
) -> None:
    chosen = for_draw([other, preferred], [], preferred, Asker("me", NOW, n))
    assert chosen is (preferred if is_preferred else other)


def test_a_draw_finds_out_how_one_is_but_not_what_failed_already() -> None:
    due, well = server(breaker=DUE), server()
    assert for_draw([well, due], [], well, ME) is due
    assert for_draw([well, due, other := server()], [other], None, ME) is well
    assert for_draw([due, other], [other], None, ME) is due
    assert for_question([well, due], [], ME) is well
    assert for_question([due], [], ME) is due


def test_one_that_is_left_alone_for_a_caller_is_asked_for_others() -> None:
    servers = [server(breaker=AWAY_FOR_ME), server(1)]
    assert for_draw(servers, [], None, ME) is servers[1]
    assert for_draw(servers, [], None, YOU) is servers[0]
    assert for_draw(servers[:1], [], None, ME) is None
    assert for_draw(servers[:1], [], None, YOU) is servers[0]
    assert not are_others(servers, servers[1:], ME)
    assert are_others(servers, servers[1:], YOU)


def test_what_goes_along_is_sent_where_another_finds_out() -> None:
    """Only where there is nobody else."""
    along = Asker("me", NOW, along=True)
    servers = [server(breaker=TRIED), server(9)]
    assert for_draw(servers, [], None, along) is servers[1]
    assert for_draw(servers[:1], [], None, along) is servers[0]
    assert for_draw(servers[:1], [], None, ME) is None
    assert for_draw([server(breaker=AWAY)], [], None, along) is None


def test_one_that_is_busy_is_left_alone_while_others_are_there() -> None:
    servers = [server(), server(5)]
    servers[0].rest(9.0, NOW)
    assert for_draw(servers, [], servers[0], ME) is servers[1]
    servers[1].rest(9.0, NOW)
    assert for_draw(servers, [], None, ME) is servers[0]


@given(
    st.integers(2, 4),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3)), max_size=40),
)
def test_no_server_has_more_than_its_slots_while_another_has_room(
    count: int, slots: int, draws: list[tuple[int, int]]
) -> None:
    servers = [server(slots=slots) for _ in range(count)]
    for n, prompt in draws:
        roomy = [each for each in servers if each.has_room(n)]
        chosen = for_draw(servers, [], servers[prompt % count], Asker("me", NOW, n))
        assert chosen is not None
        assert chosen in roomy or not roomy
        chosen.load += n
