"""The gateway over real HTTP on loopback, with scripted upstreams and a scripted sandbox.

It is put together by the production code (`router.service.running`) from settings that name the
upstreams by URL, and is given a sandbox. Leaving a world fails where anything is left over.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fake_upstream
import httpx
import uvicorn
from fake_upstream import FakeUpstream, answering

from policies.cost import CostModel
from policies.policy import Policy
from router.http.app import DIALECTS, create_app
from router.http.connection import patient
from router.http.dialects.dialect import Dialect
from router.service import Service
from router.service import running as running_service
from router.settings import Settings
from sandbox import Backend, Execution, Integrity, Limits, Output, Program, Report, Status

SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
CONFIGS: dict[str, dict[str, object]] = {
    "small": dict(zip(SIZES, (64, 256, 2, 4), strict=True)) | {"vocab_size": 1000},
    "large": dict(zip(SIZES, (128, 512, 3, 8), strict=True)) | {"vocab_size": 1000},
}
PROMPT = "def add(a, b):\n"
TESTS = {"kind": "asserts", "code": "assert add(1, 2) == 3", "entry_point": "add"}
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Write add."}]


async def eventually(true: Callable[[], object], within: float = 120.0) -> None:
    """Poll until something is true; the bound only keeps a failing test from hanging."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not true():
        assert loop.time() < end, "it never became true"
        await asyncio.sleep(0.005)


