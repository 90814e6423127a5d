"""A calibration that nobody measured: round numbers over a small and a large model.

`text` is the one kind of request with a domain of its own, `code`: at prompts of 100 and of 1000
tokens it has ladders for a quarter of a large call, for one, for two and for four.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.ladder import Answers, Calibration, Domain, Interval, Ladder, Length, Rung

SMALL, LARGE = "small", "large"
CALLS = (0.25, 1.0, 2.0, 4.0)
SUCCESS = (0.3, 0.5, 0.6, 0.7)


def interval(value: float, half: float = 0.05) -> Interval:
    """About a value."""
    return Interval(value, value - half, value + half)


def ladder(
    calls: float, success: float, rungs: Sequence[Rung], *, spent: float | None = None
) -> Ladder:
    """A ladder that is expected to spend three quarters of what it may, where nothing is said."""
    cost = 0.75 * calls if spent is None else spent
    return Ladder(calls, tuple(rungs), interval(success), interval(cost, 0.1 * cost))


def ladders(
    small: str = SMALL, large: str = LARGE, *, less: float = 0.0, of: Sequence[float] = SUCCESS
) -> tuple[Ladder, ...]:
    """One for each of `CALLS`: success as in `of`, `less` of it."""
    cheap = (Rung(small, 1, 0.0),)
    rungs = (
        cheap,
        (*cheap, Rung(small, 2, 0.8)),
        (*cheap, Rung(small, 4, 0.8), Rung(large, 1, 0.0)),
        (*cheap, Rung(small, 4, 0.8), Rung(large, 3, 0.8)),
    )
    made = zip(CALLS, of, rungs, strict=True)
    return tuple(ladder(calls, success - less, each) for calls, success, each in made)


def calibration(small: str = SMALL, large: str = LARGE) -> Calibration:
    """Over these two models; all kinds but `text` are as the pooled domain has it, a bit worse."""
    answers = {small: Answers(20, 48), large: Answers(24, 48)}
    own, worse = ladders(small, large), ladders(small, large, less=0.05)
    lengths = tuple(Length(tokens, own, own) for tokens in (100, 1000))
    return Calibration(
        models=(small, large),
        domains={"code": Domain("code", lengths, answers)},
        pooled=Domain("pooled", (Length(100, worse, worse),), {}),
        kinds={"text": "code"},
    )
