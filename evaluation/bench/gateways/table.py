"""The table of a run, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from evaluation.bench.gateways.figures import GatewayFigures, Row
from evaluation.bench.gateways.measuring import Plan
from evaluation.bench.gateways.processes import Cores
from evaluation.writing import markdown


def to_markdown(found: GatewayFigures, machine: str, cores: Cores) -> str:
    """Caption, table, ratios and notes."""
    return "\n".join([*_lines(found, machine, cores), ""])


def _lines(found: GatewayFigures, machine: str, cores: Cores) -> Iterator[str]:
    plan = found.plan
    yield (
        f"Completions of one token. {_rounds(plan.rounds)} {plan.seconds:g} s for each figure. "
        f"{machine}. {_pinning(cores)}"
    )
    yield ""
    yield from markdown(_headings(plan), map(_cells, found.rows))
    if found.ratios:
        yield ""
        rows = (
            (each.to, each.step, f"{each.middle:.2f}", f"{each.least:.2f} to {each.most:.2f}")
            for each in found.ratios
        )
        yield from markdown(("ours to", "in", "requests/s", "rounds"), rows, words=2)
    if found.notes:
        yield ""
    for note in found.notes:
        yield f"- {note}"


def _rounds(count: int) -> str:
    return "One round," if count == 1 else f"Medians of {count} rounds,"


def _pinning(cores: Cores) -> str:
    if cores.contender == cores.others:
        return "All had the same core: a contender is slowed down by what asks it."
    others = "the other" if len(cores.others) == 1 else f"the {len(cores.others)} others"
    return f"The contender had one core, upstream and load generator {others}."


def _headings(plan: Plan) -> list[str]:
    plain = [f"requests/s, {count} connections" for count in plan.connections]
    rate = f"{plan.rate:g}/s"
    return [
        "contender",
        *plain,
        f"requests/s, {plan.streams} streams",
        f"p50 at {rate}, ms",
        "p99",
        "added p50",
        "added p99",
        f"first token added, {rate} streams, ms",
        "CPU per request, ms",
        "memory, MiB",
    ]


def _cells(row: Row) -> list[str]:
    milliseconds = (row.p50, row.p99, row.added_p50, row.added_p99, row.first_added, row.cpu_ms)
    return [
        row.contender,
        *(f"{rate:,.0f}" for rate in row.rates),
        *("" if value is None else f"{value:.2f}" for value in milliseconds),
        "" if row.resident_mb is None else f"{row.resident_mb:.0f}",
    ]
