"""The comparison table: one row per result file, mean FLOPs used first.

FLOPs are those of the recount, and so is the number of requests over budget. Prompt tokens that a
server had cached cost nothing; what they would have cost stands beside it. A problem whose
request ended in an error counts as not passed: a policy must not gain by failing to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from evaluation.architectures import TERA
from evaluation.gateway.recount import (
    CannotRecount,
    cached_of,
    cost_from_json,
    recounted_flops,
    tells_tokens,
)
from evaluation.gateway.results import Results, read
from evaluation.gateway.second import SecondVerdicts, read_second
from evaluation.statistics.intervals import Estimate, paired_difference, percentile, wilson
from evaluation.writing import markdown
from policies.cost import CostModel


class UnknownBaseline(LookupError):
    """No row has the baseline's label; the message names those that are there."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One run. FLOPs and seconds are means over answered problems, rates fractions of all `n`.

    `late` answers came after their deadline without a token, and nobody knows what these cost: they
    are in no mean of FLOPs. None stands for what is not known: FLOPs where a model's sizes are not,
    a cap where there was none, a time where nothing was answered. `failed_draws` counts answers of
    which an upstream failed a draw: they say more of the servers than of the policy. `recount_off`
    is the largest relative difference between a recount and the gateway's own figure. `cached` is
    the part of all prompt tokens that servers had cached, `flops_uncached` what it would have been
    without that.
    `plus` is the pass rate by second tests, of answers that have such a verdict, and `false_passes`
    which of their passes it takes back; None where no answer has one.
    """

    label: str
    n: int
    flops: float | None
    budget_flops: float | None
    pass_rate: Estimate
    latency_s: float | None
    latency_p95_s: float | None
    over_budget: int | None
    errors: int
    failed_draws: int
    recount_off: float | None
    difference: Estimate | None = None
    flops_uncached: float | None = None
    cached: float | None = None
    plus: Estimate | None = None
    false_passes: Estimate | None = None
    late: int = 0


def rows(files: Sequence[Path], baseline: str | None = None) -> list[ComparisonRow]:
    """The table's rows, in the order of the files.

    Raises `ResultFileError`, `UnknownBaseline`, and `ValueError` for a run without a record.
    """
    runs = [read(path) for path in files]
    reference = None if baseline is None else _find(runs, baseline)
    second = [read_second(path, run) for path, run in zip(files, runs, strict=True)]
    return [row(*each, reference) for each in zip(runs, second, strict=True)]


def row(
    run: Results, second: SecondVerdicts | None = None, baseline: Results | None = None
) -> ComparisonRow:
    """The row of one run, compared with the baseline on the problems that both have."""
    if not run.records:
        raise ValueError(f"the run {run.header.label!r} has no records yet")
    answered = [record for record in run.records if record.get("error") is None]
    caps = [r["budget_flops"] for r in run.records if r.get("budget_flops") is not None]
    times = [record["latency_s"] for record in answered]
    cost = cost_from_json(run.header.rates)
    counted = [record for record in answered if tells_tokens(record)]
    used = _recounts(counted, cost, with_cache=True)
    uncached = _recounts(counted, cost, with_cache=False)
    return ComparisonRow(
        label=run.header.label,
        n=len(run.records),
        flops=fmean(used) if used else None,
        budget_flops=fmean(caps) if caps else None,
        pass_rate=wilson(sum(passed(record) for record in run.records), len(run.records)),
        latency_s=fmean(times) if times else None,
        latency_p95_s=percentile(times, 0.95) if times else None,
        over_budget=None if used is None else _over_budget(counted, used),
        errors=len(run.records) - len(answered),
        failed_draws=sum(any(c.get("failure") for c in r["commands"]) for r in answered),
        recount_off=None if used is None else _largest_difference(counted, used),
        flops_uncached=fmean(uncached) if uncached else None,
        cached=_cached(answered),
        difference=None if baseline is None or baseline is run else _compare(run, baseline),
        late=len(answered) - len(counted),
        **_by_second_tests(run, second),
    )


def passed(record: Mapping[str, Any]) -> bool:
    """Whether a problem counts as passed; a record of an error has no such verdict."""
    return record.get("verdict") == "passed"


def _by_second_tests(run: Results, second: SecondVerdicts | None) -> dict[str, Estimate]:
    """What second verdicts say, where there are some."""
    if second is None or not second.passed:
        return {}
    n, plus = len(second.passed), sum(second.passed.values())
    first = sum(passed(record) for record in run.records if record["task_id"] in second.passed)
    found = {"plus": wilson(plus, n)}
    return found | ({"false_passes": wilson(first - plus, first)} if first else {})


def _recounts(
    answered: Sequence[Mapping[str, Any]], cost: CostModel, *, with_cache: bool
) -> list[float] | None:
    try:
        return [
            recounted_flops(record["commands"], cost, with_cache=with_cache) for record in answered
        ]
    except CannotRecount:
        return None


def _cached(answered: Sequence[Mapping[str, Any]]) -> float | None:
    """The part of the prompts' tokens that was cached; None where no server told of a cache."""
    sent = [
        command
        for record in answered
        for command in record["commands"]
        if command.get("sent", True) and "prompt_tokens" in command
    ]
    prompts = sum(command["prompt_tokens"] for command in sent)
    told = any(command.get("cached_tokens") is not None for command in sent)
    return sum(cached_of(command) for command in sent) / prompts if told and prompts else None


