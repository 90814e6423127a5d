"""Tests on a clock that jumps to whatever happens next."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

from evaluation.calibration.clock import simulate

P = ParamSpec("P")


def simulated(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run a test on it."""

    @wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        simulate(test(*arguments, **named))

    return run
