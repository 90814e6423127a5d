"""What was expected of served requests, and what came of them.

A calibration holds for problems like those it was made of. Whether the ones that are served still
are, shows where expectation and outcome part: in figures for Prometheus, and, where one is named,
in a file of outcomes, from which to calibrate again. Neither holds a word of a prompt or an answer.

Requests count whose tests gave a verdict, or that the deadline ended before one passed. A fault of
ours, or an upstream that was away, says nothing of the problem; a client that left has no outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Final, Protocol, Self

import structlog
from prometheus_client import CollectorRegistry, Counter

from policies.ladder import Found
from policies.values import Verdict
from router.observations import DECILES, DrawObservation, Observation, decile_of
from router.plan.outcome import Outcome
from router.preparing.prepared import Prepared

JUDGED: Final = frozenset({Verdict.PASSED, Verdict.FAILED})

log = structlog.get_logger("router")


class DriftFigures:
    """Expectations and outcomes of calibrated plans, by kind of task and decile of expectation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            labels = ("domain", "decile", "extrapolated")
            return Counter(f"router_{name}", text, labels, registry=registry)

        self.predictions = counter("predictions", "Requests whose success was predicted")
        self.predicted = counter("predicted_success", "Sum of their predicted probabilities")
        self.observed = counter("observed_success", "Those of them whose tests passed")
        self.predicted_flops = counter("predicted_flops", "FLOPs that were expected of them")
        self.used_flops = counter("predicted_flops_used", "FLOPs that these came to")

    def observe(self, found: Found, flops: float, *, passed: bool) -> None:
        """Count one request."""
        predicted = found.ladder.success.value
        decile = decile_of(predicted) / DECILES
        labels = (found.domain.name, f"{decile:.1f}", "yes" if found.extrapolates else "no")
        self.predictions.labels(*labels).inc()
        self.predicted.labels(*labels).inc(predicted)
        self.observed.labels(*labels).inc(passed)
        if found.call is not None:
            self.predicted_flops.labels(*labels).inc(found.ladder.spent.value * found.call)
            self.used_flops.labels(*labels).inc(flops)


class Outcomes(Protocol):
    """Where outcomes are kept."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one; never fails."""
        ...


@dataclass(slots=True)
class OutcomeFile:
    """Outcomes as JSON lines, in at most twice `most_bytes`: the file, and the one before, `.1`.

    What cannot be written is lost, and logged the first time: no request fails for it.
    """

    path: Path
    most_bytes: int
    _file: FileIO | None = None
    _told: bool = False

    def __enter__(self) -> Self:
        """Open it. Raises OSError."""
        self._file = self.path.open("ab", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a line."""
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        try:
            self._room_for(len(line)).write(line)
        except OSError as error:
            if not self._told:
                log.warning("outcomes are lost", file=str(self.path), reason=str(error))
            self._told = True

    def _room_for(self, size: int) -> FileIO:
        file = self._file or self.path.open("ab", buffering=0)
        if file.tell() and file.tell() + size > self.most_bytes:
            file.close()
            self._file = None
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            file = self.path.open("ab", buffering=0)
        self._file = file
        return file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Hears how requests ended."""

    figures: DriftFigures
    file: Outcomes | None = None

    def observe(self, request_id: str, prepared: Prepared, outcome: Outcome) -> None:
        """Take in one request that has ended."""
        best = next(iter(outcome.choice.candidates), None)
        verdict = Verdict.UNVERIFIED if best is None else best.verdict
        if not prepared.task.verifiable or not (verdict in JUDGED or outcome.deadline_passed):
            return
        passed, found = verdict is Verdict.PASSED, prepared.found
        if found is not None:
            self.figures.observe(found, outcome.ledger.used, passed=passed)
        if self.file is not None:
            self.file.write(asdict(_observation(request_id, prepared, outcome, passed=passed)))


def _observation(
    request_id: str, prepared: Prepared, outcome: Outcome, *, passed: bool
) -> Observation:
    task, found, budget = prepared.task, prepared.found, prepared.budget
    call = None if found is None else found.call
    return Observation(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        id=request_id,
        kind=task.kind,
        policy=prepared.request.budget.policy,
        prompt_tokens=task.models[-1].prompt_tokens,
        budget_calls=None if budget.flops is None or call is None else budget.flops / call,
        target=budget.target,
        domain=None if found is None else found.domain.name,
        plan=None if found is None else str(found.ladder),
        expected=None if found is None else found.ladder.success.value,
        extrapolated=None if found is None else bool(found.extrapolates),
        passed=passed,
        flops=outcome.ledger.used,
        call_flops=call,
        deadline_passed=outcome.deadline_passed,
        # A plan that may draw more than is asked for ends when enough of it has passed.
        stops_early=prepared.policy.most_samples(task) > task.n,
        draws=tuple(_draws(outcome)),
    )


def _draws(outcome: Outcome) -> Iterator[DrawObservation]:
    for draw in outcome.draws:
        if not draw.sent:  # it was refused, or still waited for its turn
            continue
        known = [outcome.judgements.get(sample.id) for sample in draw.samples]
        verdicts = [judgement.verdict for judgement in known if judgement is not None]
        yield DrawObservation(
            model=draw.model,
            n=draw.command.n,
            temperature=draw.command.temperature,
            judged=sum(verdict in JUDGED for verdict in verdicts),
            passed=verdicts.count(Verdict.PASSED),
            tokens=tuple(sample.tokens for sample in draw.samples),
        )
