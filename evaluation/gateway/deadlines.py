"""Answers under deadlines: how many pass, when their last byte came, and how far that was over.

A deadline before which there was not one token is an answer that fails, and took its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from evaluation.gateway.comparison import passed
from evaluation.gateway.results import Results, read
from evaluation.statistics.intervals import Estimate, percentile, wilson
from evaluation.writing import markdown


@dataclass(frozen=True, slots=True)
class DeadlineRow:
    """One run under one deadline. Times are milliseconds, to the last byte as the client saw it.

    `over_ms` are how far answers came after the deadline; those in time count as nothing over.
    `empty` are answers without a token, `errors` requests that failed otherwise: their times are
    not known.
    """

    label: str
    n: int
    deadline_ms: float
    pass_rate: Estimate
    p50_ms: float | None
    p95_ms: float | None
    over_p50_ms: float | None
    over_p99_ms: float | None
    over_most_ms: float | None
    empty: int
    errors: int


def median_seconds(path: Path) -> float:
    """The median time of a run's answers. Raises `ResultFileError`, and ValueError without any."""
    times = _times(read(path))
    if not times:
        raise ValueError(f"{path} has no answers yet")
    return median(times)


def row(run: Results) -> DeadlineRow:
    """The row of one run. Raises ValueError where it has no records, or no deadline."""
    deadline_ms = run.header.parameters.get("deadline_ms")
    if not run.records or deadline_ms is None:
        raise ValueError(f"the run {run.header.label!r} has no records or no deadline")
    times = [1000 * seconds for seconds in _times(run)]
    over = [max(0.0, time - deadline_ms) for time in times]
    return DeadlineRow(
        label=run.header.label,
        n=len(run.records),
        deadline_ms=deadline_ms,
        pass_rate=wilson(sum(map(passed, run.records)), len(run.records)),
        p50_ms=percentile(times, 0.5) if times else None,
        p95_ms=percentile(times, 0.95) if times else None,
        over_p50_ms=percentile(over, 0.5) if over else None,
        over_p99_ms=percentile(over, 0.99) if over else None,
        over_most_ms=max(over, default=None),
        empty=sum(r.get("error") is None and not r.get("text") for r in run.records),
        errors=sum(r.get("error") is not None for r in run.records),
    )


def _times(run: Results) -> list[float]:
    return [record["latency_s"] for record in run.records if record.get("error") is None]


def to_markdown(table: Sequence[DeadlineRow]) -> str:
    """The rows as a Markdown table."""
    columns = ["run", "deadline, ms", "pass rate, % (95 %)", "last byte p50, ms", "p95, ms"]
    columns += ["over p50, ms", "over p99, ms", "over at most, ms", "empty", "errors", "n"]
    return "\n".join([*markdown(columns, map(_cells, table)), ""])


def _cells(entry: DeadlineRow) -> list[str]:
    times = (entry.p50_ms, entry.p95_ms, entry.over_p50_ms, entry.over_p99_ms, entry.over_most_ms)
    shown = ["-" if time is None else f"{time:.0f}" for time in times]
    counts = [str(entry.empty), str(entry.errors), str(entry.n)]
    return [
        entry.label.replace("|", r"\|"),
        f"{entry.deadline_ms:.0f}",
        entry.pass_rate.percent(),
        *shown,
        *counts,
    ]
