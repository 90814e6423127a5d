"""Nucleus sampling (Holtzman et al. 2020) of many rows at once: temperature first, then top-p."""

from __future__ import annotations

from typing import Final

import torch

LIKELIEST: Final = 256
"""Nuclei are looked for among so many tokens first: to sort a vocabulary takes far longer."""

ROWS_AT_ONCE: Final = 2
"""Rows of a large vocabulary that stay in a core's cache between one pass and the next."""


def choose(
    logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A token id per row of `logits` (rows, vocabulary), and its log-probability in nats.

    The others hold a number per row. Temperature 0 takes the likeliest token; else `uniform` (in
    [0, 1)) decides within the nucleus, the smallest set of tokens whose probability reaches `top_p`
    (in (0, 1]). Log-probabilities are the model's own, at temperature 1.
    """
    split = (each.split(ROWS_AT_ONCE) for each in (logits, temperature, top_p, uniform))
    chosen, logprobs = zip(*map(_choose, *split), strict=True)
    return torch.cat(chosen), torch.cat(logprobs)


def _choose(
    logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    greedy = temperature == 0
    divisor = torch.where(greedy, 1.0, temperature)[:, None]
    probability = (logits / divisor).softmax(-1, dtype=torch.float32)
    within = torch.where(greedy, 0.0, top_p)
    chosen, found = _among(min(LIKELIEST, logits.shape[-1]), probability, within, uniform)
    if not found.all():
        chosen, _ = _among(logits.shape[-1], probability, within, uniform)
    own = logits.softmax(-1, dtype=torch.float32).gather(-1, chosen[:, None])
    return chosen, own[:, 0].log()


def _among(
    count: int, probability: torch.Tensor, within: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A choice per row among its `count` likeliest tokens, and whether these hold its nucleus."""
    likeliest, ids = probability.topk(count, dim=-1)
    reached = likeliest.cumsum(-1)
    size = (reached < within[:, None]).sum(-1, keepdim=True).clamp(max=count - 1)
    target = uniform[:, None] * reached.gather(-1, size)
    place = torch.minimum(torch.searchsorted(reached, target, right=True), size)
    return ids.gather(-1, place)[:, 0], reached[:, -1] >= within
