"""A whole run of very few requests, and what it does not measure."""

import json
import os
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from evaluation.bench.gateways.contenders import Contender, _by_name, contenders
from evaluation.bench.gateways.measuring import Plan, _serving, _upstream, measure
from evaluation.bench.gateways.processes import Cores, GatewayBenchFailed
from evaluation.bench.gateways.wire import (
    BUDGET,
    BUDGET_HEADER,
    FLOPS_PER_TOKEN,
    PROMPT_TOKENS,
    body,
)
from router.settings import ENVIRONMENT_PREFIX

SMALL = ("--seconds", 0.1, "--rounds", 1, "--connections", 2, "--streams", 3, "--rate", 50)
CORES = Cores.of(sorted(os.sched_getaffinity(0)))


@pytest.fixture
def bench(cli):
    return lambda *arguments: cli("evaluate", "bench-gateway", *SMALL, *arguments)


def test_no_gateway_ours_and_the_forwarder_in_one_table(bench, tmp_path):
    out = tmp_path / "runs" / "found.json"
    result = bench("--out", out)
    assert result.exit_code == 0, result.output
    rows = [line.split(" | ") for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[1:4]] == ["| direct", "| budget-router", "| forwarder"]
    assert [row[0] for row in rows[4:]] == ["| ours to", "| forwarder", "| forwarder"]
    assert "litellm was not measured" in result.stdout
    assert "vllm-router was not measured" in result.stdout
    told = json.loads(out.read_text())
    for go in told["measured"]:
        assert len(go["steps"]) == 4
        for name, step in go["steps"].items():
            assert step["errors"] == {}, (go["contender"], name)
            assert step["answered"] == step["asked"] > 0
        assert go["contender"] == "direct" or go["resident_mb"] > 10


@pytest.mark.parametrize(("budget", "status"), [(BUDGET, 200), ("1G", 400)])
def test_ours_holds_a_budget_in_flops(budget, status):
    (ours,) = [each for each in contenders(None, None) if each.name == "budget-router"]
    headers = {BUDGET_HEADER: budget, "Content-Type": "application/json"}
    with _upstream(CORES) as (upstream, _), _serving(ours, upstream, CORES) as (port, _):
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/completions",
            content=body(stream=False),
            headers=headers,
            trust_env=False,
            timeout=60,
        )
    assert answer.status_code == status, answer.text
    if status == 200:
        assert float(answer.headers["X-Budget-FLOPs-Used"]) == (PROMPT_TOKENS + 1) * FLOPS_PER_TOKEN


CONTENDER = """
import http.client, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

port, upstream = int(sys.argv[1]), urlsplit(sys.argv[2]).netloc
times, most = map(int, sys.argv[3:])
cache, asked = {}, []

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        asked.append(self)
        if len(asked) > most:
            os._exit(0)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if times or body not in cache:
            for _ in range(times or 1):
                there = http.client.HTTPConnection(upstream)
                there.request("POST", self.path, body)
                cache[body] = there.getresponse().read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(cache[body])))
        self.end_headers()
        self.wfile.write(cache[body])

ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def scripted(tmp_path, *, times, most=1000):
    """A contender that asks so many times for each request (0: only for new ones), then dies."""
    path = tmp_path / "contender.py"
    path.write_text(CONTENDER)

    def command(port, upstream, _folder):
        return [sys.executable, str(path), str(port), upstream, str(times), str(most)]

    plan = Plan((1,), 1, 50.0, 0.1, 1, grace_s=5.0)
    return list(measure([Contender("scripted", command)], plan, CORES, lambda _: None))


@pytest.mark.parametrize(("times", "asked"), [(0, 1), (2, 4)])
def test_a_contender_that_does_not_ask_once_for_each_request_is_not_measured(
    tmp_path, times, asked
):
    with pytest.raises(GatewayBenchFailed, match=f"asked the upstream {asked} times"):
        scripted(tmp_path, times=times)


def test_a_contender_that_dies_ends_the_run(tmp_path):
    with pytest.raises(GatewayBenchFailed, match="scripted ended under plain, 50/s"):
        scripted(tmp_path, times=1, most=5)


def test_settings_of_this_process_are_not_those_of_contenders(monkeypatch):
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}PORT", "1")
    monkeypatch.setenv("KEPT", "yes")
    for contender in contenders(None, None):
        environment = contender.environment()
        assert environment["KEPT"] == "yes"
        assert not any(name.startswith(ENVIRONMENT_PREFIX) for name in environment)


def test_others_are_there_by_their_executables(tmp_path):
    found = {each.name: each for each in contenders(tmp_path / "l", tmp_path / "v", [tmp_path])}
    litellm, vllm = found["litellm"], found["vllm-router"]
    told = litellm.command(7, "http://up", tmp_path)
    assert told[0] == str(tmp_path / "l")
    config = json.loads((tmp_path / "litellm.yaml").read_text())
    assert config["model_list"][0]["litellm_params"]["api_base"] == "http://up/v1"
    assert {"--worker-urls", "http://up"} <= set(vllm.command(7, "http://up", tmp_path))
    other = found[f"budget-router of {tmp_path}"]
    assert other.folder == tmp_path.resolve()
    assert other.environment()["PYTHONPATH"] == str(other.folder)


def test_ours_is_one_process_or_as_many_as_are_wanted(tmp_path):
    found = {each.name: each for each in contenders(None, None, [tmp_path], workers=[2])}
    for name, workers in (
        ("budget-router", None),
        ("budget-router, 2 workers", 2),
        (f"budget-router of {tmp_path}", None),
    ):
        config = found[name].command(7, "http://up", tmp_path)[-1]
        assert tomllib.loads(Path(config).read_text()).get("workers") == workers


def test_the_forwarder_runs_under_uvicorn_as_ours_does():
    (forwarder,) = [each for each in contenders(None, None) if each.name == "forwarder"]
    settings = json.loads(forwarder.command(7, "http://up", None)[-1])
    assert {"loop", "http", "timeout_keep_alive", "access_log"} <= set(settings)
    assert settings["access_log"] is False


def test_of_a_protocol_of_ours_the_forwarder_has_what_it_extends():
    ours = type("Made", (H11Protocol,), {})
    assert _by_name(ours) == "uvicorn.protocols.http.h11_impl:H11Protocol"
    assert _by_name("auto") == "auto"


def test_only_some_may_be_measured(bench):
    result = bench("--only", "direct")
    assert result.exit_code == 0, result.output
    assert "| direct |" in result.stdout
    assert "forwarder" not in result.stdout
    refused = bench("--only", "litellm")
    assert refused.exit_code == 1
    assert "no contender litellm" in refused.stderr
