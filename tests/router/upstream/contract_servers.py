"""The servers that the contract is asked of: the fakes, the embedded engine, a real vLLM.

The last one is there where `VLLM_URL` names one that runs, or `VLLM_BIN` and `VLLM_MODEL` say how
to start one (`make test-vllm`): that takes minutes, so it is started once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import fake_upstream
import httpx
import psutil
import pytest
from fake_upstream import FakeUpstream, answering

from router.catalogue.entries import lookup
from router.catalogue.fim import FimTemplate
from router.catalogue.store import find
from router.configuration.configured import engine_spec
from router.embedded.supervisor import EmbeddedEngine
from router.sections.models import EmbeddedModel
from router.settings import Settings
from router.upstream import transport
from router.upstream.client import Upstream
from router.upstream.servers import SERVERS, ServerKind

CONTEXT = 512
SLOTS = 3
SMALL, CODER = "smollm2-135m", "qwen2.5-coder-0.5b"
START_S = 600
IDLE_S = 0.03
FIM = lookup(CODER).fim
WORDS = ("def", " add", "(a", ", b", "):\n", "    ", "return", " a", " + b", "\n") * 60


@dataclass(frozen=True)
class Server:
    """An upstream, and how many requests its server works on just now."""

    upstream: Upstream
    busy: Callable[[], Awaitable[int]]

    async def working(self) -> bool:
        """Whether it works on any."""
        return bool(await self.busy())


def _upstream(
    client: transport.Client, url: str, kind: ServerKind, name: str, fim: FimTemplate | None = FIM
) -> Upstream:
    return Upstream(name, client, lambda: url, name, SLOTS, CONTEXT, fim=fim, server=SERVERS[kind])


@asynccontextmanager
async def fake(kind: fake_upstream.Kind) -> AsyncIterator[Server]:
    """The fake, in the manner of a kind."""
    play = answering(lambda _call, _index: WORDS, pause=0.002)
    fake = FakeUpstream(play, kind, context=CONTEXT, models=fake_upstream.listing("m"))

    async def busy() -> int:
        return sum(not call.ended.is_set() for call in fake.calls)

    async with (
        fake_upstream.running(fake),
        transport.Client(connect_s=60, read_s=200) as client,
    ):
        yield Server(_upstream(client, fake.url, kind, "m"), busy)


@asynccontextmanager
async def embedded() -> AsyncIterator[Server]:
    """The embedded engine, with the smallest model there is."""
    if find(lookup(SMALL), Settings().model_dir) is None:
        pytest.skip(f"not pulled: budget-router models pull {SMALL}")
    engine = EmbeddedEngine(
        engine_spec(Settings(), SMALL, EmbeddedModel(slots=SLOTS, context=CONTEXT))
    )
    async with transport.Client(connect_s=60, read_s=200) as client:
        await engine.start()

        async def busy() -> int:
            # It does not say; but one that computes nothing uses no time, nor waits for any.
            process = psutil.Process(engine.pid)
            before, waits = sum(process.cpu_times()[:2]), False
            for _ in range(10):
                await asyncio.sleep(0.03)
                waits |= _runnable(process.pid)
            return int(waits or sum(process.cpu_times()[:2]) - before > IDLE_S)

        try:
            yield Server(_upstream(client, engine.base_url, "llama.cpp", SMALL), busy)
        finally:
            await engine.aclose()


def _runnable(pid: int) -> bool:
    """Whether a thread of a process computes, or would if it had its turn."""
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended
            if path.read_text().rpartition(")")[2].split()[0] == "R":
                return True
    return False


@asynccontextmanager
async def vllm(url: str) -> AsyncIterator[Server]:
    """A real vLLM that runs at a URL."""
    async with (
        transport.Client(connect_s=5, read_s=120) as client,
        httpx.AsyncClient(trust_env=False, timeout=60) as operator,
    ):
        name = (await operator.get(f"{url}/v1/models")).json()["data"][0]["id"]

        async def busy() -> int:
            text = (await operator.get(f"{url}/metrics")).text
            kinds = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
            lines = [line for line in text.splitlines() if line.startswith(kinds)]
            assert lines
            return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))

        yield Server(_upstream(client, url, "vllm", name), busy)


@contextmanager
def serving_vllm(log: Path) -> Iterator[str]:
    """The URL of a real vLLM; skips where the environment names none."""
    if url := os.environ.get("VLLM_URL"):
        yield url.rstrip("/")
        return
    binary, model = os.environ.get("VLLM_BIN"), os.environ.get("VLLM_MODEL")
    if not binary or not model:
        pytest.skip("no vLLM: `make test-vllm` installs and starts one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(binary, "serve", model, "--host", "127.0.0.1", "--port", str(port)),
        *("--served-model-name", "m", "--dtype", "bfloat16", "--enforce-eager"),
        *("--max-model-len", str(CONTEXT), "--max-num-seqs", "8"),
        *("--scheduling-policy", "priority", "--enable-prompt-tokens-details"),
    ]
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env=os.environ | own | offline,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        try:
            if httpx.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(1)
    pytest.fail(f"vLLM did not start: {log.read_text(errors='replace')[-4000:]}")
