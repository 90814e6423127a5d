"""`budget-router quote`: what budgets would buy for a prompt, at a running gateway."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Column

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import AsJson
from evaluation.commands.common.plans import legend, letters_of, short
from evaluation.commands.common.tables import folding

TIMEOUT_S = 60.0


def run(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="The prompt; by default standard input.", show_default=False
        ),
    ] = None,
    tests: Annotated[
        Path, typer.Option(metavar="FILE", help="The tests, as JSON like in a request.")
    ],
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://127.0.0.1:8000",
    chat: Annotated[bool, typer.Option("--chat", help="The prompt is a message.")] = False,
    flops: Annotated[
        str | None, typer.Option(help="No more than these FLOPs, such as 2.5T.")
    ] = None,
    latency_ms: Annotated[
        float | None, typer.Option(help="No more than these milliseconds.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="No less than this probability, such as 0.8.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="By default auto.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Of an answer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what budgets would buy for a prompt with tests: nothing is generated."""
    prompt = _text(file)
    try:
        given = json.loads(_text(tests))
    except (ValueError, RecursionError) as error:
        fail(f"{tests} is no JSON: {error}")
    asked = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
    budget = {"flops": flops, "latency_ms": latency_ms, "target": target, "policy": policy}
    quoted = _ask(url, asked | {"tests": given, "budget": budget, "max_tokens": max_tokens})
    if as_json:
        typer.echo(json.dumps(quoted, indent=2))
    else:
        _show(quoted["options"])


def _text(file: Path | None) -> str:
    """Of a file, or of standard input."""
    try:
        with failing_on(OSError):
            return sys.stdin.read() if file is None else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fail(f"{file or 'standard input'} is no text in UTF-8: {error.reason}")


def _ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    base = url.rstrip("/").removesuffix("/v1")
    try:
        answer = httpx.post(f"{base}/v1/quote", json=body, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no gateway answers at {base}: {error}; `budget-router serve` starts one")
    try:
        told = answer.json()
        if not answer.is_success:
            fail(told["error"]["message"])
        return {"options": told["options"]}
    except (ValueError, KeyError, TypeError):
        fail(f"{base} answers {answer.status_code}, and not as a gateway does")


def _show(options: Sequence[dict[str, Any]]) -> None:
    console = Console()
    if not options:
        console.print("This budget is less than any that was calibrated.")
        return
    letters = letters_of(each["plan"] for each in options)
    right = ("TFLOPs", "expected", "ms", "success, %")
    table = folding(*(Column(name, justify="right") for name in right), "95 %", "plan")
    for each in options:
        table.add_row(
            f"{each['flops'] / 1e12:.3g}",
            f"{each['expected_flops'] / 1e12:.3g}",
            "" if each["latency_ms"] is None else f"{each['latency_ms']:.0f}",
            f"{100 * each['success']:.1f}",
            f"{100 * each['low']:.1f} to {100 * each['high']:.1f}",
            short(each["plan"], letters),
        )
    console.print(table)
    console.print(legend(letters), markup=False, highlight=False)
    for said in dict.fromkeys(each["extrapolated"] for each in options if each["extrapolated"]):
        console.print(f"Not as it was calibrated: {said}.", markup=False, highlight=False)
