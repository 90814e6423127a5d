"""Has a reference answer its inputs, and tells the answers: a program for the sandbox.

It stands behind `values`, as text; what it needs of that is handed over. JSON has lost which lists
were tuples or sets and which texts complex numbers. The published assertions show it for the first
inputs, and the contracts take no others.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Form: TypeAlias = Callable[[Any], Any]

SLOW_S = 0.9
"""Seconds of one answer beyond which an input is left out."""

LARGE = 100_000
"""Characters of an input or an answer beyond which it is left out."""


class TooSlow(BaseException):
    """An answer takes too long. No `Exception`: a reference may catch those."""


def deep(value: Any) -> Any:
    """A list with all lists in it as tuples."""
    return tuple(map(deep, value)) if isinstance(value, list) else value


FORMS: tuple[Form, ...] = (
    lambda value: value,
    tuple,
    lambda value: [tuple(item) for item in value],
    lambda value: tuple(tuple(item) for item in value),
    deep,
    lambda value: {key: tuple(item) for key, item in value.items()},
    set,
    float,
    complex,
)
"""What an argument may have been, the likeliest first."""


def restored(
    args: list[Any], contract: Callable[..., Any], likely: Sequence[Form] | None
) -> list[Any] | None:
    """Arguments in the first forms that the contract takes; None where it takes none."""
    first = [] if likely is None or len(likely) != len(args) else [tuple(likely)]
    for forms in itertools.chain(first, itertools.product(FORMS, repeat=len(args))):
        try:
            made = [form(arg) for form, arg in zip(forms, args, strict=True)]
            contract(*copy.deepcopy(made))
        except Exception:  # noqa: BLE001, S112 whatever a contract raises is a no
            continue
        return made
    return None


def likely_forms(inputs: Sequence[list[Any]], shown: Sequence[list[Any]]) -> Sequence[Form] | None:
    """The forms that make of the first inputs the arguments that assertions show, if any do."""
    if not shown or len({len(args) for args in inputs}) != 1:
        return None
    for forms in itertools.product(FORMS, repeat=len(inputs[0])):
        try:
            if all(
                [form(arg) for form, arg in zip(forms, args, strict=True)] in shown
                for args in inputs
            ):
                return forms
        except Exception:  # noqa: BLE001, S112 this form is not that argument's
            continue
    return None


def answers(
    asked: Mapping[str, Any],
    told: Callable[[Any], Any],
    read: Callable[[Any], Any],
    shown: Callable[[Any], Any],
) -> Iterator[Mapping[str, Any]]:
    """What is told of each input: arguments and answer, or why it is left out.

    `asked` has the `program` of the reference, its `entry_point` and `contract`, the `inputs` and
    before them those of the first tests, `base`, and the `arguments` of assertions; or `again` the
    arguments that were told before. `shown` makes of a result what is compared.
    """
    names: dict[str, Any] = {"__name__": "reference"}
    exec(asked["program"] + asked["contract"], names)  # noqa: S102 in the sandbox
    reference, contract = names[asked["entry_point"]], names["contract"]
    likely = likely_forms(asked["base"], [read(args) for args in asked["arguments"]])
    for number, args in enumerate([*asked["again"], *asked["base"], *asked["inputs"]]):
        try:
            with alarm():
                known = number < len(asked["again"])
                made = read(args) if known else restored(args, contract, likely)
                if made is None:
                    yield {"left_out": "invalid"}
                    continue
                case = {"args": [told(arg) for arg in made]}
                began = time.process_time()
                result = reference(*made)
                seconds = time.process_time() - began
                case["answer"] = told(shown(result))
        except TooSlow:
            yield {"left_out": "slow"}
        except Exception:  # noqa: BLE001 whatever a reference raises, or a result is
            yield {"left_out": "unanswered"}
        else:
            if seconds > SLOW_S:
                yield {"left_out": "slow"}
            else:
                yield {"left_out": "large"} if len(json.dumps(case)) > LARGE else case


@contextlib.contextmanager
def alarm() -> Iterator[None]:
    """Raises `TooSlow` inside when twice the time that an answer may take has passed."""

    def stop(_signal: int, _frame: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * SLOW_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def write(*functions: Any) -> None:
    """Read what is asked, and write a line for each input."""
    sys.set_int_max_str_digits(0)
    out = sys.stdout
    for case in answers(json.load(sys.stdin), *functions):
        print(json.dumps(case), file=out)