def _over_budget(answered: Sequence[Mapping[str, Any]], used: Sequence[float]) -> int:
    """Answers that cost more than their cap, compared exactly: there is no tolerance."""
    return sum(
        record["budget_flops"] is not None and flops > record["budget_flops"]
        for record, flops in zip(answered, used, strict=True)
    )


def _largest_difference(
    answered: Sequence[Mapping[str, Any]], used: Sequence[float]
) -> float | None:
    pairs = [
        (record["flops_used"], flops)
        for record, flops in zip(answered, used, strict=True)
        if record.get("flops_used") is not None
    ]
    return max((abs(told - ours) / ours for told, ours in pairs if ours), default=None)


def _find(runs: Sequence[Results], label: str) -> Results:
    for run in runs:
        if run.header.label == label:
            return run
    labels = ", ".join(repr(run.header.label) for run in runs)
    raise UnknownBaseline(f"no run is labelled {label!r}; there are: {labels}")


def _compare(run: Results, baseline: Results) -> Estimate | None:
    theirs = {record["task_id"]: passed(record) for record in baseline.records}
    pairs = [(passed(r), theirs[r["task_id"]]) for r in run.records if r["task_id"] in theirs]
    if not pairs:
        return None
    return paired_difference([mine for mine, _ in pairs], [other for _, other in pairs])


def to_json(table: Sequence[ComparisonRow]) -> list[dict[str, Any]]:
    """The rows as JSON: FLOPs and seconds unrounded, rates as fractions."""
    return [asdict(entry) for entry in table]


def to_markdown(table: Sequence[ComparisonRow], baseline: str | None = None) -> str:
    """The rows as a Markdown table, with notes on what its columns mean."""
    columns = ["run", "mean TFLOPs used"]
    cached = any(entry.cached is not None for entry in table)
    if cached:
        columns += ["without cache", "prompts cached, %"]
    columns += ["mean cap, TFLOPs", "pass rate, % (95 %)"]
    second = any(entry.plus is not None for entry in table)
    if second:
        columns += ["by second tests, %", "false, % of passes"]
    if baseline is not None:
        columns.append(f"against {baseline}, points (95 %)")
    columns += ["mean s", "p95 s", "over budget", "errors", "failed draws", "n", "recount off by"]
    shown = [_cells(entry, baseline, cached=cached, second=second) for entry in table]
    notes = [
        "FLOPs are recounted from the tokens of each answer, and so are the requests over budget."
    ]
    if cached:
        notes.append(
            "Prompt tokens that a server had cached are not computed; without that the mean would "
            "be\nwhat stands under *without cache*, in TFLOPs."
        )
    notes.append(
        "Intervals of rates are Wilson's; a request that ended in an error counts as not passed."
    )
    if late := sum(entry.late for entry in table):
        notes.append(f"Of {late} that came too late nobody knows the FLOPs: no mean has them.")
    if second:
        notes.append("The second tests chose nothing: what passes the first alone is false.")
    if baseline is not None:
        notes.append(
            "Differences are paired by problem, their intervals a bootstrap over problems."
        )
    return "\n".join([*markdown(columns, shown), "", *notes]) + "\n"


def _cells(entry: ComparisonRow, baseline: str | None, *, cached: bool, second: bool) -> list[str]:
    label = entry.label.replace("|", r"\|")
    cells = [label, _tera(entry.flops)]
    if cached:
        part = "-" if entry.cached is None else f"{100 * entry.cached:.1f}"
        cells += [_tera(entry.flops_uncached), part]
    cells += [_tera(entry.budget_flops), entry.pass_rate.percent()]
    if second:
        cells += [
            "-" if rate is None else rate.percent() for rate in (entry.plus, entry.false_passes)
        ]
    if baseline is not None:
        cells.append("-" if entry.difference is None else entry.difference.percent("+"))
    off = "-" if entry.recount_off is None else f"{entry.recount_off:.1%}"
    over = "unknown" if entry.over_budget is None else str(entry.over_budget)
    times = [_seconds(entry.latency_s), _seconds(entry.latency_p95_s)]
    counts = [str(entry.errors), str(entry.failed_draws), str(entry.n)]
    return [*cells, *times, over, *counts, off]


def _tera(flops: float | None) -> str:
    return "-" if flops is None else f"{flops / TERA:.3f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
