"""Several prompts of one request; what comes of them is in `http/test_several_prompts`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from policies.values import Budget
from router.batch import AT_ONCE, Batch
from router.gateway import Prepared
from router.plan.outcome import Outcome

pytestmark = pytest.mark.anyio
NONE: Any = None


async def test_what_comes_after_the_first_is_known_to() -> None:
    """It is not refused because a queue is full: its own request may have filled it."""
    parts = [Prepared(NONE, NONE, NONE, Budget(flops=at + 1), None) for at in range(AT_ONCE + 3)]
    begun = {}

    async def perform(at: int, part: Prepared) -> Outcome:
        begun[at] = part.begun
        assert replace(part, begun=False) == parts[at]
        return cast(Outcome, None)

    await Batch(NONE, tuple(parts), None).run(perform)
    assert begun == {at: at > 0 for at in range(len(parts))}
