"""What candidates are run on: arguments for which nobody says what should come out.

First what the prompt calls the function with, then what is near it; where it shows no call, small
values of the types that the signature tells; else a grid of types, of which most programs take
few. What they raise on is dropped by whoever runs them.

All of them together have a bound, and with them the time that they take to be made: what is read of
a prompt says little of how much can be made of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Final

from router.plan.programs.prompts.asked import texts_of
from router.plan.programs.prompts.counted import Draws, TooManyParts
from router.plan.programs.prompts.examples import FoundExample
from router.plan.programs.prompts.literals import CallArguments, Literals, identity_of_call
from router.plan.programs.prompts.mutations import in_turn, near_call
from router.plan.programs.prompts.signatures import Parameter, parameters_of
from router.plan.programs.prompts.typed import Values, ints, kinds_for, lists, strings, values_for
from router.request import Prompt

MOST: Final = 24
_READ_CHARACTERS: Final = 100_000
_MOST_CHARACTERS: Final = 200_000
"""Of all calls that are looked at, as they are written: what is near a long one is as long."""
_ROUNDS: Final = 4
"""How many steps away from what is shown."""
_TRIES: Final = 64
_MOST_UNKNOWN: Final = 2
"""Of so many parameters without a type all pairings of types are tried; of more, a few."""


def inputs_of(
    prompt: Prompt,
    entry_point: str,
    examples: Sequence[FoundExample],
    *,
    most: int = MOST,
    seed: int = 0,
) -> tuple[CallArguments, ...]:
    """What to call a function with: at most `most`, no two equal, the same ones for a seed.

    What is shown comes first, whatever its size. Empty where the entry point is no function's name;
    and where nothing is shown, and of too few calls some were too large: answers that agree on
    those that are small have not shown much. Where there are no more, a few are enough.
    """
    if not entry_point.isidentifier():
        return ()
    draw = Draws(seed)
    shown = [example.call for example in examples]
    found: dict[str, CallArguments] = {}
    for each in shown:
        found.setdefault(identity_of_call(each), each)
    room = _MOST_CHARACTERS - sum(map(len, found))
    others = _near(shown, draw) if shown else _typed(prompt, entry_point, draw)
    while room > 0 and len(found) < most and (call := next(others, None)) is not None:
        same = identity_of_call(call)
        room -= len(same)
        found.setdefault(same, call)
    if not shown and len(found) < most and draw.refused:
        return ()
    return tuple(found.values())[:most]


def _near(shown: Sequence[CallArguments], draw: random.Random) -> Iterator[CallArguments]:
    """The calls a step away from each that is shown, in turn, then those two steps away."""
    origins = list(shown)
    for _ in range(_ROUNDS):
        reached: list[CallArguments] = []
        for call in islice(in_turn([near_call(each, draw) for each in origins]), _TRIES * 4):
            reached.append(call)
            yield call
        origins = draw.sample(reached, min(len(reached), _TRIES))


def _typed(prompt: Prompt, entry_point: str, draw: Draws) -> Iterator[CallArguments]:
    """Calls by what the signature tells; without one, of one argument or two."""
    literals = Literals(_READ_CHARACTERS)
    texts = reversed(texts_of(prompt))
    parameters = next(
        (p for text in texts if (p := parameters_of(text, entry_point, literals)) is not None), None
    )
    if parameters is not None:
        yield from _rows(parameters, draw)
        return
    one, two = Parameter("first"), Parameter("second")
    yield from in_turn([_rows([one], draw), _rows([one, two], draw)])


def _rows(parameters: Sequence[Parameter], draw: Draws) -> Iterator[CallArguments]:
    """Calls with values for all parameters; in every other round not for those with defaults.

    A call that would be too large is left out.
    """
    kinds = [_kinds(parameter) for parameter in parameters]
    unknown = sum(len(each) > 1 for each in kinds)
    if unknown <= _MOST_UNKNOWN:
        ways: list[Sequence[Values]] = list(product(*kinds))
    else:
        ways = [[each[at % len(each)] for each in kinds] for at in range(max(map(len, kinds)))]
    for number in range(_TRIES):
        for way in ways:
            if draw.spent:
                return
            if (values := _values(way, number, draw)) is not None:
                yield _call(parameters, values, defaults=number % 2 == 1)


def _values(way: Sequence[Values], number: int, draw: Draws) -> list[object] | None:
    """A value of each type; None where they would have too many parts."""
    draw.begin()
    try:
        draw.take(len(way))
        return [kind(draw, _at(number, place)) for place, kind in enumerate(way)]
    except TooManyParts:
        return None


def _kinds(parameter: Parameter) -> Sequence[Values]:
    known = values_for(parameter)
    if parameter.variadic:
        return [lists(kind) for kind in ([ints, strings] if known is None else [known])]
    return kinds_for(parameter) if known is None else [known]


def _at(number: int, place: int) -> int:
    """Which value of a type: parameters of one type are not always given equal ones."""
    return number if number < 1 or not place else (number * (place + 2) + place) % 24


def _call(
    parameters: Sequence[Parameter], values: Sequence[object], *, defaults: bool
) -> CallArguments:
    args: list[object] = []
    kwargs: dict[str, object] = {}
    more = any(parameter.variadic for parameter in parameters)
    for parameter, value in zip(parameters, values, strict=True):
        left_out = defaults and parameter.default is not None
        if parameter.variadic and isinstance(value, list):
            # Nothing can follow what was left out before it.
            args += [] if defaults and any(p.default for p in parameters) else value
        elif parameter.keyword_only or (parameter.default is not None and not more):
            kwargs |= {} if left_out else {parameter.name: value}
        elif not left_out:
            args.append(value)
    return CallArguments(tuple(args), kwargs)
