"""A real gateway as a process of its own: real models, real sandbox, real HTTP."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import fake_upstream
import httpx
import psutil
import pytest
from fake_upstream import FakeUpstream

from evaluation.bench.overhead import told_url

SMALL, LARGE = "smollm2-135m", "qwen2.5-coder-0.5b"
PATIENCE_S = 240
CONFIG = f"""
[models."{SMALL}"]
engine = "embedded"
slots = 4
context = 1024

[models."{LARGE}"]
engine = "embedded"
slots = 4
context = 2048
"""


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, far longer than it should take."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(0.05)


@dataclass
class RunningGateway:
    """The process, and how to talk to it."""

    process: psutil.Popen
    url: str

    def client(self) -> httpx.Client:
        """A client of this gateway."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def ready(self) -> bool:
        """Whether all engines answer."""
        try:
            with self.client() as client:
                return client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def engine(self, model: str) -> psutil.Process:
        """The process that serves a model."""
        for child in self.process.children():
            with contextlib.suppress(psutil.Error):  # it has ended
                if model in child.cmdline():
                    return child
        raise LookupError(model)

    def family(self) -> list[psutil.Process]:
        """Every process below the gateway."""
        running = self.process.is_running() and self.process.poll() is None
        return self.process.children(recursive=True) if running else []


def start(
    directory: Path, settings: str = CONFIG, *, run: Sequence[str] = ("-m", "router")
) -> RunningGateway:
    """Start a gateway and wait until it is ready; `run` is what starts it."""
    config = directory / "gateway.toml"
    config.write_text(settings)
    command = [sys.executable, *run, str(config)]
    environment = os.environ | {"BUDGET_ROUTER_PORT": "0"}
    said = directory / "log"
    with said.open("wb") as log:
        process = psutil.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    gateway = RunningGateway(process, "")

    def up() -> bool:
        assert process.poll() is None, said.read_text()
        gateway.url = gateway.url or told_url(said.read_bytes()) or ""
        return bool(gateway.url) and gateway.ready()

    eventually(up, "the gateway is ready")
    return gateway


def stop(gateway: RunningGateway) -> None:
    """Stop a gateway, and see that nothing of it is left."""
    family = gateway.family()
    if gateway.process.poll() is None:
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait(PATIENCE_S)
    eventually(lambda: not any(alive(child) for child in family), "no process is left")


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def behind(
    directory: Path, upstream: FakeUpstream, settings: str = ""
) -> AsyncIterator[RunningGateway]:
    """A gateway over an upstream, which serves while that starts."""
    async with fake_upstream.running(upstream):
        config = f"""
            {settings}
            [models.small]
            engine = "url"
            url = "{upstream.url}"
            server = "llama.cpp"
            fim = "qwen"
            [sandbox]
            workers = 2
        """
        gateway = await anyio.to_thread.run_sync(start, directory, config)
        try:
            yield gateway
        finally:
            await anyio.to_thread.run_sync(stop, gateway)
