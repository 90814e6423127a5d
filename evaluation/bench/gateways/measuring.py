"""Starts the contenders in turn, some rounds of it, and applies every load to each."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from evaluation.bench.gateways.contenders import Contender
from evaluation.bench.gateways.load import Load, Loaded, asked
from evaluation.bench.gateways.processes import (
    Cores,
    GatewayBenchFailed,
    free_port,
    resident_tree_mb,
    started,
)
from evaluation.bench.gateways.upstream import COUNT
from evaluation.bench.gateways.wire import BUDGET, BUDGET_HEADER, TOKEN, body

_PROBE_S: Final = 10.0
_PACED_CONNECTIONS: Final = 64
_WARM_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """One load of the table: as many as are answered on so many connections, or a rate."""

    stream: bool
    connections: int
    rate: float | None = None

    @property
    def name(self) -> str:
        """For people, and in files."""
        kind = "stream" if self.stream else "plain"
        return f"{kind}, {self.rate:g}/s" if self.rate else f"{kind}, {self.connections} at once"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, `rounds` times: a steady rate, then as many requests as are answered.

    No load lasts longer than planned by more than `grace_s` at each of its ends.
    """

    connections: tuple[int, ...]
    streams: int
    rate: float
    seconds: float
    rounds: int
    grace_s: float = 20.0

    @property
    def saturating(self) -> tuple[Step, ...]:
        """Steps without a rate: plain ones by their connections, then streams."""
        return (
            *(Step(stream=False, connections=count) for count in self.connections),
            Step(stream=True, connections=self.streams),
        )

    @property
    def paced(self) -> tuple[Step, Step]:
        """Steps at the rate: plain, then streams."""
        plain, streamed = (
            Step(stream=stream, connections=_PACED_CONNECTIONS, rate=self.rate)
            for stream in (False, True)
        )
        return plain, streamed

    @property
    def steps(self) -> tuple[Step, ...]:
        """All, in their order."""
        return (*self.paced, *self.saturating)


@dataclass(frozen=True, slots=True)
class Go:
    """One contender in one round: what came of each step, and its MiB after them.

    `cores` is how many load and upstream had.
    """

    contender: str
    round: int
    loaded: tuple[tuple[Step, Loaded], ...]
    resident_mb: float | None
    cores: int

    def of(self, step: Step) -> Loaded:
        """What came of a step."""
        return dict(self.loaded)[step]


def measure(
    who: Sequence[Contender], plan: Plan, cores: Cores, told: Callable[[str], None]
) -> Iterator[Go]:
    """Measure all in turn, round by round; `told` hears what each step gave.

    Raises `GatewayBenchFailed`.
    """
    with _upstream(cores) as upstream:
        for number in range(plan.rounds):
            for contender in who:
                loaded, held = _measured(contender, plan, cores, upstream, told)
                yield Go(contender.name, number, loaded, held, len(cores.others))


def _measured(
    contender: Contender,
    plan: Plan,
    cores: Cores,
    upstream: tuple[int, int],
    told: Callable[[str], None],
) -> tuple[tuple[tuple[Step, Loaded], ...], float | None]:
    """What came of each step, and the MiB after them; `upstream` is its port and its process."""
    loaded = []
    with _serving(contender, upstream[0], cores) as (port, process):
        _check(contender, port, upstream[0])
        pid = None if process is None else process.pid
        for step in plan.steps:
            load = _load(step, plan, port, upstream[1], pid)
            try:
                found = asked(load, cores.others)
            except GatewayBenchFailed as error:
                raise GatewayBenchFailed(f"{contender.name}, {step.name}: {error}") from error
            if process is not None and process.poll() is not None:
                raise GatewayBenchFailed(f"{contender.name} ended under {step.name}")
            loaded.append((step, found))
            told(f"{contender.name}: {step.name}: {found.rate:,.0f}/s")
        return tuple(loaded), None if pid is None else resident_tree_mb(pid)


def _load(step: Step, plan: Plan, port: int, upstream_pid: int, pid: int | None) -> Load:
    return Load(
        port=port,
        stream=step.stream,
        connections=step.connections,
        seconds=plan.seconds,
        warm_s=plan.seconds * _WARM_SHARE,
        upstream_pid=upstream_pid,
        rate=step.rate,
        pid=pid,
        grace_s=plan.grace_s,
    )


@contextmanager
def _upstream(cores: Cores) -> Iterator[tuple[int, int]]:
    """The upstream's port, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "evaluation.bench.gateways.upstream", str(port)]
    with started(command, cores.others, partial(_answers, port)) as process:
        yield port, process.pid


@contextmanager
def _serving(
    contender: Contender, upstream: int, cores: Cores
) -> Iterator[tuple[int, subprocess.Popen[bytes] | None]]:
    """The port at which a contender answers, and its process."""
    if contender.command is None:
        yield upstream, None
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = contender.command(port, f"http://127.0.0.1:{upstream}", Path(folder))
        ready = partial(_answers, port)
        where = contender.environment(), contender.folder
        with started(command, cores.contender, ready, *where) as process:
            yield port, process


def _check(contender: Contender, port: int, upstream: int) -> None:
    """Each request must be one of the upstream's: no cache answers, and none is asked twice."""
    before = _counted(upstream)
    good = [_answers(port, stream=stream) for stream in (False, True)]
    found = _counted(upstream) - before
    if not all(good) or found != len(good):
        raise GatewayBenchFailed(
            f"{contender.name} answered {sum(good)} of {len(good)} requests, "
            f"and asked the upstream {found} times"
        )


def _counted(upstream: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=_PROBE_S)
    try:
        connection.request("GET", COUNT)
        return int(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def _answers(port: int, *, stream: bool = False) -> bool:
    """Whether a request gets its token."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_S)
    headers = {"Content-Type": "application/json", BUDGET_HEADER: BUDGET}
    try:
        connection.request("POST", "/v1/completions", body(stream=stream), headers)
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and TOKEN.encode() in answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
