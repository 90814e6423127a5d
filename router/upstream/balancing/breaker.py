"""Whether a server is asked: no longer, once draw after draw has failed there, until one is well.

States and what leads from one to the next, without a clock or a task:

    Closed ── failures in a row ──► Open ── its pause is over, a draw goes ──► Probing
      ▲                              ▲                                           │ │
      │                              └───── it fails: a longer pause ────────────┘ │
      └──────────────── it is answered: one more failure opens again ──────────────┘

What is computed is all that tells: a server may answer every ping and no draw. Until a draw has
ended well, a server that came back is trusted so little that its next failure opens the breaker
again, and for longer than the last time.

A request may be what a server fails of, and who sent it sends it again. So failures in a row of
one caller count once, and as many as would open the breaker open it for that caller alone: it is
spared a server that fails, and nobody else loses one that does not. What cannot be the request's
fault has no caller, and always counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When it opens, and for how many seconds: twice as long each time, up to the longest."""

    failures: int = 5
    pause_s: float = 1.0
    longest_pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Closed:
    """It is asked. `failures` were in a row, those of one caller counted once.

    The last `own` of them were of `caller`; `pause_s` was the last pause, since all was well.
    """

    failures: int = 0
    pause_s: float = 0.0
    caller: str | None = None
    own: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """It is not asked, `until` the clock says this. `reason` is what its last draw failed of.

    Where only draws of one `caller` failed, others ask it, and `failures` are counted as before;
    the latest `own` since then were of `other`. Two callers whom it always fails are no chance.
    """

    until: float
    pause_s: float
    reason: str
    caller: str | None = None
    failures: int = 0
    other: str | None = None
    own: int = 0


@dataclass(frozen=True, slots=True)
class Probing:
    """One draw finds out, and no other is sent `until` the clock says this: it may take long.

    What else it says is as in `Open`.
    """

    until: float
    pause_s: float
    reason: str
    caller: str | None = None
    failures: int = 0
    other: str | None = None
    own: int = 0


Breaker: TypeAlias = Closed | Open | Probing


def keeps_out(breaker: Breaker, caller: str | None) -> bool:
    """Whether the server is not asked for a caller, or for nobody in particular."""
    match breaker:
        case Open(caller=whom) | Probing(caller=whom):
            return whom is None or whom == caller
        case Closed():
            return False


def is_due(breaker: Breaker, now: float) -> bool:
    """Whether one draw of those who are kept out may find out how the server is."""
    return isinstance(breaker, Open | Probing) and now >= breaker.until


def probed(breaker: Breaker, now: float, caller: str | None = None) -> Breaker:
    """A draw is sent, to find out where that is due."""
    match breaker:
        case Open() | Probing() if is_due(breaker, now) and keeps_out(breaker, caller):
            until = now + breaker.pause_s
            return Probing(**{**_fields(breaker), "until": until})
        case _:
            return breaker


def answered(breaker: Breaker, rules: BreakerRules, caller: str | None = None) -> Breaker:
    """A draw's first piece came: more can be asked, and one failure is too many."""
    match breaker:
        case Open() | Probing() if keeps_out(breaker, caller):
            almost = rules.failures - 1
            if breaker.caller is None:
                return Closed(almost, breaker.pause_s)
            return Closed(breaker.failures, breaker.pause_s, breaker.caller, almost)
        case _:
            return breaker


def succeeded(breaker: Breaker) -> Breaker:
    """A draw ended well."""
    return breaker if breaker == Closed() else Closed()


def failed(
    breaker: Breaker, now: float, rules: BreakerRules, reason: str, caller: str | None = None
) -> Breaker:
    """A draw of a caller failed, by a fault of the server's; or nobody listened there."""
    match breaker:
        case Closed():
            return _counted(breaker, now, rules, reason, caller)
        case Open() | Probing() if not keeps_out(breaker, caller):
            others = Closed(breaker.failures, 0.0, breaker.other, breaker.own)
            match _counted(others, now, rules, reason, caller):
                case Closed(failures=failures, own=own):
                    return replace(breaker, failures=failures, other=caller, own=own)
                case opened:
                    return replace(opened, caller=None, failures=0)
        case Open(until=until) if now < until:  # one that was sent before
            return breaker if breaker.other is None else replace(breaker, other=None, own=0)
        case Open(pause_s=pause_s) | Probing(pause_s=pause_s):
            longer = _longer(pause_s, rules)
            return Open(now + longer, longer, reason, breaker.caller, breaker.failures)


def unanswered(breaker: Breaker, now: float, *, waited: bool = False) -> Breaker:
    """The draw that was to find out ended before it told anything.

    Another may at once; after as long a pause as before where it `waited` until its deadline, or
    one draw after another would.
    """
    match breaker:
        case Probing(pause_s=pause_s):
            return Open(**{**_fields(breaker), "until": now + pause_s * waited})
        case _:
            return breaker


def _counted(
    row: Closed, now: float, rules: BreakerRules, reason: str, caller: str | None
) -> Closed | Open:
    """One failure more in a row of them."""
    goes_on = caller is not None and caller == row.caller
    failures = row.failures + (not goes_on)
    own = 0 if caller is None else row.own + 1 if goes_on else 1
    longer = _longer(row.pause_s, rules)
    if failures >= rules.failures:
        return Open(now + longer, longer, reason)
    if own >= rules.failures:
        return Open(now + longer, longer, reason, caller, failures)
    return Closed(failures, row.pause_s, caller, own)


def _fields(breaker: Open | Probing) -> dict[str, Any]:
    return {each.name: getattr(breaker, each.name) for each in fields(breaker)}


def _longer(pause_s: float, rules: BreakerRules) -> float:
    return min(rules.longest_pause_s, max(rules.pause_s, 2 * pause_s))
