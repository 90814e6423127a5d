"""What holds of every option and argument of every command."""

import pytest

from evaluation.cli import TABLE, load

ENTRIES = [entry for names in TABLE.values() for entry in names.values()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.module)
def test_what_may_be_given_more_than_once_is_told(entry):
    for parameter in load(entry).params:
        if parameter.multiple:
            assert parameter.help.endswith("; may be repeated.")
            assert parameter.help.count("repeated") == 1
        if parameter.nargs == -1:
            assert parameter.metavar.endswith("...")
            assert parameter.help


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["calibrate", "pools"], "--worth"),
        (["quote", "--tests", "tests.json"], "--target"),
        (["evaluate", "collect", "--model", "m", "--n", "1", "--out", "pool"], "--temperature"),
        (["evaluate", "tree", "--model", "m", "--out", "pool"], "--balance"),
        (["evaluate", "replay", "--pools", "p", "--dataset", "d", "--out", "o"], "--budget"),
        (["evaluate", "soak-gateway", "--out", "o"], "--minutes"),
    ],
)
def test_no_number_is_without_bounds(cli, words, option, value):
    result = cli(*words, f"{option}={value}")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': {value} is " in result.stderr
