"""The options of `budget-router evaluate curves` and `report`; each command is imported late."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Out = Annotated[Path, typer.Option(help="The directory to write to.", metavar="DIR")]
Times = Annotated[
    Path | None,
    typer.Option(help="What `evaluate time` measured, for costs in seconds.", metavar="FILE"),
]
Config = Annotated[
    Path | None,
    typer.Option(help="The gateway's TOML file, for costs of models of its own.", metavar="FILE"),
]


@app.command("curves")
def curves(
    *,
    pools: Annotated[list[Path], typer.Argument(help="Pools, or files of counts.", metavar="POOL")],
    out: Out,
    times: Times = None,
    config: Config = None,
    figure: Annotated[
        str | None, typer.Option(help="Only this figure.", metavar="NAME", show_default=False)
    ] = None,
) -> None:
    """Draw pass@k, rank-score@k and their budgeted forms from recorded pools."""
    from evaluation.commands.evaluate import curves as command  # noqa: PLC0415 see the module's docstring

    command.run(pools, out, prices=command.Prices(times, config), only=figure)


@app.command("report")
def report(
    *,
    pools: Annotated[Path, typer.Option(help="Where all the pools are.", metavar="DIR")],
    out: Out,
    times: Times = None,
    config: Config = None,
) -> None:
    """Write the study of all pools as one HTML page, with figures, tables and claims."""
    from evaluation.commands.evaluate import report as command  # noqa: PLC0415
    from evaluation.commands.evaluate.curves import Prices  # noqa: PLC0415

    command.run(pools, out, prices=Prices(times, config))
