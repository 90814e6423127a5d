"""What is killed comes back, and what is left alone is not orphaned."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from serving import LARGE, PATIENCE_S, SMALL, RunningGateway, alive, eventually, start

pytestmark = pytest.mark.real_model

NEVER = {"kind": "asserts", "code": "assert False, f()", "entry_point": "f"}
LONG = {
    "prompt": "def f():\n    total = 0\n",
    "max_tokens": 400,
    "tests": NEVER,
    "explain": True,
}


def send(gateway: RunningGateway, body: dict[str, object]) -> httpx.Response:
    with gateway.client() as client:
        return client.post("/v1/completions", json=body)


def serving(gateway: RunningGateway) -> bool:
    with gateway.client() as client:
        return "router_requests_active 1.0" in client.get("/metrics").text


def test_a_request_survives_the_death_of_the_small_engine(own_gateway: RunningGateway) -> None:
    first = own_gateway.engine(SMALL)
    before = first.cpu_times().user
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(send, own_gateway, LONG)
        eventually(lambda: first.cpu_times().user > before + 0.2, "it draws")
        first.kill()
        response = answer.result()
    assert response.status_code == 200, response.text
    commands = response.json()["router"]["commands"]
    assert any(each["model"] == SMALL and each["failure"] for each in commands), commands
    assert commands[-1]["model"] == LARGE
    assert commands[-1]["failure"] is None
    eventually(own_gateway.ready, "the engine is back")
    assert own_gateway.engine(SMALL).pid != first.pid
    assert send(own_gateway, {"prompt": "x = ", "model": SMALL, "max_tokens": 2}).is_success


def test_a_pinned_request_whose_engine_dies_gets_a_clear_error(
    own_gateway: RunningGateway,
) -> None:
    with ThreadPoolExecutor() as pool:
        body = {"prompt": "def f():\n", "model": LARGE, "max_tokens": 1000, "temperature": 1.5}
        answer = pool.submit(send, own_gateway, body | {"ignore_eos": True})
        eventually(lambda: serving(own_gateway), "the request is being served")
        own_gateway.engine(LARGE).kill()
        response = answer.result()
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_unavailable"
    eventually(own_gateway.ready, "the engine is back")


def test_a_killed_gateway_leaves_no_orphan(own_gateway: RunningGateway) -> None:
    family = own_gateway.family()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(send, own_gateway, LONG)
        eventually(lambda: serving(own_gateway), "the request is being served")
        family += own_gateway.family()
        own_gateway.process.kill()
        with pytest.raises(httpx.TransportError):
            answer.result()
    own_gateway.process.wait()
    eventually(lambda: not any(alive(child) for child in family), "no process is left")


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_no_failure(own_gateway: RunningGateway, wish: signal.Signals) -> None:
    own_gateway.process.send_signal(wish)
    assert own_gateway.process.wait(60) == 0


WATCHED = Path(__file__).with_name("watched.py")
ONE_ENGINE = f"""
workers = {{workers}}
[models."{SMALL}"]
engine = "embedded"
slots = 2
context = 512
[sandbox]
workers = 2
"""


def engines(gateway: psutil.Process) -> list[psutil.Process]:
    found = []
    for each in gateway.children():
        with contextlib.suppress(psutil.Error):  # it has ended
            found += [each] if SMALL in each.cmdline() else []
    return found


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", ["idle", "an engine starts again"])
def test_whoever_waits_for_the_end_of_a_gateway_has_waited_for_all_of_it(
    models: None, tmp_path: Path, workers: int, moment: str
) -> None:
    running = start(tmp_path, ONE_ENGINE.format(workers=workers), run=[str(WATCHED)])
    (gateway,) = running.process.children()
    assert len(gateway.children(recursive=True)) > 4  # its engine, and sandboxes that are ready
    if moment != "idle":
        (first,) = engines(gateway)
        first.kill()
        end = time.monotonic() + PATIENCE_S
        while not [each for each in engines(gateway) if each.pid != first.pid]:
            assert time.monotonic() < end, "its engine did not start again"
    gateway.terminate()
    assert running.process.wait(PATIENCE_S) == 0
    assert json.loads((tmp_path / "left").read_text()) == []
