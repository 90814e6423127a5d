import pytest
from world import task

from policies.moves import (
    SAMPLING_TEMPERATURE,
    SAMPLING_TOP_P,
    Drawn,
    draw,
    draw_and_wait,
    draw_together,
)
from policies.protocol import Draw, Judged, Started, Wait
from policies.values import NOTHING, Candidate, Verdict

PASSED = Judged(Candidate(0, "small", "", "stop"), Verdict.PASSED)
FAILED = Judged(Candidate(1, "small", "", "stop"), Verdict.FAILED)
ASKED = Draw("small", 4, 256, 0.8, verify=True)


@pytest.mark.parametrize(
    ("temperature", "top_p", "alone", "asked"),
    [
        (None, None, True, (0.0, None)),
        (None, None, False, (SAMPLING_TEMPERATURE, SAMPLING_TOP_P)),
        (None, 0.5, False, (SAMPLING_TEMPERATURE, 0.5)),
        (0.3, None, False, (0.3, None)),
        (0.3, 0.5, True, (0.3, 0.5)),
    ],
)
def test_the_callers_sampling_wins_and_else_the_papers_goes_together(
    temperature: float | None, top_p: float | None, alone: bool, asked: tuple[float, float | None]
) -> None:
    wanted = task("small", temperature=temperature, top_p=top_p)
    (model,) = wanted.models
    command = draw(wanted, model, n=2, max_tokens=256, alone=alone, reason="why")
    assert (command.temperature, command.top_p) == asked
    assert (command.reason, command.verify, command.prompt) == ("why", True, None)


def test_a_draw_that_was_shortened_says_so() -> None:
    wanted = task("small")
    (model,) = wanted.models
    command = draw(wanted, model, n=1, max_tokens=99, alone=True, reason="why")
    assert command.reason == "why, shortened to what is left"


@pytest.mark.parametrize("enough", [1, 2])
def test_a_draw_is_waited_for_no_longer_than_until_enough_have_passed(enough: int) -> None:
    waiting = draw_and_wait(ASKED, enough=enough)
    assert next(waiting) is ASKED
    waiting.send(Started(0, 1.0))
    for verdict in (FAILED, *[PASSED] * (enough - 1)):
        assert waiting.send(verdict) == Wait()
    with pytest.raises(StopIteration) as ended:
        waiting.send(PASSED)
    assert ended.value.value == Drawn(enough, NOTHING)


@pytest.mark.parametrize("enough", [1, 2])
def test_draws_side_by_side_are_waited_for_together(enough: int) -> None:
    waiting = draw_together([ASKED, ASKED], enough=enough)
    assert next(waiting) is ASKED
    for ticket in (0, 1):
        waiting.send(Started(ticket, 1.0))
    for verdict in (FAILED, *[PASSED] * (enough - 1)):
        assert waiting.send(verdict) == Wait()
    with pytest.raises(StopIteration):
        waiting.send(PASSED)
