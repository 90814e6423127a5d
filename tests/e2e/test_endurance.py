"""What a gateway stands: very many streams at once, and requests that a machine makes up.

Both are asked for by the environment: `STREAMS` says how many (`make test-streams`), and
`SCHEMATHESIS` where that program is (`make test-schema`). Behind the gateway, a process of its own,
are scripted upstreams.
"""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import anyio
import httpx
import psutil
import pytest
from fake_upstream import ANSWER, FakeUpstream, answering
from http_world import events, eventually, texts
from serving import behind

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(3600)]
STREAMS = int(os.environ.get("STREAMS", "0"))
SCHEMATHESIS = Path(os.environ.get("SCHEMATHESIS", "")).absolute()
AT_ONCE = 144
MANY = f"max_concurrent_requests = {2 * AT_ONCE}"
ROUND = 5
PAUSE_S = 6.0
"""Longer than servers keep a connection that nothing is asked on, unless they are told to."""

LEAST_CASES = 2000
PHASES = "examples,coverage,fuzzing"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
EXPECTED = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 504]  # a deadline of a millisecond passes
"""


@pytest.mark.skipif(not STREAMS, reason="make test-streams")
async def test_many_streams_at_once_are_all_answered_and_leave_nothing(tmp_path: Path) -> None:
    upstream = FakeUpstream(answering(pause=0.01))
    async with behind(tmp_path, upstream, MANY) as gateway:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        client = httpx.AsyncClient(
            base_url=gateway.url, timeout=600, limits=limits, trust_env=False
        )
        process = psutil.Process(gateway.process.pid)
        said: list[str] = []

        async def streams(count: int) -> None:
            for number in range(count):
                if number and number % ROUND == 0:
                    await asyncio.sleep(PAUSE_S)
                body = {"model": "small", "prompt": "x", "max_tokens": 8, "stream": True}
                answer = await client.post("/v1/completions", json=body)
                assert answer.status_code == 200, answer.text
                told = events(answer.text)
                assert told[-1] == "[DONE]"
                said.append(texts(told))

        async with client:
            before = process.num_fds()
            async with asyncio.TaskGroup() as clients:
                for at in range(AT_ONCE):
                    clients.create_task(streams(STREAMS // AT_ONCE + (at < STREAMS % AT_ONCE)))
            assert said == ["".join(ANSWER)] * STREAMS
        await eventually(lambda: not upstream.connections)
        await eventually(lambda: process.num_fds() <= before)
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as one:
            counted = (await one.get("/metrics")).text
        ended = re.findall(
            r'^router_requests_total\{.*error="(.*?)".*\} (\S+)$', counted, re.MULTILINE
        )
        assert [(error, float(count)) for error, count in ended] == [("", float(STREAMS))]


@pytest.mark.skipif("SCHEMATHESIS" not in os.environ, reason="make test-schema")
async def test_requests_that_a_machine_makes_up_are_answered_as_described(tmp_path: Path) -> None:
    upstream = FakeUpstream(answering())
    config = tmp_path / "schemathesis.toml"
    config.write_text(EXPECTED)
    async with behind(tmp_path, upstream) as gateway:
        command = [
            str(SCHEMATHESIS),
            "--config-file",
            str(config),
            "run",
            f"{gateway.url}/openapi.json",
        ]
        command += ["--phases", PHASES, "--checks", CHECKS, "--max-examples", "200"]
        command += ["--generation-deterministic", "--no-color"]
        command += ["--continue-on-failure", "--suppress-health-check", "all", "--no-shrink"]

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, check=False, cwd=tmp_path, capture_output=True, text=True
            )

        found = await anyio.to_thread.run_sync(run)
        assert found.returncode == 0, found.stdout + found.stderr
        (cases,) = re.findall(r"^\s*(\d+) generated", found.stdout, re.MULTILINE)
        assert int(cases) >= LEAST_CASES, found.stdout
