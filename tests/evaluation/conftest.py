import fake_gateway
import pytest
import typer
from typer.testing import CliRunner

from evaluation.cli import app


@pytest.fixture
def cli():
    """Run the console script: `cli("models", "list")` gives click's result.

    What a person types into it then, is its `typed`.
    """

    def run(*arguments, typed=None):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)

    return run


@pytest.fixture
def evaluate(cli, tmp_path):
    """Run `evaluate gateway` on the first problems: `evaluate(gateway, "--policy", "single")`."""
    config = fake_gateway.write_settings(tmp_path)
    out = tmp_path / "run.jsonl"

    def run(gateway, *arguments, limit=5, out=out):
        where = ["--url", gateway.url, "--config", config, "--out", out, "--limit", limit]
        return cli("evaluate", "gateway", *where, *arguments)

    run.out = out
    return run


@pytest.fixture
def ended():
    """Run some of a command's own work as a command: `ended(lambda: ...)` gives click's result."""

    def run(work):
        app = typer.Typer()
        app.command()(work)
        return CliRunner().invoke(app, [])

    return run
