"""What a run came to. Written by the keeper of the run, never by the process that ran."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.program import Integrity


class Status(StrEnum):
    """The outcome, in order of precedence: the first that applies is reported."""

    INTERNAL_ERROR = "internal_error"
    FORGED = "forged"
    SANDBOX_VIOLATION = "sandbox_violation"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    TIMEOUT = "timeout"
    ERROR = "error"
    FAILED = "failed"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one program.

    `detail` narrows the status (`timeout`: `cpu` or `wall`; `error`: `syntax`, `import`,
    `exception`, `signal`, `early_exit`; `internal_error`: `tests` where those are at fault) and
    `message` explains it to a person. Times in seconds, memory in bytes. One of `exit_code` and
    `signal` is set where the program ended by itself rather than with its tests.

    `checks` are the cases, assertions or tests that there are, `passed_checks` those of them that
    were seen to come out right: what did not run is not among them. None where nobody counted, as
    where tests share a process with the candidate.
    """

    status: Status
    integrity: Integrity
    detail: str | None = None
    message: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
    exit_code: int | None = None
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    checks: int | None = None
    passed_checks: int | None = None
