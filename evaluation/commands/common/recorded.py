"""Options of commands that look at what recorded programs do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

PAIR: Final = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")

Pools = Annotated[Path, typer.Option(help="Where all the pools are.", metavar="DIR")]
Outputs = Annotated[
    Path, typer.Option(help="The outputs.jsonl of `evaluate selectors`.", metavar="FILE")
]
Generators = Annotated[
    list[str] | None,
    typer.Option("--model", help="Whose answers; the embedded pair's.", show_default=False),
]
