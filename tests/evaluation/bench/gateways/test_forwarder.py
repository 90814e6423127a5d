"""The forwarder passes on what it is sent, and what comes of it."""

import asyncio

import fake_upstream
import httpx
import pytest
from fake_upstream import FakeUpstream, answering, failing

from evaluation.bench.gateways.forwarder import make_forwarder

BODY = {"model": "m", "prompt": "def f():", "max_tokens": 3, "n": 1}


def passed_on(play, body, path="/v1/completions"):
    """The answer to a request that was passed on, and what the upstream was asked."""
    upstream = FakeUpstream(play)

    async def main():
        async with fake_upstream.running(upstream):
            app = make_forwarder(upstream.url)
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://test") as client,
            ):
                return await client.post(path, json=body)

    return asyncio.run(main()), upstream


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_passed_on(stream):
    answer, upstream = passed_on(answering(), BODY | {"stream": stream})
    assert answer.status_code == 200
    assert [call.body for call in upstream.calls] == [BODY | {"stream": stream}]
    assert "def f" not in answer.text
    assert len(answer.content) > 20


def test_so_is_an_error():
    answer, _ = passed_on(failing(429, "later"), BODY)
    assert answer.status_code == 429
    assert answer.json()["error"]["message"] == "later"
    assert answer.headers["content-type"] == "application/json"


def test_and_any_path():
    _, upstream = passed_on(answering(), BODY, path="/v1/else")
    assert upstream.asked == ["/v1/else"]
