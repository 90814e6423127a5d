"""What stands in the tests' process for an exception of the program."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.codec import CodecError, Encoder
from sandbox.inner.answers.accounts import Accounts
from sandbox.inner.answers.mirrors import Mirrors
from sandbox.inner.crossing.crossed import Crossed
from sandbox.inner.program.execute import describe_fully
from sandbox.inner.remote.exceptions import (
    MARK,
    is_candidates,
    library_class,
    new_exception,
    text_of,
    wanted_itself,
)


def read(account: Any) -> BaseException:
    """What stands for an exception that is so told of."""
    return Accounts(Mirrors(None), Crossed()).read(account)  # type: ignore[arg-type]


def over(error: BaseException) -> BaseException:
    """What stands for an exception, without its own class."""
    return read(describe_fully(error, lambda _error: {}))


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
        read(account)


def grouped(*members: Any, **changed: Any) -> Any:
    """The account of a group."""
    return told(bases=["ExceptionGroup"], group={"message": "m", "exceptions": members}) | changed


@pytest.mark.parametrize(
    "account",
    [
        *(told(group=5), told(group={}), told(group={"message": "m", "exceptions": []})),
        *(told(group={"message": 5, "exceptions": [told()]}), told(group={"exceptions": [told()]})),
        *(told(group={"message": "m", "exceptions": [5]}), told(notes=5), told(notes=["a"] * 101)),
        *(told(cause=told(args=5)), told(cause={}), told(notes=[["x"]], args=5)),
        *(told(object=["x", 0, 0]), told(object=["x", None, 5]), told(guest=0, args=5)),
    ],
)
def test_what_is_no_account_of_what_an_exception_holds_is_refused(account: Any) -> None:
    with pytest.raises(CodecError):
        read(account)


def test_causes_notes_and_members_arrive() -> None:
    inner = ExceptionGroup("in", [KeyError("a"), ValueError("b")])
    inner.add_note("look")
    error = RuntimeError("w")
    error.__cause__ = ExceptionGroup("out", [inner, OSError(2, "x", "f")])
    made = over(error)
    group: Any = made.__cause__
    assert type(group) is ExceptionGroup
    assert (group.message, str(group)) == ("out", "out (2 sub-exceptions)")
    assert [e.args for e in group.exceptions[0].exceptions] == [("a",), ("b",)]
    assert group.exceptions[0].__notes__ == ["look"]
    assert group.exceptions[1].filename == "f"
    assert all(getattr(each, MARK) is True for each in (made, group, *group.exceptions))
    assert over(ValueError()).__suppress_context__ is False
    (shown := ValueError()).__cause__ = None
    assert shown.__suppress_context__
    assert over(shown).__suppress_context__ is True


def test_a_group_has_failures_for_members_only() -> None:
    made: Any = read(grouped(told(), told(known=["builtins", "SystemExit"], bases=["SystemExit"])))
    assert [isinstance(each, Exception) for each in made.exceptions] == [True, True]
    lone: Any = read(told(bases=["ExceptionGroup"]))
    assert isinstance(lone, ExceptionGroup)
    base: Any = over(BaseExceptionGroup("b", [KeyboardInterrupt()]))
    assert isinstance(base, Exception)
    assert not isinstance(base, KeyboardInterrupt)


def test_causes_go_no_deeper_than_a_few() -> None:
    error = ValueError(0)
    error.__cause__ = error
    made: BaseException | None = over(error)
    depth = 0
    while made is not None:
        made, depth = made.__cause__, depth + 1
    assert depth == 6


def test_every_text_of_an_account_is_noted() -> None:
    crossed = Crossed()
    error = ValueError("the argument", b"some bytes")
    error.add_note("the note of it")
    vars(error)["more"] = {"key of it": "the value"}
    error.__cause__ = ExceptionGroup("the group", [KeyError("the member")])
    Accounts(Mirrors(None), crossed).read(  # type: ignore[arg-type]
        describe_fully(error, lambda _error: {})
    )
    for text in ("argument", "note of", "value", "key of", "group", "member"):
        whole = {"note of": "the note of it", "key of": "key of it"}.get(text, f"the {text}")
        assert crossed.within(whole), text
    assert crossed.of_bytes(b"some bytes")


@pytest.mark.parametrize(
    "name", ["StopIteration", "GeneratorExit", "KeyboardInterrupt", "BaseException"]
)
def test_signals_and_what_is_no_exception_are_never_recreated(name: str) -> None:
    for account in (
        told(bases=[name]),
        told(known=["builtins", name]),
        told(kind=name, bases=[name]),
    ):
        made = read(account)
        assert isinstance(made, Exception)
        assert not isinstance(made, (StopIteration, GeneratorExit, KeyboardInterrupt))


@pytest.mark.parametrize(
    "known",
    [
        ["os", "system"],
        ["nosuch", "A"],
        ["sandbox.inner.answers.link", "Stop"],
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
    assert isinstance(read(told(known=known)), ValueError)


def test_attributes_that_would_do_harm_are_not_set() -> None:
    state = {"__class__": "x", "__traceback__": 5, "a b": 1, "args": 5, "fine": 6, "": 0}
    made = read(told(state=Encoder().encode(state)))
    assert (vars(made)["fine"], made.__traceback__, made.args) == (6, None, ("",))


def test_a_named_signal_is_wanted_itself() -> None:
    assert wanted_itself({"bases": ["StopIteration"]}, frozenset({"StopIteration"}))
    assert wanted_itself({"bases": ["StopIteration"]}, frozenset({"f"})) is None
    for account in (5, None, {}, {"bases": 5}, {"bases": [5, []]}):
        assert wanted_itself(account, frozenset({"StopIteration"})) is None


def test_an_exception_is_the_candidates_however_it_was_wrapped() -> None:
    mine, own = read(told()), ValueError("own")
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
