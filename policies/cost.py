"""What a call costs, in FLOPs, from a model's architecture alone.

The *exact* basis charges what a request really computes: the prompt once per upstream request
(its samples share the prefill) and every generated token. Two FLOPs per weight and token, plus
attention, which grows with the context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes that decide a transformer's cost.

    `body_params` counts the weights of the linear layers inside the blocks, `head_params` those
    of the output head (vocabulary by width, also where it is tied to the embedding), `layers` the
    blocks, and `attention_width` the query width of one block (heads times head size).
    """

    body_params: int
    head_params: int
    layers: int
    attention_width: int
