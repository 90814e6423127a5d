"""Objects of the library that the tests make and the program is given."""
# ruff: noqa: S608 - the tests' own statements

from __future__ import annotations

import functools
import operator
import sqlite3
import sys
import weakref
from typing import Any

import pytest

from sandbox import Asserts, Integrity, Limits, Status
from sandbox.codec import CodecError
from sandbox.inner.answers.replies import _while_handling
from sandbox.inner.given.guests import Guests

DATABASE = "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('create table t(a)')\n"
GIVEN = [
    (
        (
            "def f(c):\n    with c: c.execute('insert into t values (?)', (3,))\n"
            "    return c.execute('select a from t').fetchall()"
        ),
        "(3,)",
        "(4,)",
        f"{DATABASE}assert f(c) == [(3,)] == c.execute('select * from t').fetchall()",
    ),
    (
        (
            "def f(c):\n    cur = c.cursor()\n    add = 'insert into t values (?)'\n"
            "    cur.executemany(add, [(1,), (2,)])\n"
            "    c.rollback()\n    return c.total_changes, c.in_transaction, cur.rowcount"
        ),
        "c.rollback()",
        "c.commit(); cur.execute('delete from t')",
        f"{DATABASE}assert f(c) == (2, False, 2)",
    ),
    (
        "def f(c): return sum(n for (n,) in c.execute('select a from t'))",
        "sum(",
        "max(",
        (
            f"{DATABASE}c.executescript('insert into t values (1); insert into t values (2)')\n"
            "assert f(c) == 3"
        ),
    ),
    (
        "def f(c): return c.add(3) or c.named",
        "add(3)",
        "add(4)",
        (
            "import sqlite3\nclass Db(sqlite3.Connection):\n    named = 'db'\n"
            "    def add(self, n): self.n = n\nc = sqlite3.connect(':memory:', factory=Db)\n"
            "assert f(c) == 'db' and c.n == 3"
        ),
    ),
    (
        "def f(g):\n    g(1); g(1)\n    n = g.cache_info().hits\n    g.cache_clear()\n    return n",
        "g(1); g(1)",
        "g(1)",
        (
            "import functools\n@functools.cache\ndef g(x): return x\n"
            "assert f(g) == 1 and g.cache_info().currsize == 0"
        ),
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), GIVEN)
def test_objects_of_the_library_that_can_be_called_show_their_methods(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert source.count(right) == 1
    report = judge(source.replace(right, wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


class Database(sqlite3.Connection):
    """One of the tests."""


@pytest.mark.parametrize("kind", [sqlite3.Connection, Database])
@pytest.mark.parametrize(
    "name",
    [
        *("enable_load_extension", "load_extension", "create_function", "create_collation"),
        *("create_aggregate", "set_authorizer", "set_trace_callback", "set_progress_handler"),
        *("backup", "blobopen", "deserialize", "setlimit", "text_factory", "iterdump"),
    ],
)
def test_a_database_shows_nothing_that_loads_code_or_names_a_file(
    kind: type[sqlite3.Connection], name: str
) -> None:
    guests = Guests()
    guests.refer(sqlite3.connect(":memory:", factory=kind))
    for ask, args in (("get", (name,)), ("set", (name, 1)), ("delattr", (name,))):
        with pytest.raises(AttributeError, match="of the tests"):
            guests.perform(ask, 0, args, {})


@pytest.mark.parametrize("through", ["c", "c.cursor()"])
@pytest.mark.parametrize(
    "statement", ["attach 'own.db' as own", "vacuum into 'own.db'", "attach '/etc/passwd' as own"]
)
def test_no_statement_of_the_program_opens_a_file(judge, through: str, statement: str) -> None:
    source = (
        f"def f(c):\n    try: c.execute({statement!r})\n    except Exception as e: return str(e)"
    )
    code = (
        f"import os\n{DATABASE}assert f({through}) == 'too many attached databases - max 0'\n"
        "assert not os.path.exists('own.db')"
    )
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_how_rows_are_made_is_the_programs_word(judge) -> None:
    source = "def f(c): c.row_factory = lambda cur, row: (42,)"
    code = f"{DATABASE}c.execute('insert into t values (1)')\nf(c)\n"
    code += "assert c.execute('select a from t').fetchone() == (42,)"
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *((functools.partial(print, 42), name) for name in ("args", "func", "keywords")),
        *((functools.cache(lambda: 42), name) for name in ("cache_parameters", "__wrapped__")),
        *((operator.itemgetter(42), "__reduce__"), (weakref.ref(Database), "__callback__")),
        *((staticmethod(print), "__func__"), ([].append, "__self__")),
    ],
)
def test_what_can_be_called_does_not_say_what_it_holds(value: Any, name: str) -> None:
    guests = Guests()
    guests.refer(value)
    with pytest.raises(AttributeError, match="of the tests"):
        guests.perform("get", 0, (name,), {})


@pytest.mark.parametrize("made", ["memoryview(bytearray(4))", "mmap.mmap(-1, 4)"])
def test_what_has_its_memory_written_is_in_one_process(judge, made: str) -> None:
    source = "def f(b):\n    with memoryview(b) as m: m[0:2] = b'ab'\n"
    code = f"import mmap\nb = {made}\nf(b)\nassert bytes(b[:3]) == b'ab\\0'"
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
    report = judge(source.replace("'ab'", "'ac'"), Asserts(code, "f"))
    assert report.status in {Status.FAILED, Status.ERROR}, report


HANDLING = """
class Bad(ValueError): pass
def tried(f, log):
    try: return f()
    except Exception: log.exception("in %s", f.__name__)
def own(log):
    try: raise Bad("own", 3)
    except Bad as e: log.warning("again", exc_info=e)
    log.info("none", exc_info=True)
"""
A_LOG = """
import io, logging
out, log = io.StringIO(), logging.getLogger("x")
log.handlers, log.propagate, records = [logging.StreamHandler(out)], False, []
log.setLevel(1)
log.addFilter(lambda r: records.append(r) or True)
def f(): return 1 / 0
"""
LOGGED = {
    "an error of the tests": (
        ("log.exception", "log.error"),
        (
            "assert tried(f, log) is None\n"
            "assert records[0].exc_info[0] is ZeroDivisionError\n"
            "assert out.getvalue().endswith('ZeroDivisionError: division by zero\\n')"
        ),
    ),
    "an error of the program": (
        ("exc_info=e", "exc_info=False"),
        (
            "own(log)\na, b = records\nassert a.exc_info[0] is Bad\n"
            "assert a.exc_info[1].args == ('own', 3)\nassert b.exc_info == (None, None, None)"
        ),
    ),
}


@pytest.mark.parametrize(("edit", "code"), LOGGED.values(), ids=LOGGED)
def test_a_logger_of_the_tests_notes_what_the_program_handles(
    judge, edit: tuple[str, str], code: str
) -> None:
    tests = Asserts(A_LOG + code, "tried")
    judge.tells_apart(HANDLING, HANDLING.replace(*edit), tests, Limits())


def test_what_is_handled_is_no_more_than_that() -> None:
    error, before = ValueError("a"), KeyError("b")
    error.__context__ = before
    assert _while_handling(error, lambda: sys.exc_info()[1]) is error
    assert error.__context__ is before
    assert sys.exc_info()[1] is None
    with pytest.raises(CodecError):
        _while_handling(SystemExit(0), lambda: 1)
    with pytest.raises(CodecError):
        _while_handling("text", lambda: 1)
