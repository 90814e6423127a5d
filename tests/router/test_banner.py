"""What a gateway says as it starts to listen: true, and the example can be pasted into a shell."""

import json
import shlex

import pytest
from http_world import ScriptedBackend, world

from router.banner import banner, facts

pytestmark = pytest.mark.anyio


async def test_the_banner_names_what_requests_may_name() -> None:
    backend = ScriptedBackend()
    async with world(backend=backend, aliases={"quick": {"model": "small"}}) as w:
        told = banner(w.url, facts(w.service))
        for word in ("auto", "small", "large", "quick = small", "cascade", w.url):
            assert word in told
        assert facts(w.service)["sandbox"] == "ScriptedBackend"
        words = shlex.split(told.split("  try\n")[1])
        assert words[:2] == ["curl", f"{w.url}/v1/completions"]
        body = json.loads(words[words.index("-d") + 1])
        headers = dict(
            words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"
        )
        answer = await w.client.post("/v1/completions", json=body, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["x-router-verdict"] == "passed"
        assert answer.headers["x-router-integrity"] == "isolated"


async def test_a_gateway_without_a_sandbox_says_so() -> None:
    async with world() as w:
        assert "requests with tests are refused" in banner(w.url, facts(w.service))
