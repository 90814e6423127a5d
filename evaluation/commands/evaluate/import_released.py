"""`budget-router evaluate import`: the paper's released generations as a pool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluation.commands.common.failing import failing_on
from evaluation.commands.common.options import Temperature
from evaluation.commands.common.outputs import to_directory
from evaluation.datasets import max_tokens
from evaluation.pools.errors import PoolError
from evaluation.pools.released import ENGINE, import_released
from evaluation.pools.schema import Identity


def run(
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Of {task_id: {prompt, samples}}; .gz as well.")
    ],
    model: Annotated[str, typer.Option(help="Whose generations they are.")],
    dataset: Annotated[str, typer.Option(help="What they answer.")],
    out: Annotated[Path, typer.Option(help="The pool.", metavar="DIR", callback=to_directory)],
    temperature: Temperature = 0.8,
) -> None:
    """Make a pool of generations in the paper's released format."""
    described = Identity(
        dataset=dataset,
        dataset_sha256="",
        tasks=(),
        model=model,
        model_sha256=None,
        engine=ENGINE,
        temperature=temperature,
        top_p=0.95 if temperature else 1.0,
        max_tokens=max_tokens(dataset),
        stop=(),
        seed=0,
    )
    count = 0
    with failing_on(PoolError, OSError), Console(stderr=True).status("reading") as status:

        def tell(samples: int) -> None:
            nonlocal count
            count += samples
            status.update(f"{count:,} samples")

        def tell_torn(torn: int) -> None:
            typer.echo(f"{out}: cut off {torn} bytes of an unfinished line", err=True)

        import_released(file, out, described, on_task=tell, on_torn=tell_torn)
    typer.echo(f"{out} holds {count:,} samples of {file}")
