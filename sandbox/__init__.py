"""Runs untrusted programs against tests, and reports verdicts that the programs cannot forge.

`parse_tests` and `parse_limits` read the JSON objects of the HTTP contract; a `Backend` judges a
`Program`. Errors that are not verdicts:

    ValueError
        InvalidTests        the caller's tests cannot be used
        InvalidProgram      the source cannot be a program
    SandboxError
        SandboxUnavailable  the host does not allow real isolation
        Overloaded          too many runs are waiting
"""

from sandbox.backend import Backend, Overloaded, SandboxError, SandboxUnavailable
from sandbox.docker.backend import DockerBackend
from sandbox.parse import parse_limits, parse_min_integrity, parse_tests
from sandbox.process.backend import ProcessBackend
from sandbox.program import (
    IO,
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

__all__ = [
    "IO",
    "Asserts",
    "Backend",
    "Call",
    "Calls",
    "DockerBackend",
    "IOCase",
    "Integrity",
    "InvalidProgram",
    "InvalidTests",
    "Limits",
    "Overloaded",
    "ProcessBackend",
    "Program",
    "Pytest",
    "Report",
    "SandboxError",
    "SandboxUnavailable",
    "Status",
    "Tests",
    "parse_limits",
    "parse_min_integrity",
    "parse_tests",
]
