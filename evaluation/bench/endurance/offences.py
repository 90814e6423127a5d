"""What must not come of an ordeal: growth, overspent budgets, errors that nothing explains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.bench.endurance.clients import CUT, HUNG, LOST, Fate
from evaluation.bench.endurance.faults import Fault
from evaluation.bench.endurance.scripted import MODEL
from evaluation.bench.endurance.soaking import Endured
from evaluation.bench.endurance.watching import growth

_NEVER: Final = frozenset({"internal_error", CUT, HUNG, LOST})
"""What no fault of others excuses."""

_AFTERMATH_S: Final = 30.0
"""How long a server that failed may be left alone."""

_LEAST_BOOKED: Final = 0.95
"""Of what a server sent: some of it was under way when its reader left."""

_ROUNDING: Final = 1e-3


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How often requests ended in an error, and why; `why` is empty where nobody knows.

    `kinds` are those of the requests, with the count of each.
    """

    status: int
    code: str
    why: str
    kinds: Mapping[str, int]

    @property
    def count(self) -> int:
        """Of all kinds together."""
        return sum(self.kinds.values())


def errors(found: Endured) -> list[ErrorRow]:
    """Errors by status, code and cause."""
    kinds = defaultdict[tuple[int, str, str], Counter[str]](Counter)
    for fate in found.fates:
        if fate.code:
            kinds[fate.status, fate.code, _why(found, fate)][fate.wish.kind.value] += 1
    return [ErrorRow(*key, dict(count.most_common())) for key, count in sorted(kinds.items())]


def _why(found: Endured, fate: Fate) -> str:
    """What explains an error; empty where nothing does."""
    if fate.code in _NEVER:
        return ""
    if fate.code in fate.wish.allowed:
        return "its own limits"
    served = found.served.get(fate.wish.number, ())
    if faults := [each.fault for each in served if each.fault is not Fault.NONE]:
        return faults[-1].value
    model = fate.wish.model
    if any(one.model == model and one.explains(fate.began, fate.ended) for one in found.killed):
        return "its engine was killed"
    if model == MODEL and not served and _aftermath(found, fate):
        return "others' faults just before"
    return ""


def _aftermath(found: Endured, fate: Fate) -> bool:
    """Whether the scripted server has failed others shortly before."""
    return any(
        fate.began - _AFTERMATH_S <= each.opened <= fate.ended
        for answers in found.served.values()
        for each in answers
        if each.fault is not Fault.NONE
    )


def offences(found: Endured) -> list[str]:
    """All that must not be, in words; nothing where the gateway endured."""
    return [
        *growth(found.before, found.after),
        *_held(found),
        *_unexplained(found),
        *_overspent(found.fates),
        *_miscounted(found),
        *_slow_cancellations(found),
        *(f"the engine of {k.model} did not come back" for k in found.killed if k.back is None),
        *(f"the log has: {line[:500]}" for line in found.complaints),
        *(f"process {pid} outlived the gateway" for pid in found.left),
    ]


def _held(found: Endured) -> Iterator[str]:
    """What is still held when nobody asks any more."""
    for name in ("active", "draws", "slots"):
        if count := getattr(found.after, name):
            yield f"{name} at the end: {count}"


def _unexplained(found: Endured) -> Iterator[str]:
    for fate in found.fates:
        if fate.code and not _why(found, fate):
            wish = fate.wish
            yield (
                f"request {wish.number} ({wish.kind}, {wish.model}) ended with {fate.status} "
                f"{fate.code}, which nothing explains: {fate.message}"
            )


def _overspent(fates: Sequence[Fate]) -> Iterator[str]:
    for fate in fates:
        for spent in fate.spent:
            if spent.exceeded:
                number = fate.wish.number
                yield f"request {number} used {spent.used:g} FLOPs of {spent.budget:g}"


def _miscounted(found: Endured) -> Iterator[str]:
    if found.whole.ratio < 1 - _ROUNDING:
        yield f"{found.whole.what}: {found.whole.ratio:.4f} tokens booked for each"
    for tokens in (*found.scripted, *found.engines):
        if tokens.ratio < _LEAST_BOOKED:
            yield f"{tokens.what}: only {tokens.ratio:.4f} tokens booked for each"


def _slow_cancellations(found: Endured) -> Iterator[str]:
    limit = found.ordeal.cancel_s
    slow = [draw.seconds for draw in found.outlived if draw.seconds > limit]
    if slow:
        yield (
            f"{len(slow)} draws lived over {1000 * limit:.0f} ms after their client went, "
            f"up to {1000 * max(slow):.0f} ms"
        )
