"""Which paths there are, and what is said at those that are not."""

from typing import Any

import pytest
from fake_upstream import ANSWER
from http_world import PROMPT, events, is_error, texts, untouched, world
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from router.http.advice import advice

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("model", ["small", "large", "auto"])
async def test_the_path_of_an_engine_names_the_model(model: str) -> None:
    async with world() as w:
        path = f"/v1/engines/{model}/completions"
        answer = await w.client.post(path, json={"prompt": PROMPT})
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-router-model"] == ("large" if model == "auto" else model)
        assert answer.json()["choices"][0]["text"] == "".join(ANSWER)
        same = await w.client.post(path, json={"prompt": PROMPT, "model": model, "stream": True})
        assert texts(events(same.text)) == "".join(ANSWER)


async def test_a_models_name_may_have_slashes() -> None:
    async with world() as w:
        answer = await w.client.post("/v1/engines/org/model/completions", json={"prompt": PROMPT})
        error = is_error(answer, 404, "model_not_found")
        assert "'org/model'" in error["message"]


async def test_an_engine_and_another_model_contradict_each_other() -> None:
    async with world() as w:
        body = {"prompt": PROMPT, "model": "large"}
        answer = await w.client.post("/v1/engines/small/completions", json=body)
        assert is_error(answer, 400, "invalid_request")["param"] == "model"
        untouched(w)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/small", "/healthz", "/readyz", "/metrics"]
)
async def test_what_can_be_got_can_be_asked_about(path: str) -> None:
    async with world() as w:
        got, asked = await w.client.get(path), await w.client.head(path)
        assert asked.status_code == got.status_code == 200
        assert asked.headers["content-type"] == got.headers["content-type"]
        assert asked.content == b""


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/completions", "the base URL of this gateway is {url}/v1"),
        ("/chat/completions", "the base URL of this gateway is {url}/v1"),
        ("/models", "the base URL of this gateway is {url}/v1"),
        ("/fim/completions", "the base URL of this gateway is {url}/v1"),
        ("/engines/small/completions", "the base URL of this gateway is {url}/v1"),
        ("/v1/v1/chat/completions", "ask /v1/chat/completions"),
        ("/v1/v1/v1/completions", "ask /v1/completions"),
        ("/v1/completions/", "ask /v1/completions"),
        ("//v1/models", "ask /v1/models"),
        ("/v1//chat/completions", "ask /v1/chat/completions"),
        ("//chat/completions", "ask /v1/chat/completions"),
        ("/health", "/healthz"),
        ("/v1/infill", "ask /infill"),
        ("/v1/metrics", "ask /metrics"),
        ("/v1/responses", "send chats to /v1/chat/completions"),
        ("/responses", "send chats to /v1/chat/completions"),
        ("/v1/messages", "send chats to /v1/chat/completions"),
        ("/v1/responses/resp_1/cancel", "send chats to /v1/chat/completions"),
        ("/v1/messages/count_tokens", "send chats to /v1/chat/completions"),
        ("/v1/chat", "send chats to /v1/chat/completions"),
        ("/api/generate", "send prompts to /v1/completions"),
        ("/api/tags", "an OpenAI-compatible provider in your client, with the base URL {url}/v1"),
        ("/v1beta/models/x:generateContent", "{url}/v1"),
        ("/generate", "send prompts to /v1/completions"),
        ("/completion", "send prompts to /v1/completions"),
        ("/v1/embeddings", "no embeddings"),
        ("/nothing/of/the/kind", "/v1/models"),
        ("/", "/v1/models"),
        ("/v1/", "/v1/models"),
    ],
)
async def test_a_path_that_is_not_there_says_which_to_ask(path: str, advice: str) -> None:
    async with world() as w:
        for method in ("GET", "POST"):
            answer = await w.client.request(method, w.url + path)
            message = is_error(answer, 404, "not_found")["message"]
            assert message.startswith(f"there is no {path} here: ")
            assert advice.format(url=w.url) in message, message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/openai/v1/chat/completions"),
        ("POST", "/v1/openai/chat/completions"),
        ("POST", "/openai/deployments/small/chat/completions"),
        ("POST", "/v1/chat/completions/chat/completions"),
        ("POST", "/v1/completions/v1/completions"),
        ("POST", "/V1/chat/completions"),
        ("POST", "/v1/chat/completions%20"),
        ("POST", "/some/where/infill/completions"),
        ("GET", "/api/v0/models"),
        ("GET", "/proxy/v1/models/small"),
    ],
)
async def test_a_base_url_with_something_else_in_it_is_told_what_it_should_be(
    method: str, path: str
) -> None:
    async with world() as w:
        answer = await w.client.request(method, w.url + path)
        message = is_error(answer, 404, "not_found")["message"]
        assert message.endswith(f" here: the base URL of this gateway is {w.url}/v1"), message


class Counted(Route):
    """A route that knows how often it was held against a path."""

    def __init__(self) -> None:
        super().__init__("/v1/chat/completions", lambda _: Response(), methods=["POST"])
        self.asked = 0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        self.asked += 1
        return super().matches(scope)


@pytest.mark.parametrize("part", ["/a", "/v1", "/", "/v1/a"])
@pytest.mark.parametrize("times", [100, 20_000])
def test_how_deep_a_path_is_does_not_matter(part: str, times: int) -> None:
    route = Counted()
    app = Starlette(routes=[route])
    path = part * times + "/nothing"
    head = {"type": "http", "method": "POST", "headers": [], "server": ("gateway", 80)}
    said = advice(Request(head | {"path": path, "app": app}))
    assert "/v1/models names the models" in said
    assert route.asked <= 300


async def test_another_method_says_which_there_is() -> None:
    async with world() as w:
        for path in ("/v1/completions", "/infill", "/v1/engines/small/completions"):
            answer = await w.client.get(path)
            error = is_error(answer, 405, "invalid_request")
            assert error["message"] == f"GET is not for {path}, which takes POST"
            assert answer.headers["allow"] == "POST"


async def test_a_model_that_is_not_there_is_no_path_that_is_not_there() -> None:
    async with world() as w:
        answer: Any = await w.client.get("/v1/models/gpt-9")
        error = is_error(answer, 404, "model_not_found")
        assert error["message"] == "there is no model 'gpt-9'"
        assert error["param"] == "model"


async def test_an_engine_without_a_name_is_any_model() -> None:
    async with world() as w:
        answer = await w.client.post("/v1/engines//completions", json={"prompt": "x"})
        assert answer.status_code == 200, answer.text
