"""What every backend offers, and the errors that are not verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from sandbox.execution import Execution, Output
    from sandbox.program import Limits, Program
    from sandbox.report import Report


class SandboxError(Exception):
    """The sandbox itself cannot do what was asked; says nothing about any program."""


class SandboxUnavailable(SandboxError):
    """The host does not allow real isolation; the message says what to enable."""


class QueueFull(SandboxError):
    """As many runs are waiting as the operator allows; try again later."""


class Backend(Protocol):
    """Runs programs. Use it as an async context manager, or call `start` and `aclose`.

    Cancelling `run` or `execute` kills that run's processes at once and leaves nothing behind. It
    does not wait until they are gone: so long they take up the run's place, and `aclose` waits.
    """

    @property
    def enforced(self) -> str:
        """What bounds a run as a whole here, for people."""
        ...

    async def start(self) -> None:
        """Probe the host and warm up. Raises `SandboxUnavailable`."""

    async def run(self, program: Program, limits: Limits) -> Report:
        """Judge one program. Raises `QueueFull` or `SandboxUnavailable`, else always reports."""
        ...

    async def execute(self, execution: Execution, limits: Limits) -> tuple[Output | None, ...]:
        """Run one program for its outputs, one for each input; raises what `run` does.

        None for an input that nobody ran: the program did not load or has no such entry point, its
        time-outs or its time as a whole were used up, or the fault is ours.
        """
        ...

    async def aclose(self) -> None:
        """Kill what still runs and free everything. Safe to call twice."""

    async def __aenter__(self) -> Self:
        """Start."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
