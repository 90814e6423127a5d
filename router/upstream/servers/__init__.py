"""The kinds of server that are spoken to, one module each: what only that kind does.

| module      | `server =`  |                                                                  |
|-------------|-------------|------------------------------------------------------------------|
| `dialect`   |             | what a kind of server is, and what all of them have in common    |
| `llama_cpp` | `llama.cpp` | llama.cpp's own server, which is also our embedded engine        |
| `vllm`      | `vllm`      | vLLM                                                             |
| `plain`     | `openai`    | any other: nothing but OpenAI's API                              |

What every server's answers are read with is `router.upstream.said.chunks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from router.upstream.servers.dialect import PromptScoring, ServerDialect
from router.upstream.servers.llama_cpp import LlamaCpp
from router.upstream.servers.plain import PlainOpenAI
from router.upstream.servers.vllm import VLLM

ServerKind: TypeAlias = Literal["llama.cpp", "vllm", "openai"]
"""As the configuration names them."""

SERVERS: Final[Mapping[ServerKind, ServerDialect]] = MappingProxyType(
    {"llama.cpp": LlamaCpp(), "vllm": VLLM(), "openai": PlainOpenAI()}
)

__all__ = ["SERVERS", "PromptScoring", "ServerDialect", "ServerKind"]
