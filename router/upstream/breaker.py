"""Whether a server is asked: no longer, once draw after draw has failed there, until one is well.

States and what leads from one to the next, without a clock or a task:

    Closed ── failures in a row ──► Open ── its pause is over, a draw goes ──► Probing
      ▲                              ▲                                           │ │
      │                              └───── it fails: a longer pause ────────────┘ │
      └──────────────── it is answered: one more failure opens again ──────────────┘

A draw is all that tells: a server may answer every ping and no draw. Until a draw has ended well, a
server that came back is trusted so little that its next failure opens the breaker again, and for
longer than the last time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When it opens, and for how many seconds: twice as long each time, up to the longest."""

    failures: int = 5
    pause_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Closed:
    """It is asked. `failures` were in a row; `pause_s` was the last pause, since all was well."""

    failures: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Open:
    """It is not asked, `until` the clock says this. `reason` is what its last draw failed of."""

    until: float
    pause_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Probing:
    """One draw finds out, and no other is sent `until` the clock says this: it may take long."""

    until: float
    pause_s: float
    reason: str


Breaker: TypeAlias = Closed | Open | Probing


def is_due(breaker: Breaker, now: float) -> bool:
    """Whether one draw may find out how the server is."""
    return isinstance(breaker, Open | Probing) and now >= breaker.until


def probed(breaker: Breaker, now: float) -> Breaker:
    """A draw is sent, to find out where that is due."""
    match breaker:
        case Open(pause_s=pause_s, reason=reason):
            return Probing(now + pause_s, pause_s, reason)
        case Probing(until=until, pause_s=pause_s, reason=reason) if now >= until:
            return Probing(now + pause_s, pause_s, reason)
        case _:
            return breaker


def answered(breaker: Breaker, rules: BreakerRules) -> Breaker:
    """A draw's first piece came: more can be asked, and one failure is too many."""
    match breaker:
        case Open(pause_s=pause_s) | Probing(pause_s=pause_s):
            return Closed(rules.failures - 1, pause_s)
        case _:
            return breaker


def succeeded(breaker: Breaker) -> Breaker:
    """A draw ended well."""
    return breaker if breaker == Closed() else Closed()


def failed(breaker: Breaker, now: float, rules: BreakerRules, reason: str) -> Breaker:
    """A draw failed, by a fault of the server's; or nobody listened there."""
    match breaker:
        case Open(until=until) if now < until:  # one that was sent before
            return breaker
        case Closed(failures=failures, pause_s=pause_s) if failures + 1 < rules.failures:
            return Closed(failures + 1, pause_s)
        case Closed(pause_s=pause_s) | Open(pause_s=pause_s) | Probing(pause_s=pause_s):
            longer = min(rules.longest_pause_s, max(rules.pause_s, 2 * pause_s))
            return Open(now + longer, longer, reason)


def unanswered(breaker: Breaker, now: float) -> Breaker:
    """The draw that was to find out ended before it told anything: another may at once."""
    match breaker:
        case Probing(pause_s=pause_s, reason=reason):
            return Open(now, pause_s, reason)
        case _:
            return breaker
