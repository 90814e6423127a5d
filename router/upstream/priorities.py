"""How urgent a draw is to a server that serves by priority, as vLLM does: lower is earlier.

It is the moment at which it is due, in milliseconds of the wall clock, so that the numbers of
several gateways, and of one before and after a restart, mean the same. What has no deadline is due
in a while: it comes after what is urgent, and is not passed for ever.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

PATIENT_S: Final = 60.0
"""In how many seconds a draw is due that has no deadline."""


def priority(deadline: float | None) -> int:
    """Of a draw that is sent now; its deadline is on the event loop's clock."""
    now = asyncio.get_running_loop().time()
    left_s = PATIENT_S if deadline is None else deadline - now
    return round(1000 * (time.time() + left_s))
