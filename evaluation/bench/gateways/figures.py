"""What the rounds come to: a row for each contender, medians, and ratios of ours to others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from evaluation.bench.gateways.contenders import DIRECT, OURS
from evaluation.bench.gateways.load import Loaded
from evaluation.bench.gateways.measuring import Go, Plan, Step
from evaluation.statistics.intervals import quantile

_BEHIND_S: Final = 0.5
"""An answer that comes so long after the last request is one of a queue."""

_FULL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """Medians over the rounds of one contender; None where there is nothing to tell.

    `rates` are good answers per second, of each step without a rate. Milliseconds at the steady
    rate: `p50` and `p99` of whole answers, those added to having no gateway, and those added until
    the token of a stream is there. `cpu_ms` is processor time per request, at the first of `rates`.
    """

    contender: str
    rates: tuple[float, ...]
    p50: float
    p99: float
    added_p50: float | None
    added_p99: float | None
    first_added: float | None
    cpu_ms: float | None
    resident_mb: float | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """Rate of ours to another's in one step: the median of the rounds, the least and the most."""

    step: str
    to: str
    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """All that a run found."""

    plan: Plan
    rows: tuple[Row, ...]
    ratios: tuple[Ratio, ...]
    notes: tuple[str, ...]


def figures(gone: Sequence[Go], plan: Plan) -> GatewayFigures:
    """Sum up what was measured, of which each contender has every round."""
    by_name: dict[str, list[Go]] = {}
    for go in gone:
        by_name.setdefault(go.contender, []).append(go)
    base = by_name.get(DIRECT)
    rows = tuple(_row(name, mine, base, plan) for name, mine in by_name.items())
    ratios = [
        ratio
        for name, theirs in by_name.items()
        for step in plan.saturating
        if OURS in by_name and name not in {OURS, DIRECT}
        if (ratio := _ratio(step, name, by_name[OURS], theirs)) is not None
    ]
    notes = dict.fromkeys(note for go in gone for note in _notes(go, plan))
    return GatewayFigures(plan, rows, tuple(ratios), tuple(notes))


def _row(name: str, mine: Sequence[Go], base: Sequence[Go] | None, plan: Plan) -> Row:
    plain, streamed = plan.paced
    first = plan.saturating[0]

    def p50(loaded: Loaded) -> float:
        return quantile(loaded.latencies_ms, 0.5)

    def p99(loaded: Loaded) -> float:
        return quantile(loaded.latencies_ms, 0.99)

    def token(loaded: Loaded) -> float:
        return quantile(loaded.first_ms, 0.5)

    def over(step: Step, of: Callable[[Loaded], float]) -> float:
        return median(of(go.of(step)) for go in mine)

    def added(step: Step, of: Callable[[Loaded], float]) -> float | None:
        if base is None or name == DIRECT:
            return None
        pairs = zip(mine, base, strict=True)
        return median(of(go.of(step)) - of(direct.of(step)) for go, direct in pairs)

    cpu = [took for go in mine if (took := _cpu_ms(go.of(first))) is not None]
    held = [go.resident_mb for go in mine if go.resident_mb is not None]
    return Row(
        contender=name,
        rates=tuple(over(step, lambda loaded: loaded.rate) for step in plan.saturating),
        p50=over(plain, p50),
        p99=over(plain, p99),
        added_p50=added(plain, p50),
        added_p99=added(plain, p99),
        first_added=added(streamed, token),
        cpu_ms=median(cpu) if cpu else None,
        resident_mb=median(held) if held else None,
    )


def _cpu_ms(loaded: Loaded) -> float | None:
    if loaded.cpu_s is None or not loaded.answered:
        return None
    return loaded.cpu_s * 1000 / loaded.answered


def _ratio(step: Step, to: str, ours: Sequence[Go], theirs: Sequence[Go]) -> Ratio | None:
    rounds = [
        own.of(step).rate / rate
        for own, other in zip(ours, theirs, strict=True)
        if (rate := other.of(step).rate)
    ]
    return Ratio(step.name, to, median(rounds), min(rounds), max(rounds)) if rounds else None


def _notes(go: Go, plan: Plan) -> list[str]:
    """What a reader must know of figures that are not what they seem."""
    notes = []
    for step, loaded in go.loaded:
        where = f"{go.contender}, {step.name}"
        for what, count in sorted(loaded.errors.items()):
            notes.append(f"{where}, round {go.round + 1}: {count} of {loaded.asked}: {what}")
        if missing := loaded.asked - loaded.answered - sum(loaded.errors.values()):
            notes.append(f"{where}, round {go.round + 1}: {missing} were not answered")
        if step.rate is None:
            if go.contender != DIRECT and loaded.others_s > _FULL * loaded.seconds * go.cores:
                notes.append(f"{where}: load and upstream had no time left, it may be faster")
        elif loaded.seconds > plan.seconds + _BEHIND_S:
            notes.append(f"{where}: it did not keep up, so latencies grow with the time measured")
    return notes


def to_json(gone: Sequence[Go], found: GatewayFigures, machine: str) -> dict[str, Any]:
    """As the file keeps it: every round, without each request."""
    plan = found.plan
    return {
        "machine": machine,
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "rate": plan.rate,
        "measured": [
            {
                "contender": go.contender,
                "round": go.round,
                "resident_mb": go.resident_mb,
                "steps": {step.name: _step(loaded) for step, loaded in go.loaded},
            }
            for go in gone
        ],
        "ratios": [
            {"step": r.step, "to": r.to, "median": r.middle, "least": r.least, "most": r.most}
            for r in found.ratios
        ],
        "notes": list(found.notes),
    }


def _step(loaded: Loaded) -> dict[str, Any]:
    return {
        "asked": loaded.asked,
        "answered": loaded.answered,
        "errors": loaded.errors,
        "per_second": round(loaded.rate, 1),
        "p50_ms": _rounded(quantile(loaded.latencies_ms, 0.5)),
        "p99_ms": _rounded(quantile(loaded.latencies_ms, 0.99)),
        "first_p50_ms": _rounded(quantile(loaded.first_ms, 0.5)),
        "first_p99_ms": _rounded(quantile(loaded.first_ms, 0.99)),
        "cpu_ms": _rounded(_cpu_ms(loaded)),
        "others_busy": round(loaded.others_s / loaded.seconds, 3),
    }


def _rounded(value: float | None) -> float | None:
    """NaN is no JSON."""
    return None if value is None or value != value else round(value, 3)  # noqa: PLR0124
