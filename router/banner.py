"""What a gateway says when it starts to listen: where it is, what it has, and what to try."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from router.service import Service

Introduce: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Says where a gateway listens, and the facts of it."""


def url_of(host: str, port: int) -> str:
    """Where it can be asked."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def facts(service: Service) -> dict[str, Any]:
    """For logs: the names that requests may use, and the sandbox."""
    gateway = service.gateway
    aliases = service.request_limits.aliases
    return {
        "models": [*gateway.upstreams],
        "aliases": {name: alias.model for name, alias in aliases.items()},
        "policies": [*gateway.policies],
        "sandbox": type(gateway.backend).__name__ if gateway.backend else None,
    }


def banner(url: str, told: Mapping[str, Any]) -> str:
    """For people at a terminal: these facts of the gateway at `url`."""
    lines = [
        ("listening", f"{url}/v1  (its pages: {url}/docs)"),
        ("models", ", ".join(["auto", *told["models"]])),
        ("aliases", ", ".join(f"{name} = {model}" for name, model in told["aliases"].items())),
        ("policies", ", ".join(told["policies"])),
        ("sandbox", told["sandbox"] or "none: requests with tests are refused"),
        ("workers", str(told.get("workers", ""))),
    ]
    shown = "\n".join(f"  {name:<10} {text}" for name, text in lines if text)
    return f"budget-router\n{shown}\n\n  try\n{_example(url)}\n"


def _example(url: str) -> str:
    body = (
        '{"prompt": "def add(a, b):\\n", "tests": {"kind": "asserts", '
        '"code": "assert add(1, 2) == 3", "entry_point": "add"}}'
    )
    return (
        f"    curl {url}/v1/completions -H 'Content-Type: application/json' "
        f"-H 'X-Budget-FLOPs: 2T' \\\n      -d '{body}'"
    )
