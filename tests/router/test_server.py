"""The process that serves: how it starts, how it stops, and how it says that it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SLOW_START = """
import asyncio
from contextlib import asynccontextmanager
from router import alone, server
from router.settings import Settings

@asynccontextmanager
async def running(settings):
    print("starting", flush=True)
    try:
        await asyncio.Event().wait()
        yield
    finally:
        await asyncio.sleep(0.01)
        print("undone", flush=True)

alone.running = running
server.serve(Settings())
print("served", flush=True)
"""


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_a_start_that_takes_long(wish: signal.Signals) -> None:
    command = [sys.executable, "-c", SLOW_START]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(wish)
        assert process.stdout.read() == "undone\nserved\n"
        assert process.wait(240) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot"),
        ("port = ", "Invalid value"),
        ('[policies.p]\nkind = "single"\nmodel = "none"', "names none"),
        ('[models.none]\nengine = "embedded"', "none"),
        (
            '[models.m]\nengine = "url"\nurl = "http://127.0.0.1:9"\nconfig = "nowhere.json"',
            "nowhere.json",
        ),
    ],
)
def test_what_cannot_be_served_is_said_without_a_traceback(
    tmp_path: Path, text: str, said: str
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f"{text}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BUDGET_ROUTER")}
    environment["BUDGET_ROUTER_PORT"] = "0"
    command = [sys.executable, "-m", "router", str(config)]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("budget-router: ")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
