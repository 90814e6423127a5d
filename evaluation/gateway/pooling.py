"""Runs held against other runs, all budgets together: one answer to "is it better, at what price".

Each run is paired with one of the baselines, as of the same budget, and all are compared on the
problems that every one of them has. A problem is the unit: each round of the bootstrap draws whole
problems, with the answers of all runs to them, so what makes a problem hard for both sides cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.architectures import TERA
from evaluation.gateway.comparison import passed
from evaluation.gateway.recount import CannotRecount, cost_from_json, recounted_flops, tells_tokens
from evaluation.gateway.results import Results, read
from evaluation.gateway.second import read_second
from evaluation.statistics.intervals import Estimate, paired_difference, paired_ratio
from evaluation.writing import markdown

Record = Mapping[str, Any]


class NothingInCommon(ValueError):
    """The runs cannot be paired; the message says why."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What both sides have in all of their answers, and the one held against the other."""

    ours: float
    theirs: float
    against: Estimate


@dataclass(frozen=True, slots=True)
class Pooled:
    """All pairs of runs together, on the `problems` that every run has.

    `passes` and `plus` (by second tests) are numbers of answers and the difference a fraction of
    them; None where an answer has no second verdict. FLOPs and seconds are means over answers and
    their ratio, of the problems that every run answered without an error; None where there are
    none, or no model sizes.
    """

    problems: int
    answers: int
    passes: Sides
    plus: Sides | None
    flops: Sides | None
    flops_uncached: Sides | None
    seconds: Sides | None


@dataclass(frozen=True, slots=True)
class _Run:
    """One run by problem, with its second verdicts."""

    results: Results
    records: Mapping[str, Record]
    plus: Mapping[str, bool]


def pooled(ours: Sequence[Path], theirs: Sequence[Path]) -> Pooled:
    """Result files held against others, the first against the first and so on.

    Raises `ResultFileError` and `NothingInCommon`.
    """
    if len(ours) != len(theirs):
        raise NothingInCommon(
            f"{len(ours)} runs cannot be paired with {len(theirs)}: name as many, in order"
        )
    us, them = ([_read(path) for path in side] for side in (ours, theirs))
    everyone = [*us, *them]
    tasks = _common(everyone, lambda run: run.records)
    if not tasks:
        raise NothingInCommon("no problem is in all of these runs")
    answered = _common(everyone, lambda run: _those(run, lambda one: one.get("error") is None))
    counted = _common(everyone, lambda run: _those(run, tells_tokens))
    judged = _common(everyone, lambda run: run.plus)

    def rates(of: Callable[[_Run, str], float]) -> Sides:
        mine, other = _sums(us, tasks, of), _sums(them, tasks, of)
        ahead = paired_difference(mine, other)
        per_answer = (part / len(us) for part in (ahead.value, ahead.low, ahead.high))
        return Sides(sum(mine), sum(other), Estimate(*per_answer))

    def means(over: Sequence[str], of: Callable[[_Run, str], float]) -> Sides | None:
        if not over:
            return None
        try:
            mine, other = _sums(us, over, of), _sums(them, over, of)
        except CannotRecount:
            return None
        n = len(us) * len(over)
        return Sides(sum(mine) / n, sum(other) / n, paired_ratio(mine, other))

    return Pooled(
        problems=len(tasks),
        answers=len(tasks) * len(us),
        passes=rates(lambda run, task: passed(run.records[task])),
        plus=rates(lambda run, task: run.plus[task]) if judged == tasks else None,
        flops=means(counted, lambda run, task: _flops(run, task, with_cache=True)),
        flops_uncached=means(counted, lambda run, task: _flops(run, task, with_cache=False)),
        seconds=means(answered, lambda run, task: run.records[task]["latency_s"]),
    )


def _read(path: Path) -> _Run:
    results = read(path)
    second = read_second(path, results)
    records = {record["task_id"]: record for record in results.records}
    return _Run(results, records, {} if second is None else second.passed)


def _those(run: _Run, which: Callable[[Record], bool]) -> Mapping[str, Record]:
    return {task: record for task, record in run.records.items() if which(record)}


def _common(runs: Sequence[_Run], of: Callable[[_Run], Mapping[str, Any]]) -> list[str]:
    """Problems that every run has something of, in the order of the first."""
    first, *others = map(of, runs)
    return [task for task in first if all(task in other for other in others)]


def _sums(
    runs: Sequence[_Run], tasks: Sequence[str], of: Callable[[_Run, str], float]
) -> list[float]:
    """Of each problem, over the runs of one side."""
    return [sum(of(run, task) for run in runs) for task in tasks]


def _flops(run: _Run, task: str, *, with_cache: bool) -> float:
    cost = cost_from_json(run.results.header.rates)
    return recounted_flops(run.records[task]["commands"], cost, with_cache=with_cache)


def to_json(found: Pooled) -> dict[str, Any]:
    """As JSON: FLOPs and seconds unrounded, differences as fractions."""
    return asdict(found)


def to_markdown(found: Pooled) -> str:
    """As a Markdown table: what both sides have, and the one against the other."""
    rows = [
        ["passes", *_counts(found.passes)],
        *([["passes by second tests", *_counts(found.plus)]] if found.plus else []),
        *(
            [name, f"{sides.ours / unit:.3f}", f"{sides.theirs / unit:.3f}", sides.against.plain()]
            for name, sides, unit in (
                ("mean TFLOPs used", found.flops, TERA),
                ("without cache", found.flops_uncached, TERA),
                ("mean s", found.seconds, 1.0),
            )
            if sides is not None
        ),
    ]
    head = f"of {found.answers} answers to {found.problems} problems"
    columns = [head, "these runs", "those held against", "difference in points, or ratio (95 %)"]
    notes = (
        "Problems that all runs have; intervals are a bootstrap over problems, all answers to one "
        "together."
    )
    return "\n".join([*markdown(columns, rows), "", notes]) + "\n"


def _counts(sides: Sides) -> list[str]:
    return [f"{sides.ours:g}", f"{sides.theirs:g}", sides.against.percent("+")]
