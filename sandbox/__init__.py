"""Runs untrusted programs against tests, and reports verdicts that the programs cannot forge.

`parse_tests` and `parse_limits` read the JSON objects of the HTTP contract; a `Backend` judges a
`Program`. It knows nothing of models or HTTP. Here is the server's side:

    program, report     what goes in and what comes out, as values
    execution           likewise, where a program is run for its outputs
    parse               tests and limits from JSON
    backend             what every backend offers, and the errors that are not verdicts
    pool                what the backends have in common: workers, and runs that wait for one
    process/, docker/   the backends
    judging, executing  from what a run came to, to a verdict or to outputs
    compare, members    whether results and outputs are the expected ones

and in `inner/` what runs in other processes than the server's. `codec`, `plain` and `frames` are
how values and messages cross between them, and `texts` tells by which texts results are compared,
so both sides import these. Errors that are not
verdicts:

    ValueError
        InvalidTests        the caller's tests cannot be used
        InvalidProgram      the source cannot be a program
    SandboxError
        SandboxUnavailable  the host does not allow real isolation
        QueueFull           too many runs are waiting
"""

from sandbox.backend import Backend, QueueFull, SandboxError, SandboxUnavailable
from sandbox.docker.backend import DockerBackend
from sandbox.execution import Arguments, Execution, Output
from sandbox.parse import parse_limits, parse_min_integrity, parse_tests
from sandbox.process.backend import ProcessBackend
from sandbox.program import (
    IO,
    MAX_OUTPUT_BYTES,
    Asserts,
    Call,
    Calls,
    Integrity,
    InvalidProgram,
    InvalidTests,
    IOCase,
    Limits,
    Program,
    Pytest,
    Tests,
)
from sandbox.report import Report, Status
from sandbox.texts import canonical

__all__ = [
    "IO",
    "MAX_OUTPUT_BYTES",
    "Arguments",
    "Asserts",
    "Backend",
    "Call",
    "Calls",
    "DockerBackend",
    "Execution",
    "IOCase",
    "Integrity",
    "InvalidProgram",
    "InvalidTests",
    "Limits",
    "Output",
    "ProcessBackend",
    "Program",
    "Pytest",
    "QueueFull",
    "Report",
    "SandboxError",
    "SandboxUnavailable",
    "Status",
    "Tests",
    "canonical",
    "parse_limits",
    "parse_min_integrity",
    "parse_tests",
]
