"""Options that several commands have, under one name and with one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from evaluation.commands.common.outputs import to_directory

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

BackendName: TypeAlias = Literal["process", "docker"]
Backend = Annotated[BackendName, typer.Option(help="Where.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Programs at a time; by default one per core.")
]

Config = Annotated[
    Path | None, typer.Option(help="The gateway's TOML file.", metavar="FILE", show_default=False)
]
ModelsConfig = Annotated[Path | None, typer.Option(help="TOML file.", metavar="FILE")]
"""Of a command that needs the configuration for its models alone."""

Data = Annotated[
    Path | None,
    typer.Option(help="Where the dataset is, unless a package or the hub has it.", metavar="PATH"),
]
Dataset = Annotated[str, typer.Option(help="humaneval, or another; see docs/evaluation/pools.md.")]
Model = Annotated[str, typer.Option(help="A configured model, or one of the catalogue.")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Only these models; by default all.", show_default=False),
]
ModelDirectory = Annotated[
    Path | None, typer.Option("--dir", help="The model directory.", show_default=False)
]
Temperature = Annotated[float, typer.Option(min=0, max=2)]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Per sample; by default as in the paper.")
]

Pool = Annotated[Path, typer.Argument(metavar="DIR", help="The pool.")]
Out = Annotated[
    Path,
    typer.Option(help="The directory to write to.", metavar="DIR", callback=to_directory),
]
Times = Annotated[
    Path | None,
    typer.Option(help="What `evaluate time` measured, for costs in seconds.", metavar="FILE"),
]
CostsConfig = Annotated[
    Path | None,
    typer.Option(help="The gateway's TOML file, for costs of models of its own.", metavar="FILE"),
]
Chosen = Annotated[
    list[Path] | None,
    typer.Option(
        help="What `evaluate selectors` or `evaluate lever` wrote.",
        metavar="FILE",
        show_default=False,
    ),
]
