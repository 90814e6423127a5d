"""What a server keeps of a prompt between draws of one plan, and what a reservation may count on.

A draw fills its server's cache with its prompt, so that a further draw of it computes next to
nothing of it. That cannot be relied on: others use the cache too. So a draw counts on it only where

- an earlier draw of the same model and prompt in this plan came to its end, and
- that server said how much of the prompt it computes before the first token came, and one token at
  a time: so it is seen in time when a prompt is not there any more, and the draw is cut before it
  costs more than it holds (`RunningDraw.keep_within`), and
- no draw since then found less. What it did find is what the next may count on.

The hold of such a draw covers a prompt that has to be computed after all, and the token at which
that is seen (`CostModel.ceiling`): what it does not cover, beside these, are full answers.
"""

from __future__ import annotations

from collections.abc import Iterable

from policies.cost import cacheable
from policies.protocol import Draw, Start
from router.plan.draws import RunningDraw
from router.plan.work import Work


def counted_on(work: Iterable[Work], command: Start) -> int:
    """Prompt tokens that a command may count on as cached, if it asks for it."""
    if isinstance(command, Draw) and command.counts_on_cache:
        return kept_tokens(work, command)
    return 0


def kept_tokens(work: Iterable[Work], command: Start) -> int:
    """Prompt tokens of a draw that its server keeps from what this plan has done; 0 if unknown."""
    if not isinstance(command, Draw):
        return 0
    before = [each for each in work if isinstance(each, RunningDraw) and _same(each, command)]
    first = next((at for at, draw in enumerate(before) if _fills(draw)), None)
    if first is None:
        return 0
    found = [draw.cached_tokens for draw in before[first + 1 :] if draw.cached_tokens is not None]
    prompt = before[first].prompt.most
    return min([cacheable(prompt, prompt), *found])


def _same(draw: RunningDraw, command: Draw) -> bool:
    return (draw.model, draw.command.prompt) == (command.model, command.prompt)


def _fills(draw: RunningDraw) -> bool:
    """Whether it has put its prompt into a cache of which its server tells in time."""
    ended = draw.hold.settled is not None and draw.finished and not draw.overrun
    return ended and draw.told_early and draw.token_per_chunk and not draw.misreported
