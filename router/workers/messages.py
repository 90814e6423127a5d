"""What a parent and its workers tell each other, as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias, get_args


@dataclass(frozen=True, slots=True)
class Assigned:
    """To a worker, first of all: its number, and what it serves.

    `columns` are those of the board, and `figures` is the folder of what Prometheus sees.
    """

    number: int
    settings: dict[str, Any]
    columns: list[str]
    figures: str


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """To the parent: it can serve; these are the facts of it."""

    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorkerUnable:
    """To the parent: what the settings name cannot be served."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkerLeaving:
    """To the parent: it takes no more connections; those in its door are the parent's again."""


@dataclass(frozen=True, slots=True)
class EngineChanged:
    """To workers: where an embedded engine is, and how it is."""

    model: str
    url: str
    ready: bool
    restarts: int


@dataclass(frozen=True, slots=True)
class WorkersReplaced:
    """To workers: how many of them were started for one that had died."""

    times: int


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """To the parent: a request of a session, by a number that the worker gave it.

    `began` is on the system's monotonic clock, which all processes share.
    """

    number: int
    session: str
    began: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """To the parent: that request has left nothing running."""

    number: int


@dataclass(frozen=True, slots=True)
class TurnSuperseded:
    """To a worker: a newer request of that one's session has come."""

    number: int


@dataclass(frozen=True, slots=True)
class TurnClear:
    """To a worker: of that request's session no older one is left."""

    number: int


@dataclass(frozen=True, slots=True)
class OutcomeTold:
    """To the parent, which keeps the file of outcomes: one of them."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SlotsWanted:
    """To the parent: a draw of n samples waits for slots of a model, by a number that it was given.

    See `Lane.acquire`.
    """

    number: int
    model: str
    n: int
    caller: str
    deadline: float | None
    first_s: float | None
    begun: bool


@dataclass(frozen=True, slots=True)
class SlotsGranted:
    """To a worker: it has them."""

    number: int


@dataclass(frozen=True, slots=True)
class SlotsRefused:
    """To a worker: it will not have them; it may ask again after a while."""

    number: int
    model: str
    reason: str
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class SlotEnded:
    """To the parent: one of that draw's samples has ended."""

    number: int


@dataclass(frozen=True, slots=True)
class SlotsLeft:
    """To the parent: they are given back, or no more waited for."""

    number: int


@dataclass(frozen=True, slots=True)
class Leave:
    """To a worker: finish what was begun and end; at once, where it is `now`."""

    now: bool = False


Message: TypeAlias = (
    Assigned
    | WorkerReady
    | WorkerUnable
    | WorkerLeaving
    | EngineChanged
    | WorkersReplaced
    | TurnBegan
    | TurnEnded
    | TurnSuperseded
    | TurnClear
    | OutcomeTold
    | SlotsWanted
    | SlotsGranted
    | SlotsRefused
    | SlotEnded
    | SlotsLeft
    | Leave
)

_KINDS: Final[dict[str, type[Message]]] = {kind.__name__: kind for kind in get_args(Message)}


def encoded(message: Message) -> bytes:
    """As a line."""
    fields = {"kind": type(message).__name__} | asdict(message)
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decoded(line: bytes) -> Message:
    """From a line that `encoded` made."""
    fields = json.loads(line)
    return _KINDS[fields.pop("kind")](**fields)
