"""How what models cost stands in a policy file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from policies.cost import Architecture, FlatRate, Rate
from router.artifact.part import Part


class RateJson(Part):
    """The sizes of a model, or its FLOPs per token."""

    body_params: Annotated[int, Field(gt=0)] | None = None
    head_params: Annotated[int, Field(gt=0)] | None = None
    layers: Annotated[int, Field(gt=0)] | None = None
    attention_width: Annotated[int, Field(gt=0)] | None = None
    flops_per_token: Annotated[float, Field(gt=0)] | None = None

    def made(self) -> Rate:
        """As the cost model has it. Raises ValueError where neither form is whole."""
        if self.flops_per_token is not None:
            return FlatRate(self.flops_per_token)
        sizes = (self.body_params, self.head_params, self.layers, self.attention_width)
        if any(size is None for size in sizes):
            raise ValueError("the sizes of a model are not whole")
        return Architecture(*(size for size in sizes if size is not None))


def cost_hash(rates: Mapping[str, Rate]) -> str:
    """SHA-256 of what models cost, by name."""
    told = {name: asdict(rate) for name, rate in sorted(rates.items())}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
