"""A gateway of several workers as processes of their own, over a scripted upstream."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_upstream
import httpx
import psutil
from fake_upstream import FakeUpstream
from http_world import eventually
from prometheus_client.parser import text_string_to_metric_families

SETTINGS = """
port = 0
max_concurrent_requests = {places}
{more}
[models.m]
engine = "url"
server = "llama.cpp"
url = {url}
config = "{config}"
{of_model}
"""
SIZES = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
CONFIG = SIZES | {"num_attention_heads": 4, "vocab_size": 1000}


@dataclass
class Together:
    """The gateway; `said` is what it logged so far."""

    process: asyncio.subprocess.Process
    upstream: FakeUpstream
    said: list[dict[str, Any]]
    clients: AsyncExitStack
    url: str = ""

    @property
    def parent(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    @property
    def workers(self) -> list[psutil.Process]:
        return self.parent.children()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.said if each.get("event") == name]

    @property
    def served_by(self) -> set[int]:
        return {each["worker"] for each in self.events("request")}

    async def client(self) -> httpx.AsyncClient:
        """A client with one connection, which is open when this returns."""
        made = httpx.AsyncClient(base_url=self.url, timeout=120, trust_env=False, verify=False)  # noqa: S501 no TLS
        client = await self.clients.enter_async_context(made)
        assert (await client.get("/healthz")).status_code == 200
        return client


async def complete(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    headers = {"X-Session-Id": fields.pop("session")} if "session" in fields else {}
    body = {"model": "m", "prompt": "def f():\n", "max_tokens": 8} | fields
    return await client.post("/v1/completions", json=body, headers=headers)


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """What Prometheus sees, by name, the series of each summed."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families((await client.get("/metrics")).text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


QUICK = """
import asyncio, sys
from pathlib import Path
from router import server
from router.process import logs
from router.settings import Settings
from router.workers.crew import Times
from router.workers.parent import serve_together

logs.configure()
settings = Settings.load(Path(sys.argv[1]))
asyncio.run(serve_together(settings, server._introduce, Times(look_every=0.5, misses=10)))
"""


def started(
    directory: Path,
    url: str,
    *,
    places: int = 64,
    workers: int = 2,
    more: str = "",
    of_model: str = "",
    also_at: Sequence[str] = (),
    quick: bool = False,
) -> tuple[list[str], Mapping[str, str]]:
    """How such a gateway is started: the command, and its environment.

    Its model is also at other servers, and has settings of its own. One that is `quick` to find
    that a worker hangs is not for tests in which none does.
    """
    model, config = directory / "config.json", directory / "gateway.toml"
    model.write_text(json.dumps(CONFIG))
    urls = json.dumps([url, *also_at])
    config.write_text(
        SETTINGS.format(url=urls, config=model, places=places, more=more, of_model=of_model)
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BUDGET_ROUTER")}
    environment |= {"BUDGET_ROUTER_WORKERS": str(workers), "TMPDIR": str(directory)}
    run = ["-c", QUICK] if quick else ["-m", "router"]
    return [sys.executable, *run, str(config)], environment


@asynccontextmanager
async def together(
    upstream: FakeUpstream, directory: Path, *, sandbox: bool = False, **settings: Any
) -> AsyncIterator[Together]:
    """Start it, and see that nothing is left of it however it ended."""
    said: list[dict[str, Any]] = []
    more = settings.pop("more", "") + ("" if sandbox else "\nsandbox = {enabled = false}\n")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(fake_upstream.running(upstream))
        command, environment = started(directory, upstream.url, more=more, **settings)
        process = await asyncio.create_subprocess_exec(
            *command, stderr=subprocess.PIPE, env=environment
        )
        reading = asyncio.create_task(_read(process, said))
        clients = await stack.enter_async_context(AsyncExitStack())
        gateway = Together(process, upstream, said, clients)
        family: list[psutil.Process] = []
        try:
            await eventually(lambda: gateway.events("listening") or reading.done())
            assert not reading.done(), said
            gateway.url = gateway.events("listening")[0]["url"]
            family = [gateway.parent, *gateway.workers]
            yield gateway
            if process.returncode is None:
                family += gateway.workers
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
            await eventually(lambda: not any(_alive(each) for each in family))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it has ended in between
        return False


async def _read(process: asyncio.subprocess.Process, said: list[dict[str, Any]]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        try:
            said.append(json.loads(line))
        except ValueError:
            said.append({"event": "unreadable", "line": line.decode()})
