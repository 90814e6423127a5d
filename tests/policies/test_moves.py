import pytest
from world import task

from policies.moves import SAMPLING_TEMPERATURE, SAMPLING_TOP_P, draw


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
