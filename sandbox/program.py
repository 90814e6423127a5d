"""What the sandbox runs: a candidate's source, the tests that judge it, and the limits on both.

These are values. Building one checks it, so a `Program` that exists can be run; `parse_tests`
builds the tests from the JSON object of the HTTP contract.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TypeAlias

from sandbox.source import first_name

MAX_SOURCE_BYTES = 1 << 20
MAX_OUTPUT_BYTES = 8 << 20

JSONValue: TypeAlias = (
    bool | int | float | str | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None
)


class Integrity(StrEnum):
    """How far the verdict is out of the candidate's reach; see `Report.integrity`."""

    ISOLATED = "isolated"
    SHARED = "shared"


class InvalidTests(ValueError):
    """The caller's tests cannot be used; the message says what is wrong and what would do."""


class InvalidProgram(ValueError):
    """The candidate's source cannot be a program: not text, has NUL bytes, or is too large."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one run. Seconds and bytes. Raises `ValueError` for what is no bound.

    Wall and CPU time and output are those of each case where tests have cases; `total_s` bounds the
    wall time of all cases together.
    """

    wall_s: float = 10.0
    cpu_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    output_bytes: int = 2**20
    processes: int = 96
    disk_bytes: int = 64 * 2**20
    total_s: float = 120.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 < value < math.inf:
                raise ValueError(f"the limit {item.name} must be above zero and finite: {value!r}")
        if self.output_bytes > MAX_OUTPUT_BYTES:
            raise ValueError(f"at most {MAX_OUTPUT_BYTES} bytes of output are kept")


@dataclass(frozen=True, slots=True)
class Asserts:
    """Statements that raise when the candidate is wrong. `prelude` is trusted test-side code.

    `header`, here and in other kinds, are lines that stand before the program and are part of it.
    """

    code: str
    entry_point: str
    prelude: str = ""
    header: str = ""


def _require(cases: Sequence[object]) -> None:
    """Without a case, everything would pass."""
    if not cases:
        raise InvalidTests("tests.cases is empty; at least one case is needed")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the entry point; `tolerance` is absolute and relative, for floats only.

    A result is also right that equals one of the `alternatives`, or, with `bools_as_numbers`, has 1
    for True or the other way round. With `integer_keys`, an argument, of either kind, that is an
    object with nothing but integers for keys has them as integers: JSON cannot say that. What is
    in an argument stays as it is.
    """

    args: Sequence[JSONValue]
    expected: JSONValue
    kwargs: Mapping[str, JSONValue] = field(default_factory=dict)
    tolerance: float | None = None
    alternatives: tuple[JSONValue, ...] = ()
    integer_keys: bool = False
    bools_as_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls compared by value in the parent: expected values never reach the candidate.

    `entry_point` is a name, or a way from one, as in `Class().method`: what is called on the way is
    called anew for each case. Raises `InvalidTests` for no case.
    """

    entry_point: str
    cases: tuple[Call, ...]
    header: str = ""

    def __post_init__(self) -> None:
        _require(self.cases)

    @property
    def name(self) -> str:
        """The name that the program has to define."""
        return first_name(self.entry_point)


@dataclass(frozen=True, slots=True)
class IOCase:
    """One run of the whole program: what it reads and what it must print.

    `tolerance` is absolute and relative, for numbers with a point or an exponent only. By `words`
    it does not count how the words of a line are spaced, nor do blank lines.
    """

    stdin: str
    stdout: str
    tolerance: float | None = None
    words: bool = False


@dataclass(frozen=True, slots=True)
class IO:
    """Whole-program runs, compared ignoring trailing white space of lines and of the whole.

    Raises `InvalidTests` for no case.
    """

    cases: tuple[IOCase, ...]
    header: str = ""

    def __post_init__(self) -> None:
        _require(self.cases)


@dataclass(frozen=True, slots=True)
class Pytest:
    """A pytest module that imports the candidate as `solution`. `prelude` as in `Asserts`."""

    code: str
    prelude: str = ""


Tests: TypeAlias = Asserts | Calls | IO | Pytest


@dataclass(frozen=True, slots=True)
class Program:
    """A candidate and its tests. Raises `InvalidProgram` for source that cannot be run."""

    source: str
    tests: Tests

    def __post_init__(self) -> None:
        check_source(self.source)


def check_source(source: object) -> None:
    """Raise `InvalidProgram` for what cannot be run."""
    if not isinstance(source, str):
        raise InvalidProgram(f"source must be text, not {type(source).__name__}")
    if "\0" in source:
        raise InvalidProgram("source has NUL bytes")
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise InvalidProgram(f"source is not text: {error.reason}") from error
    if size > MAX_SOURCE_BYTES:
        raise InvalidProgram(f"source has {size} bytes; at most {MAX_SOURCE_BYTES} are run")
