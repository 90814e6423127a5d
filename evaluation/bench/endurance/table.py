"""What came of a soak, for people and for machines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from evaluation.bench.endurance.load import Leaving
from evaluation.bench.endurance.offences import errors, offences
from evaluation.bench.endurance.soaking import Endured, Tokens
from evaluation.statistics.intervals import quantile
from evaluation.writing import markdown

_QUANTILES: Final = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
_MOST_LINES: Final = 50


def as_json(found: Endured) -> dict[str, Any]:
    """All that is worth keeping."""
    offending, limit = offences(found), found.ordeal.cancel_s
    weights = {fault.value: weight for fault, weight in found.ordeal.weights.items()}
    ordeal = asdict(replace(found.ordeal, weights={})) | {"weights": weights}
    return {
        "ordeal": ordeal,
        "seconds": round(found.seconds, 1),
        "requests": len(found.fates),
        "left": _leaving(found),
        "kinds": dict(Counter(fate.wish.kind.value for fate in found.fates)),
        "faults": _faults(found),
        "killed": [asdict(killed) for killed in found.killed],
        "before": asdict(found.before),
        "after": asdict(found.after),
        "trail": [{"seconds": round(at, 1), **asdict(held)} for at, held in found.trail],
        "errors": [asdict(row) for row in errors(found)],
        "tokens": [
            {"what": t.what, "counted": t.counted, "booked": t.booked, "ratio": t.ratio}
            for t in _all_tokens(found)
        ],
        "cancellations": {
            "count": len(found.outlived),
            **_ms([each.seconds for each in found.outlived]),
            "slow": [asdict(each) for each in found.outlived if each.seconds > limit],
        },
        "healthz": _ms(found.pulses),
        "offences": offending,
    }


def as_markdown(found: Endured) -> str:
    """The tables."""
    offending = offences(found)
    endured = "nothing grew, leaked or was overspent, and every error is explained"
    lines = [
        f"{len(found.fates)} requests of {found.ordeal.clients} clients in "
        f"{found.seconds / 60:.1f} minutes of load, {len(found.killed)} engines killed: "
        + (f"{len(offending)} offences" if offending else endured),
        "",
        *_table(("held", "before", "after"), _held(found)),
        *_table(("status", "code", "why", "count"), _errors(found)),
        *_table(("fault injected", "answers"), _faults(found).items()),
        *_table(("client left", "requests"), _leaving(found).items()),
        *_table(("tokens", "counted", "booked", "ratio"), _tokens(found)),
        *_table(
            ("ms", f"from leaving to the end of {len(found.outlived)} draws", "/healthz meanwhile"),
            _delays(found),
        ),
        *(f"- {line}" for line in offending[:_MOST_LINES]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    yield from markdown(head, rows, words=len(head))
    yield ""


def _held(found: Endured) -> Iterator[tuple[str, str, str]]:
    before, after = asdict(found.before), asdict(found.after)
    for name, value in before.items():
        if name == "memory":
            yield "memory, MiB", f"{value / 2**20:.1f}", f"{after[name] / 2**20:.1f}"
        else:
            yield name, str(value), str(after[name])


def _errors(found: Endured) -> Iterator[tuple[object, ...]]:
    for row in errors(found):
        yield row.status, row.code, row.why or "**nothing**", row.count


def _faults(found: Endured) -> dict[str, int]:
    faults = (each.fault.value for answers in found.served.values() for each in answers)
    return dict(Counter(faults).most_common())


def _leaving(found: Endured) -> dict[str, int]:
    """Clients that hung up, by when; of those that meant to, some had their answer before."""
    left = Counter(fate.wish.leaving.value for fate in found.fates if fate.left is not None)
    stayed = sum(fate.left is None for fate in found.fates)
    return {Leaving.NEVER.value: stayed} | dict(left.most_common())


def _all_tokens(found: Endured) -> list[Tokens]:
    return [*found.scripted, found.whole, *found.engines]


def _tokens(found: Endured) -> Iterator[tuple[str, str, str, str]]:
    for each in _all_tokens(found):
        yield each.what, f"{each.counted:.0f}", f"{each.booked:.0f}", f"{each.ratio:.4f}"


def _ms(seconds: Sequence[float]) -> dict[str, float | None]:
    values = {name: 1000 * quantile(seconds, share) for name, share in _QUANTILES}
    return {name: None if math.isnan(value) else round(value, 1) for name, value in values.items()}


def _delays(found: Endured) -> Iterator[tuple[str, str, str]]:
    """How long draws outlived their clients; beside it, how long the gateway took for nothing."""
    outlived = _ms([each.seconds for each in found.outlived])
    for name, pulse in _ms(found.pulses).items():
        yield name, _shown(outlived[name]), _shown(pulse)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"
