"""A gateway in miniature on a loopback port: answers by rule, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from policies.cost import CostModel
from router.upstream.sizes.architecture import from_config_json

LARGE, SMALL = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"
SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
CONFIGS: dict[str, dict[str, object]] = {
    SMALL: dict(zip(SIZES, (64, 256, 2, 4), strict=True)) | {"vocab_size": 1000},
    LARGE: dict(zip(SIZES, (128, 512, 3, 8), strict=True)) | {"vocab_size": 1000},
}
COST = CostModel({model: from_config_json(config) for model, config in CONFIGS.items()})


def write_settings(directory: Path) -> Path:
    """A gateway's TOML file in which both models are known by their config.json alone."""
    lines = []
    for number, (model, config) in enumerate(CONFIGS.items()):
        file = directory / f"config-{number}.json"
        file.write_text(json.dumps(config))
        lines += [f'[models."{model}"]', 'engine = "url"', 'url = "http://127.0.0.1:1"']
        lines += [f'config = "{file}"']
    path = directory / "gateway.toml"
    path.write_text("\n".join(lines))
    return path


@dataclass(frozen=True)
class Asked:
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any] | bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeGateway:
    """`answer` decides every completion; `asked` are those that came, warm-ups included."""

    answer: Callable[[Asked], Reply]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def problems(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.body["max_tokens"] > 1]


def tokens_of(prompt: str) -> int:
    return len(prompt) // 4


def completion(
    asked: Asked, text: str = "    pass\n", *, verdict: str = "passed", tokens: int = 20
) -> Reply:
    """An answer as the real gateway gives it, of one draw."""
    model = LARGE if asked.body["model"] == "auto" else asked.body["model"]
    prompt_tokens = tokens_of(asked.body["prompt"])
    flops = COST.draw(model, prompt_tokens, [tokens])
    router = {
        "plan": f"{model}*1",
        "policy": asked.headers["x-budget-policy"],
        "model": model,
        "selected_by": "tests" if "tests" in asked.body else "single",
        "verdict": verdict if "tests" in asked.body else "unverified",
        "flops_used": flops,
        "commands": [
            {"model": model, "n": 1, "prompt_tokens": prompt_tokens, "completion_tokens": [tokens]}
        ],
        "candidates": [
            {"model": model, "prompt_tokens": prompt_tokens, "completion_tokens": tokens}
        ],
    }
    body = {"choices": [{"text": text, "finish_reason": "stop"}], "router": router}
    return Reply(200, body, {"X-Router-Plan": router["plan"], "X-Other": "not ours"})


def error(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"error": {"message": f"it is {code}", "code": code}}, headers or {})


@contextmanager
def running(
    answer: Callable[[Asked], Reply] = completion, models: tuple[str, ...] = (SMALL, LARGE)
) -> Iterator[FakeGateway]:
    gateway = FakeGateway(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = [{"id": model} for model in ("auto", *models)]
            self._send(Reply(200, {"object": "list", "data": data}))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(json.loads(raw), headers)
            gateway.asked.append(asked)
            self._send(gateway.answer(asked))

        def _send(self, reply: Reply) -> None:
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