async def eventually_asked(what: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until this is the answer; the bound only keeps a failing test from hanging."""
    async with asyncio.timeout(120):
        while await what() != wanted:  # noqa: ASYNC110 what it waits for is another process
            await asyncio.sleep(0.02)


async def longer(scene: Callable[[float], Awaitable[bool]], *seconds: float) -> None:
    """Play a scene with so much time, and with more where it says that this was not enough.

    For what is about a time that ends: how much a busy machine can do in it nobody knows.
    """
    for each in seconds:
        if await scene(each):
            return
    raise AssertionError(f"{seconds[-1]} seconds were not enough")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@dataclass
class ScriptedBackend:
    """A sandbox that passes the sources it is told to; it waits for `gate` where there is one."""

    passes: Callable[[str], bool] = lambda _source: True
    gate: asyncio.Event | None = None
    error: Exception | None = None
    report: Report | None = None
    programs: list[Program] = field(default_factory=list)
    limits: list[Limits] = field(default_factory=list)
    running: int = 0
    cancelled: int = 0

    async def start(self) -> None:
        """There is nothing to start."""

    async def run(self, program: Program, limits: Limits) -> Report:
        self.programs.append(program)
        self.limits.append(limits)
        self.running += 1
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.error is not None:
                raise self.error
            status = Status.PASSED if self.passes(program.source) else Status.FAILED
            return self.report or Report(status, Integrity.ISOLATED)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def execute(self, execution: Execution, limits: Limits) -> tuple[Output | None, ...]:
        """It gives nothing."""
        return (None,) * len(execution.inputs)

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


@dataclass
class World:
    """A running gateway and its surroundings."""

    url: str
    service: Service
    client: httpx.AsyncClient
    small: FakeUpstream
    large: FakeUpstream
    backend: Backend | None

    @property
    def cost(self) -> CostModel:
        return self.service.gateway.cost

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def active(self) -> int:
        return self.service.admission.active

    async def complete(self, *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        """`POST /v1/completions` with a prompt and these fields."""
        body = {"prompt": PROMPT, "max_tokens": 64} | fields
        return await self.client.post(COMPLETIONS, json=body, headers=headers)

    async def chat(self, *, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        """`POST /v1/chat/completions` with a message and these fields."""
        body = {"messages": MESSAGES, "max_tokens": 64} | fields
        return await self.client.post(CHAT, json=body, headers=headers)

    async def open(self, path: str = COMPLETIONS, **fields: Any) -> Connection:
        """Send a request on a connection of its own, which the test reads, or closes."""
        start = {"messages": MESSAGES} if path == CHAT else {"prompt": PROMPT}
        data = json.dumps(start | {"max_tokens": 64} | fields).encode()
        return await self.send(_head(path, len(data)) + data)

    async def send(self, data: bytes) -> Connection:
        """Send raw bytes on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return Connection(reader, writer)

    def errors(self, code: str) -> float:
        """How many requests ended with this error."""
        return self.metric("router_requests_total", plan="", verdict="", error=code)

    def metric(self, name: str, **labels: str) -> float:
        """The value of one metric, zero where it was never counted."""
        registry = self.service.gateway.metrics.registry
        return registry.get_sample_value(name, labels) or 0.0


@dataclass
class Connection:
    """A client's own connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def until(self, text: bytes) -> bytes:
        return await self.reader.readuntil(text)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def _head(path: str, length: int) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def is_error(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check the shape of an error; its object."""
    assert answer.status_code == status, answer.text
    assert answer.headers["x-request-id"]
    assert set(answer.json()) == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code, error
    assert error["message"]
    return error


def untouched(w: World) -> None:
    """Nothing was generated for an error of the client's, and nothing is left running."""
    assert not w.small.calls
    assert not w.large.calls
    assert w.active == 0


def events(text: str) -> list[Any]:
    """The events of a stream as JSON, `[DONE]` as text."""
    lines = [line for line in text.split("\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines), lines
    data = [line.removeprefix("data: ") for line in lines]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def texts(chunks: list[Any], index: int = 0) -> str:
    """What a choice says in a stream of either endpoint."""
    return "".join(
        (choice["text"] if "text" in choice else choice["delta"].get("content") or "")
        for chunk in chunks
        if chunk != "[DONE]"
        for choice in chunk["choices"]
        if choice["index"] == index
    )


def _settings(
    directory: Path,
    upstreams: dict[str, FakeUpstream],
    models: dict[str, dict[str, Any]],
    host: str,
    **more: Any,
) -> Settings:
    named: dict[str, dict[str, Any]] = {}
    for name, upstream in upstreams.items():
        config = directory / f"{name}.json"
        config.write_text(json.dumps(CONFIGS[name]))
        own = models.get(name, {})
        url = upstream.url.replace("127.0.0.1", host)
        given = {"url": url, "config": config, "server": upstream.kind} | own
        named[name] = {"engine": "url"} | {k: v for k, v in given.items() if v is not None}
    return Settings(models=named, **more)


@asynccontextmanager
async def world(
    small: FakeUpstream | None = None,
    large: FakeUpstream | None = None,
    backend: Backend | None = None,
    *,
    models: dict[str, dict[str, Any]] | None = None,
    host: str = "127.0.0.1",
    dialects: Mapping[str, Dialect] = DIALECTS,
    policies_made: Mapping[str, Policy] | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """A gateway over two upstreams. `models` overrides their configuration, by name.

    `policies_made` stand beside those of the settings, or in their place.
    """
    tasks = asyncio.all_tasks()
    upstreams = {
        "small": small or FakeUpstream(answering()),
        "large": large or FakeUpstream(answering()),
    }
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        for upstream in upstreams.values():
            await stack.enter_async_context(fake_upstream.running(upstream))
        enabled = {"sandbox": {"enabled": backend is not None}}
        made = _settings(Path(directory), upstreams, models or {}, host, **(enabled | settings))
        services: list[Service] = []

        @asynccontextmanager
        async def service() -> AsyncIterator[Service]:
            async with running_service(made, lambda _: backend) as built:
                told = {**built.gateway.policies, **(policies_made or {})}
                services.append(replace(built, gateway=replace(built.gateway, policies=told)))
                yield services[0]

        config = uvicorn.Config(
            create_app(service, dialects),
            port=0,
            log_config=None,
            access_log=False,
            http=patient(made.client_timeout_s),
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        client = httpx.AsyncClient(base_url=url, timeout=120, trust_env=False, verify=False)  # noqa: S501 no TLS
        try:
            yield World(url, services[0], client, *upstreams.values(), backend)
            await eventually(lambda: services[0].admission.active == 0)
            await eventually(lambda: not any(u.connections for u in upstreams.values() if _busy(u)))
        finally:
            await client.aclose()
            await eventually(lambda: not server.server_state.connections)
            # Not `server.shutdown()`, which sleeps for a tenth of a second.
            server.servers[0].close()
            await server.servers[0].wait_closed()
            await server.lifespan.shutdown()
    await eventually(lambda: asyncio.all_tasks() <= tasks)


def _busy(upstream: FakeUpstream) -> bool:
    return any(not call.ended.is_set() for call in upstream.calls)
