"""How long a gateway takes to start, what memory it holds, and what it adds to a request.

Everything is measured in one go on one machine: engines alone and a whole gateway start in turn,
and each request is sent once to the engine itself and once through the gateway. Figures are
medians; only those of one run compare.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from statistics import median
from typing import BinaryIO, Final

import httpx
import psutil

from router.configuration.configured import engine_spec
from router.embedded.supervisor import EmbeddedEngine
from router.sections.models import EmbeddedModel
from router.settings import Settings

MODEL: Final = "qwen2.5-coder-0.5b"
PATIENCE_S: Final = 300
PROMPT: Final = "def add(a, b):\n    return"
_BEGINNING: Final = 2**20
"""Bytes of a log in which a gateway says where it listens."""


class BenchFailed(RuntimeError):
    """The gateway did not start; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians: seconds, mebibytes, milliseconds. `memory_mb` are those of the gateway's process.

    `overhead_ms` is what the gateway reports of itself, `added_ms` the difference in wall time
    between a request through it and the same request to the engine.
    """

    starts: int
    requests: int
    engines_s: float
    gateway_s: float
    idle_mb: float
    busy_mb: float
    overhead_ms: float
    added_ms: float


def measure(*, starts: int, requests: int) -> Overhead:
    """Measure with the default models, which must have been pulled. Raises `BenchFailed`."""
    engines_s, gateway_s, idle = [], [], []
    for _ in range(starts):
        engines_s.append(asyncio.run(_engines_alone()))
        with started_gateway() as (process, _, seconds):
            gateway_s.append(seconds)
            idle.append(resident_mb(process.pid))
    added, overhead, busy = asyncio.run(_side_by_side(requests))
    return Overhead(
        starts=starts,
        requests=requests,
        engines_s=median(engines_s),
        gateway_s=median(gateway_s),
        idle_mb=median(idle),
        busy_mb=busy,
        overhead_ms=median(overhead),
        added_ms=median(added),
    )


def _engine(model: str) -> EmbeddedEngine:
    settings = Settings()
    config = settings.models[model]
    if not isinstance(config, EmbeddedModel):
        raise BenchFailed(f"{model} is configured elsewhere: measure with the default models")
    return EmbeddedEngine(engine_spec(settings, model, config))


async def _engines_alone() -> float:
    """Seconds until the engines answer, started together as the gateway starts them."""
    engines = [_engine(model) for model in Settings().models]
    started = time.perf_counter()
    await asyncio.gather(*(engine.start() for engine in engines))
    seconds = time.perf_counter() - started
    await asyncio.gather(*(engine.aclose() for engine in engines))
    return seconds


async def _side_by_side(requests: int) -> tuple[list[float], list[float], float]:
    """Milliseconds that a gateway adds to each request, those it reports, and its MiB after.

    Its one upstream is an engine of ours, so that both ways end at the same one.
    """
    engine = _engine(MODEL)
    await engine.start()
    try:
        models = {MODEL: {"engine": "url", "url": engine.base_url, "server": "llama.cpp"}}
        with started_gateway(BUDGET_ROUTER_MODELS=json.dumps(models)) as (process, url, _):
            added, overhead = await asyncio.to_thread(compare, url, engine.base_url, requests)
            return added, overhead, resident_mb(process.pid)
    finally:
        await engine.aclose()


@contextmanager
def started_gateway(
    kept: BinaryIO | None = None, /, **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """A gateway of its own, its URL, and the seconds it took to be ready. Raises `BenchFailed`.

    What it says goes to `kept`, if somebody is to read it later.
    """
    with nullcontext(kept) if kept else tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "router"],
            env=os.environ | settings | {"BUDGET_ROUTER_PORT": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while not ((url := told_url(os.pread(log.fileno(), _BEGINNING, 0))) and _ready(url)):
                if process.poll() is not None or time.perf_counter() - started > PATIENCE_S:
                    log.seek(0)
                    raise BenchFailed(f"the gateway did not start:\n{log.read().decode()}")
                time.sleep(0.02)
            yield process, url, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def told_url(log: bytes) -> str | None:
    """Where a gateway listens, once it has said so.

    A port that is chosen before it starts may be another's by the time it listens.
    """
    for line in log.splitlines():
        with suppress(ValueError):  # of another, or not whole yet
            match json.loads(line):
                case {"event": "listening", "url": str(url)}:
                    return url
    return None


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def compare(url: str, engine_url: str, requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds that the gateway adds to each request, and those it reports."""
    body = {"model": MODEL, "prompt": PROMPT, "max_tokens": 1, "temperature": 0}
    added, overhead = [], []
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:

        def milliseconds(target: str) -> tuple[float, httpx.Response]:
            started = time.perf_counter()
            response = client.post(f"{target}/v1/completions", json=body)
            response.raise_for_status()
            return (time.perf_counter() - started) * 1000, response

        for _ in range(requests):
            direct, _answer = milliseconds(engine_url)
            through, answer = milliseconds(url)
            added.append(through - direct)
            overhead.append(float(answer.headers["X-Router-Overhead-Ms"]))
    return added, overhead


def resident_mb(pid: int) -> float:
    """Mebibytes of memory that a process holds."""
    return psutil.Process(pid).memory_info().rss / 2**20
