"""How long each prompt is for one model, asked once and kept beside the result files.

A budget of X large calls depends on the prompt's length under the large model's tokenizer. The
gateway shows no tokenizer, but its `explain` tells the length of a prompt: so one request per
problem, of a single token, asks for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.datasets import Problem
from evaluation.gateway.client import AskFailed, GatewayClient
from evaluation.writing import write_json


@dataclass(frozen=True, slots=True)
class TokenCache:
    """The lengths of a dataset's prompts under one model, in a small JSON file.

    `data_sha256` is the dataset's content hash. Earlier files have none, and are taken to be of it.
    """

    path: Path
    model: str
    dataset: str
    data_sha256: str

    @classmethod
    def beside(cls, results: Path, model: str, dataset: str, data_sha256: str) -> TokenCache:
        """The cache that the result files of a directory share."""
        name = re.sub(r"[^A-Za-z0-9._-]", "-", model)
        return cls(results.parent / f"prompt-tokens-{name}.json", model, dataset, data_sha256)

    def read(self) -> dict[str, int]:
        """Tokens by problem; none where the file is missing, damaged or of another dataset."""
        try:
            content = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return {}
        match content:
            case {"data_sha256": known} if known != self.data_sha256:
                return {}
            case {"model": self.model, "dataset": self.dataset, "prompt_tokens": dict(tokens)}:
                return {task: n for task, n in tokens.items() if isinstance(n, int)}
        return {}

    def write(self, tokens: Mapping[str, int]) -> None:
        """Replace the file at once. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        about = {name: getattr(self, name) for name in ("model", "dataset", "data_sha256")}
        write_json(self.path, {**about, "prompt_tokens": dict(tokens)})


async def prompt_tokens(
    client: GatewayClient,
    problems: Sequence[Problem],
    cache: TokenCache,
    on_asked: Callable[[int, int], None],
) -> dict[str, int]:
    """Tokens of every problem's prompt; `on_asked` is told how many of how many are known.

    Raises `AskFailed` and `GatewayDown`; what was learned by then is kept.
    """
    known = cache.read()
    missing = [problem for problem in problems if problem.task_id not in known]
    for count, problem in enumerate(missing, start=1):
        known[problem.task_id] = await _ask(client, problem, cache.model)
        cache.write(known)
        on_asked(count, len(missing))
    return {problem.task_id: known[problem.task_id] for problem in problems}


async def _ask(client: GatewayClient, problem: Problem, model: str) -> int:
    body = {
        "model": model,
        "prompt": problem.prompt,
        "max_tokens": 1,
        "temperature": 0,
        "explain": True,
    }
    reply = await client.complete(body, {"X-Budget-Policy": "single"})
    router: Mapping[str, Any] = reply.body["router"]
    match router.get("candidates"):
        case [{"model": answered, "prompt_tokens": int(tokens)}, *_] if answered == model:
            return tokens
    raise AskFailed(reply.status, "bad_answer", f"no prompt_tokens of {model} in the router object")
