import asyncio
import json

import httpx
import pytest

from evaluation.gateway.client import (
    BUSY_TRIES,
    CONNECTION_TRIES,
    AskFailed,
    GatewayClient,
    GatewayDown,
    Reply,
)

ANSWER = {"choices": [{"text": "x"}], "router": {"commands": []}}


class Script:
    """Answers in turn; an exception is raised. What is asked and slept is kept."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.asked = 0
        self.slept = []

    def handle(self, request):
        self.asked += 1
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    async def sleep(self, seconds):
        self.slept.append(seconds)

    def ask(self, times=1):
        async def run():
            transport = httpx.MockTransport(self.handle)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
                client = GatewayClient(http, sleep=self.sleep)
                return [await client.complete({"prompt": ""}, {}) for _ in range(times)]

        return asyncio.run(run())


def busy(wait):
    return httpx.Response(429, headers={"Retry-After": wait}, json={"error": {"message": "busy"}})


def test_an_answer_comes_with_its_headers_and_time():
    (reply,) = Script(httpx.Response(200, json=ANSWER, headers={"X-Router-Plan": "p"})).ask()
    assert isinstance(reply, Reply)
    assert reply.body == ANSWER
    assert reply.headers["x-router-plan"] == "p"
    assert reply.latency_s >= 0


@pytest.mark.parametrize(
    ("wait", "slept"),
    [("7", 7.0), ("0", 0.1), ("9999", 30.0), ("soon", 1.0), ("nan", 1.0), ("-3", 0.1)],
)
def test_a_busy_gateway_is_asked_again_after_the_time_it_names(wait, slept):
    script = Script(busy(wait), httpx.Response(200, json=ANSWER))
    script.ask()
    assert script.slept == [slept]
    assert script.asked == 2


def test_a_gateway_that_stays_busy_is_given_up():
    script = Script(busy("1"))
    with pytest.raises(AskFailed, match="busy") as error:
        script.ask()
    assert error.value.status == 429
    assert script.asked == BUSY_TRIES
    assert len(script.slept) == BUSY_TRIES - 1


def test_a_lost_connection_is_tried_again():
    script = Script(
        httpx.ConnectError("no"), httpx.ReadError("cut"), httpx.Response(200, json=ANSWER)
    )
    script.ask()
    assert script.asked == 3
    assert script.slept == sorted(script.slept)


def test_lost_connections_in_a_row_stop_the_run():
    script = Script(httpx.ConnectError("refused"))
    with pytest.raises(GatewayDown, match=r"http://gateway.*refused"):
        script.ask()
    assert script.asked == CONNECTION_TRIES


def test_lost_connections_between_answers_do_not():
    answer = httpx.Response(200, json=ANSWER)
    steps = [step for _ in range(CONNECTION_TRIES + 2) for step in (httpx.ReadError(""), answer)]
    assert len(Script(*steps).ask(times=CONNECTION_TRIES + 2)) == CONNECTION_TRIES + 2


def test_a_slow_answer_is_an_error_of_that_request():
    with pytest.raises(AskFailed) as error:
        Script(httpx.ReadTimeout("")).ask()
    assert (error.value.status, error.value.code) == (0, "client_timeout")


@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        (
            httpx.Response(400, json={"error": {"message": "least", "code": "budget_too_small"}}),
            "budget_too_small",
            "least",
        ),
        (httpx.Response(502, text="<html>bad gateway"), "http_error", "<html>bad gateway"),
        (httpx.Response(500, json=[1]), "http_error", "[1]"),
        (httpx.Response(500, json={"error": "text"}), "http_error", '{"error":"text"}'),
        (httpx.Response(200, text="no json"), "bad_answer", "JSON"),
        (httpx.Response(200, json=[]), "bad_answer", "object"),
        (httpx.Response(200, json={"choices": []}), "bad_answer", "no text"),
        (httpx.Response(200, json={"choices": ANSWER["choices"]}), "bad_answer", "router"),
    ],
)
def test_what_is_no_answer_has_a_code(response, code, message):
    with pytest.raises(AskFailed) as error:
        Script(response).ask()
    assert error.value.code == code
    assert message in error.value.message
    assert error.value.status == response.status_code


def test_models_leave_auto_out():
    async def run(body):
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(body)))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return await GatewayClient(http).models()

    assert asyncio.run(run({"data": [{"id": "auto"}, {"id": "m"}]})) == ("m",)
    with pytest.raises(AskFailed, match="list of models"):
        asyncio.run(run({"models": []}))
