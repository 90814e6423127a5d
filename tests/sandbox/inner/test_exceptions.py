"""What stands in the tests' process for an exception of the program."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.codec import CodecError, Encoder
from sandbox.inner.exceptions import (
    MARK,
    is_candidates,
    library_class,
    new_exception,
    stand_in,
    text_of,
    wanted_itself,
)
from sandbox.inner.execute import describe_fully


def over(error: BaseException) -> BaseException:
    """What stands for an exception, without its own class."""
    described = describe_fully(error)
    described.pop("cause")
    return stand_in({**described, "cause": None})


@pytest.mark.parametrize(
    "error",
    [
        KeyError("a"),
        ValueError(1, "x"),
        ZeroDivisionError(),
        RecursionError("deep"),
        ImportError("m", name="n"),
    ],
)
def test_a_built_in_exception_is_of_the_very_type(error: BaseException) -> None:
    arrived = over(error)
    assert type(arrived) is type(error)
    assert (arrived.args, str(arrived)) == (error.args, str(error))
    assert getattr(arrived, MARK) is True


def told(**changed: Any) -> Any:
    """The account of an exception, with changes."""
    account = {"kind": "E", "bases": ["ValueError"], "message": "", "args": None, "state": None}
    return {**account, "known": None, **changed}


@pytest.mark.parametrize(
    "account",
    [
        *(None, 5, [], {}, told(kind=5), told(bases="ValueError"), told(message=None)),
        *(told(args=5), told(args=["t", []]), told(args=["x"]), told(state=["l", 0, []])),
        *(told(state=["d", 0, [[1, 2]]]), told(state=5), told(state=["d", 0, [1]])),
    ],
)
def test_what_is_no_account_of_an_exception_is_refused(account: Any) -> None:
    with pytest.raises(CodecError):
        stand_in(account)


@pytest.mark.parametrize(
    "name", ["StopIteration", "GeneratorExit", "KeyboardInterrupt", "BaseException"]
)
def test_signals_and_what_is_no_exception_are_never_recreated(name: str) -> None:
    for account in (
        told(bases=[name]),
        told(known=["builtins", name]),
        told(kind=name, bases=[name]),
    ):
        made = stand_in(account)
        assert isinstance(made, Exception)
        assert not isinstance(made, (StopIteration, GeneratorExit, KeyboardInterrupt))


@pytest.mark.parametrize(
    "known",
    [
        ["os", "system"],
        ["nosuch", "A"],
        ["sandbox.inner.link", "Stop"],
        ["builtins"],
        5,
        [5, 5],
        ["os", ""],
        ["builtins", "int.__class__"],
        ["subprocess", "Popen.nothing"],
        None,
    ],
)
def test_only_classes_of_the_library_are_looked_up(known: Any) -> None:
    assert library_class(known) is None
    assert isinstance(stand_in(told(known=known)), ValueError)


def test_attributes_that_would_do_harm_are_not_set() -> None:
    state = {"__class__": "x", "__traceback__": 5, "a b": 1, "args": 5, "fine": 6, "": 0}
    made = stand_in(told(state=Encoder().encode(state)))
    assert (vars(made)["fine"], made.__traceback__, made.args) == (6, None, ("",))


def test_a_group_and_a_named_signal_are_wanted_themselves() -> None:
    group = {"bases": ["ExceptionGroup", "BaseExceptionGroup"]}
    assert wanted_itself(group, frozenset({"ExceptionGroup"}))
    assert wanted_itself(group, frozenset({"f"})) is None
    assert wanted_itself({"bases": ["StopIteration"]}, frozenset({"StopIteration"}))
    assert wanted_itself({"bases": ["StopIteration"]}, frozenset({"f"})) is None
    for account in (5, None, {}, {"bases": 5}, {"bases": [5, []]}):
        assert wanted_itself(account, frozenset({"StopIteration"})) is None


def test_an_exception_is_the_candidates_however_it_was_wrapped() -> None:
    mine, own = stand_in(told()), ValueError("own")
    assert is_candidates(mine)
    assert not is_candidates(own)
    assert is_candidates(ExceptionGroup("g", [own, ExceptionGroup("h", [mine])]))
    own.__cause__ = KeyError()
    own.__cause__.__context__ = mine
    mine.__context__ = own
    assert is_candidates(own)


class _Silent:
    def __str__(self) -> str:
        raise ValueError("no text")


def test_a_text_that_cannot_be_had() -> None:
    assert text_of(ValueError(_Silent())) == "(its text cannot be had)"
    assert text_of(ValueError("x" * 9000)) == "x" * 2000


def test_rebuilding_runs_no_code_of_the_class() -> None:
    class Own(ValueError):
        def __init__(self) -> None:
            raise AssertionError

    assert new_exception(Own, 1, 2).args == (1, 2)
