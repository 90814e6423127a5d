"""Where commands write: what no file can come of is said before any work."""

import os

import pytest

from evaluation.cli import TABLE, load
from evaluation.gateway.results import Header, ResultWriter

WRITTEN = ("--out", "--counts", "--plot")

COMMANDS = {
    (group, name): load(entry) for group, names in TABLE.items() for name, entry in names.items()
}

OPTIONS = [
    pytest.param(group, name, parameter, id=f"{name} {parameter.opts[0]}")
    for (group, name), command in COMMANDS.items()
    for parameter in command.params
    if parameter.opts[0] in WRITTEN
]


def told(cli, group, name, parameter, path):
    """What the command says of a place, of which it looks at nothing else before."""
    words = [word for word in (group, name) if word]
    result = cli(*words, parameter.opts[0], path, *needed(group, name, parameter))
    assert result.exit_code == 1, result.stderr
    (line,) = result.stderr.strip().splitlines()
    return line.removeprefix("budget-router: ")


def needed(group, name, parameter):
    """What else the command wants to be told."""
    words = []
    for other in COMMANDS[group, name].params:
        if other.required and other is not parameter:
            choices = getattr(other.type, "choices", None)
            value = choices[0] if choices else "1"
            words += [value] if other.param_type_name == "argument" else [other.opts[0], value]
    return words


def test_there_are_such_options():
    assert len(OPTIONS) > 20


@pytest.mark.parametrize(("group", "name", "parameter"), OPTIONS)
def test_a_place_below_a_file_is_none(cli, tmp_path, group, name, parameter):
    (tmp_path / "a.svg").touch()
    path = tmp_path / "a.svg" / "below" / "b.svg"
    assert told(cli, group, name, parameter, path) == (
        f"{tmp_path / 'a.svg'} is no directory: give another {parameter.opts[0]}"
    )


@pytest.fixture
def shut(tmp_path, monkeypatch):
    """A directory in which nothing may be written, by root neither."""
    path = tmp_path / "shut"
    path.mkdir()
    may = os.access
    monkeypatch.setattr(os, "access", lambda where, how: where != path and may(where, how))
    return path


@pytest.mark.parametrize(("group", "name", "parameter"), OPTIONS)
def test_a_place_where_nothing_may_be_written_is_none(cli, shut, group, name, parameter):
    path = shut / "not" / "there.svg"
    assert told(cli, group, name, parameter, path).startswith(f"nothing can be written in {shut}")


@pytest.mark.parametrize(("group", "name", "parameter"), OPTIONS)
def test_a_directory_is_no_file_and_a_file_no_directory(cli, tmp_path, group, name, parameter):
    there = tmp_path / "there.svg"
    if parameter.metavar == "DIR":
        there.touch()
        assert f"{there} is no directory" in told(cli, group, name, parameter, there)
    else:
        there.mkdir()
        line = told(cli, group, name, parameter, there)
        assert line == f"{there} is a directory: {parameter.opts[0]} takes a file"


def test_what_goes_beside_a_file_needs_a_place_there(cli, shut):
    with ResultWriter(shut / "run.jsonl", Header({"dataset": "humaneval"}, (), {})):
        pass
    result = cli("evaluate", "judge", shut / "run.jsonl", "--tests", "plus")
    assert result.exit_code == 1
    assert result.stderr == (
        f"budget-router: nothing can be written in {shut}: copy run.jsonl to where it can\n"
    )


@pytest.mark.parametrize("name", ["plot.pdf", "plot"])
def test_a_picture_has_a_form_that_is_known(cli, tmp_path, name):
    path = tmp_path / name
    result = cli("evaluate", "table", "--plot", path, "run.jsonl")
    assert result.exit_code == 1
    assert ".svg or .png" in result.stderr
    assert not path.exists()
