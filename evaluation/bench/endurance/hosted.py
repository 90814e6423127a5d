"""The gateway that is soaked: a process of its own, over embedded engines and the scripted model.

An engine's process can be killed, and is known to be away until the gateway says that it is ready.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from evaluation.bench.endurance.scripted import FLOPS_PER_TOKEN, MODEL, Scripted
from evaluation.bench.overhead import started_gateway

READ_TIMEOUT_S: Final = 3.0
"""How long the gateway waits for a server that stalls."""

BACK_S: Final = 120.0
"""How long an engine may take to come back."""

_SLOTS: Final = 8
_ENGINE: Final = "router.embedded.server"


@dataclass(frozen=True, slots=True)
class Killed:
    """An engine's process that was killed, and when it was there again; None if it never was."""

    model: str
    killed: float
    back: float | None

    def explains(self, began: float, ended: float) -> bool:
        """Whether a request of this time may have met it dead."""
        return began <= (self.back or ended) and ended >= self.killed


@dataclass(frozen=True, slots=True)
class Host:
    """A running gateway: where it listens, its process, and which models it has.

    `log` is the file of what it says; None where nobody kept it.
    """

    url: str
    pid: int
    models: tuple[str, ...]
    log: Path | None = None
    family: list[psutil.Process] = field(default_factory=list, compare=False)

    @property
    def process(self) -> psutil.Process:
        """The gateway's process."""
        return psutil.Process(self.pid)

    def children(self) -> list[psutil.Process]:
        """Every process below it."""
        return self.process.children(recursive=True)

    def engines(self) -> dict[str, psutil.Process]:
        """The processes of its embedded engines, by model."""
        found = {}
        for child in self.process.children():
            try:
                arguments = child.cmdline()
            except psutil.Error:  # it has ended
                continue
            if _ENGINE in arguments:
                found[arguments[arguments.index("--alias") + 1]] = child
        return found

    def complaints(self) -> list[str]:
        """Lines of its log that tell of a fault of its own."""
        text = "" if self.log is None else self.log.read_text(errors="replace")
        lines = text.splitlines()
        return [line for line in lines if '"level":"error"' in line or "Traceback" in line]

    def left(self) -> list[int]:
        """Ids of the processes that were below it and still are there, once it was stopped."""
        return [child.pid for child in self.family if child.is_running()]


@asynccontextmanager
async def hosted(
    scripted: Scripted, engines: Sequence[str], *, sandbox: bool
) -> AsyncIterator[Host]:
    """Start a gateway. It is stopped at the end; `Host.left` tells then what is left of it.

    Raises `BenchFailed` where it does not start.
    """
    models: dict[str, Any] = {model: {"engine": "embedded", "slots": _SLOTS} for model in engines}
    models[MODEL] = {
        "engine": "url",
        "url": scripted.url,
        "flops_per_token": FLOPS_PER_TOKEN,
        "context": 4096,
        "fim": "qwen",
    }
    settings = {
        "BUDGET_ROUTER_MODELS": json.dumps(models),
        "BUDGET_ROUTER_SANDBOX": json.dumps({"enabled": sandbox}),
        "BUDGET_ROUTER_READ_TIMEOUT_S": str(READ_TIMEOUT_S),
    }
    # In a thread: the scripted server answers meanwhile.
    started = _started(tuple(models), settings)
    host = await asyncio.to_thread(started.__enter__)
    try:
        yield host
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)


@contextmanager
def _started(models: tuple[str, ...], settings: Mapping[str, str]) -> Iterator[Host]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "log")
        with path.open("w+b") as log, started_gateway(log, **settings) as (process, url, _):
            host = Host(url, process.pid, models, path)
            yield host
            host.family.extend(host.children() if process.poll() is None else [])


async def kill(host: Host, model: str, client: aiohttp.ClientSession) -> Killed | None:
    """Kill an engine and wait until it is there again; None where there is none to be killed."""
    now = asyncio.get_running_loop().time
    engine = host.engines().get(model)
    if engine is None:
        return None
    killed = now()
    engine.kill()
    while now() < killed + BACK_S:
        await asyncio.sleep(0.1)
        again = host.engines().get(model)
        if again is not None and again.pid != engine.pid and await _ready(client):
            return Killed(model, killed, now())
    return Killed(model, killed, None)


async def _ready(client: aiohttp.ClientSession) -> bool:
    try:
        async with client.get("/readyz") as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False
