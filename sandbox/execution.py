"""A program that is run for what it gives: its inputs, and the outputs, as values.

There is no verdict here. An output is the program's own word: whoever compares it with others takes
it as that of somebody who may say anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sandbox import frames
from sandbox.codec import CannotCross, Encoder, Wire
from sandbox.frames import FrameError
from sandbox.program import InvalidTests, check_source
from sandbox.source import first_name, is_way

MAX_INPUTS: Final = 1000
MAX_ARGUMENTS_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call: None, numbers, text, bytes, and built-in containers of these.

    Each call gets them anew, with their types, and objects that occur twice as one. Raises
    `InvalidTests` for what cannot be handed over, or is too large.
    """

    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            frames.pack({"arguments": self.wire}, MAX_ARGUMENTS_BYTES)
        except CannotCross as error:
            raise InvalidTests(f"an argument that cannot be handed over: {error}") from error
        except FrameError as error:
            raise InvalidTests(f"the arguments are too large: {error}") from error

    @property
    def wire(self) -> Wire:
        """How they travel. Raises `CannotCross`."""
        if not all(type(name) is str for name in self.kwargs):
            raise CannotCross("a keyword that is no text")
        return Encoder().encode((tuple(self.args), dict(self.kwargs)))


@dataclass(frozen=True, slots=True)
class Execution:
    """A program and the inputs that its entry point is called with, in order.

    `entry_point` and `header` are as those of `Calls`. A call may take `each_s` seconds; after
    `timeouts` calls that took longer nothing more is run. Raises `InvalidProgram` for source and
    header, `InvalidTests` for all else.
    """

    source: str
    entry_point: str
    inputs: tuple[Arguments, ...]
    header: str = ""
    each_s: float = 0.1
    timeouts: int = 3

    def __post_init__(self) -> None:
        check_source(self.source)
        check_source(self.header)
        if not is_way(self.entry_point):
            raise InvalidTests(f"no name, and no way to one: {self.entry_point[:80]!r}")
        if not 1 <= len(self.inputs) <= MAX_INPUTS:
            raise InvalidTests(f"{len(self.inputs)} inputs; it takes 1 to {MAX_INPUTS}")
        if not 0 < self.each_s < math.inf:
            raise InvalidTests(f"no time for a call: {self.each_s!r}")
        if self.timeouts < 1:
            raise InvalidTests(f"no number of time-outs: {self.timeouts!r}")

    @property
    def name(self) -> str:
        """The name that the program has to define."""
        return first_name(self.entry_point)


@dataclass(frozen=True, slots=True)
class Output:
    """What one call came to: the text of a value, or the name of what was raised.

    Where nothing was `returned`, the text may also be `timeout`, `memory`, `too long` or `exited`.
    """

    text: str
    returned: bool
