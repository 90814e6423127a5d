"""What is asked of a gateway, and what came of it; `asking` does it, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from evaluation.bench.gateways.processes import GatewayBenchFailed, pinned


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a port: a `rate` per second, or None for as many as it answers.

    Requests at a rate come when they are due, whether or not those before were answered; those for
    which no connection is free wait for one, and that time counts.

    `pid` is the contender's process, None where there is none, `upstream_pid` the upstream's. The
    first `warm_s` seconds count for nothing, and what is late has `grace_s` more.
    """

    port: int
    stream: bool
    connections: int
    seconds: float
    warm_s: float
    upstream_pid: int
    rate: float | None = None
    pid: int | None = None
    grace_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it: counts of one measurement, and milliseconds in ascending order.

    `first_ms` are those until the token was there. `cpu_s` is what the contender's processes worked
    meanwhile, `others_s` what load and upstream did; `errors` are counted by what was wrong.
    """

    asked: int
    answered: int
    seconds: float
    latencies_ms: tuple[float, ...]
    first_ms: tuple[float, ...]
    errors: dict[str, int]
    cpu_s: float | None
    others_s: float

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.answered / self.seconds


def asked(load: Load, cores: frozenset[int]) -> Loaded:
    """Apply a load from a process on these cores. Raises `GatewayBenchFailed`."""
    with pinned(cores):
        done = subprocess.run(
            [sys.executable, "-m", "evaluation.bench.gateways.asking", json.dumps(asdict(load))],
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise GatewayBenchFailed(f"the load failed:\n{done.stderr.decode(errors='replace')}")
    told = json.loads(done.stdout)
    for name in ("latencies_ms", "first_ms"):
        told[name] = tuple(told[name])
    return Loaded(**told)
