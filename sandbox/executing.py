"""From an execution to a job for a sandbox, and from its outcome to outputs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.execution import Output
from sandbox.source import with_header, without_mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.execution import Execution
    from sandbox.frames import Frame
    from sandbox.program import Limits

    Perform: TypeAlias = Callable[[Frame], Awaitable[Frame]]

_PATIENCE: Final = 3
"""How many times its own time a call may last while it is not computing.

On a busy host a tenth of a second may be over before a program had its turn.
"""


async def execute(
    execution: Execution, limits: Limits, perform: Perform
) -> tuple[Output | None, ...] | None:
    """The outputs, one for each input; None where the fault is ours. `perform` runs one job."""
    inputs = len(execution.inputs)
    most_each_s = _PATIENCE * execution.each_s
    most_s = limits.wall_s * (1 + execution.timeouts) + most_each_s * inputs
    outcome = await perform(
        {
            "kind": "outputs",
            "source": with_header(execution.header, without_mark(execution.source)),
            "entry_point": execution.entry_point,
            "name": execution.name,
            "values": [one.wire for one in execution.inputs],
            "each_s": execution.each_s,
            "most_each_s": most_each_s,
            "timeouts": execution.timeouts,
            "limits": asdict(limits),
            "most_s": min(limits.total_s, most_s),
        }
    )
    if outcome.get("status") == "internal_error":
        return None
    told = [_output(one) for one in outcome.get("outputs", ())]
    return (*told, *[None] * inputs)[:inputs]


def _output(told: Any) -> Output | None:
    match told:
        case [str(text), bool(returned)]:
            return Output(text, returned)
        case _:
            return None
