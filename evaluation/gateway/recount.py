"""FLOPs counted again, from the tokens of an answer: the gateway's own figures are not trusted.

A recount needs two things: how many tokens each upstream request had, those of its prompt that were
cached told apart, and each pass of a ranking (the `commands` of the `router` object); and what a
token costs (the sizes of the models, which the evaluator reads itself and keeps in the header of
its result file).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from policies.cost import Architecture, CostModel, FlatRate, Rate


class CannotRecount(ValueError):
    """An answer lacks the tokens or a model's sizes; the message says which."""


def recounted_flops(
    commands: Sequence[Mapping[str, Any]], cost: CostModel, *, with_cache: bool = True
) -> float:
    """FLOPs of all upstream requests of an answer, failed and cancelled ones included.

    Prompt tokens that a server had cached cost nothing, or as others do, `with_cache` or without.
    Raises `CannotRecount`.
    """
    return math.fsum(_command_flops(command, cost, with_cache=with_cache) for command in commands)


def tells_tokens(record: Mapping[str, Any]) -> bool:
    """Whether an answer says what it cost: one that came too late for its deadline does not."""
    return record.get("error") is None and bool(record["commands"])


def cached_of(command: Mapping[str, Any]) -> int:
    """Prompt tokens of a request that its server had cached; 0 where it did not say."""
    cached = command.get("cached_tokens")
    return cached if isinstance(cached, int) else 0


def _command_flops(command: Mapping[str, Any], cost: CostModel, *, with_cache: bool) -> float:
    match command:
        case {"sent": False} | {"command": "execute"} | {"command": "rank", "model": None}:
            return 0.0  # programs run, or a verifier that is too small to count, and no model
        case {
            "model": str(model),
            "prompt_tokens": int(prompt_tokens),
            "completion_tokens": list(completion_tokens),
        }:
            if not cost.knows(model):
                raise CannotRecount(f"the sizes of model {model!r} are not known here")
            cached_tokens = cached_of(command) if with_cache else 0
            return cost.draw(model, prompt_tokens, completion_tokens, cached_tokens)
        case {"model": str(model), "pass_tokens": [*passes]} if cost.knows(model):
            return math.fsum(cost.score(model, read, scored) for read, scored in passes)
    raise CannotRecount(f"a command without model and tokens: {dict(command)}")


def rate_to_json(rate: Rate) -> dict[str, float]:
    """A model's sizes, as a header keeps them."""
    return asdict(rate)


def cost_from_json(rates: Mapping[str, Mapping[str, float]]) -> CostModel:
    """The cost model of a header. Raises `CannotRecount`."""
    try:
        return CostModel({model: _rate(rate) for model, rate in rates.items()})
    except TypeError as error:
        raise CannotRecount(f"the header's model sizes do not read: {error}") from error


def _rate(sizes: Mapping[str, Any]) -> Rate:
    return FlatRate(**sizes) if "flops_per_token" in sizes else Architecture(**sizes)
