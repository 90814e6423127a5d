"""Pairs of a right and a wrong program over the whole language, with tests as people write them.

They are in `pairs/`, in the form of `class_tasks/`, with one mistake each. They were written to
find what is misjudged; so they lean on what one process has and two have not: identity, lifetimes,
threads, exceptions on their way, the tests' own classes.
"""

from pathlib import Path

import pytest
from task_files import Task, names_in, read_tasks

from sandbox import Integrity, Limits, Status

ALL = list(read_tasks(Path(__file__).parent / "pairs"))
LIMITS = Limits(wall_s=12.0, cpu_s=10.0)

SHARED = {
    "an operator of a class that the tests name is asked": """
        Containers of the library's kinds; Dict that ignores case; Enumerations
        Exceptions that compare; Frozen dataclass; Grid by keys; List of one type; List subclass
        Matrix by pairs; Money that rounds; Objects that are called; Polynomial that is called
        Registry that holds nothing; Set with an order; Slots; Subclasses of built-in types
        Tools for functions; Tree of a class in the prelude; Trie that completes
        Vector of any length
    """,
    "an object of a class that they do not name says which others it is not": """
        Objects found among others
    """,
    "a date asks its zone, which is the program's": "Zone of its own",
    "a class says itself what its instances are": "Protocols and registered classes",
    "the solution decorates a test": "Tests decorated by the solution",
    "the program swallows what the tests raise": "Errors at the end of a context; Session",
    "the truth of an object of the program is asked": "Variable of a context",
    "the tests' coroutines go to the solution": """
        Awaited for so long at most; Cache that loads once; Client that asks again
        Emitter to coroutines; Few at a time; Group of tasks
    """,
    "the tests derive a class from one of the solution": """
        Metaclass for classes of the tests; Mixins for classes of the tests; Template method
    """,
    "the tests hand over a class of theirs": """
        Encoder by type; Exceptions that it is told; Identity; Logged methods
        Program that runs a suite; Registry of classes; Registry of plugins; Retry of chosen errors
    """,
    "a descriptor of the program is in a class of the tests": """
        Decorator class; Descriptor for classes of the tests
    """,
    "the tests hand over an object with operators of its own": "Expressions; Objects that compare",
    "a runner of the tests reports an error with the source of the solution": """
        Runner whose failures are wanted
    """,
    "the tests look inside": "Copies of a cell; Counted calls; Dataclass with defaults",
    "the tests take all names": """
        Big and odd numbers; Changed in place; Exceptions of an application
    """,
    "the tests change their own process": """
        Dice; Errors by filters alone; Greeting; Log; Main with patches; Patched time; Printed table
        Question; Variable that tests set; Warning
    """,
    "the tests act in what the program has changed of its process": """
        Directory for a while; Output that is caught; Seeds; Time limit
    """,
    "the tests get a StopIteration, which they name": """
        Generator that delegates; Running average
    """,
}
"""The pairs whose right program passes shared, by the reason; all others pass isolated."""
ALL_SHARED = names_in(SHARED)

FAULTS: dict[str, str] = {}
"""Right programs that are misjudged."""

NUMPY = {"Functions of arrays", "Rows of length one"}
"""They need numpy, which the image of containers has not."""


def marked(task: Task) -> object:
    """A pair, which is expected to fail where there is a fault of that name."""
    why = FAULTS.get(task.name)
    marks = [] if why is None else [pytest.mark.xfail(strict=True, reason=why)]
    return pytest.param(task, id=task.name, marks=marks)


def can_run(request: pytest.FixtureRequest, task: Task) -> None:
    if task.name in NUMPY:
        request.getfixturevalue("with_numpy")


def test_they_are_told_of() -> None:
    names = {task.name for task in ALL}
    assert len(names) == len(ALL)
    assert all(len(task.wrong) == 1 for task in ALL)
    assert names >= ALL_SHARED | NUMPY | FAULTS.keys()
    assert (len(ALL), len(ALL_SHARED)) == (205, 71)  # as docs/sandbox.md tells


@pytest.mark.parametrize("task", [marked(task) for task in ALL])
def test_right(judge, request: pytest.FixtureRequest, task: Task) -> None:
    can_run(request, task)
    report = judge(task.right, task.tests, LIMITS)
    assert report.status is Status.PASSED, report
    expected = Integrity.SHARED if task.name in ALL_SHARED else Integrity.ISOLATED
    assert report.integrity is expected, report


@pytest.mark.parametrize("task", [pytest.param(task, id=task.name) for task in ALL])
def test_wrong(judge, request: pytest.FixtureRequest, task: Task) -> None:
    can_run(request, task)
    [wrong] = task.wrong.values()
    report = judge(wrong, task.tests, LIMITS)
    assert report.status in {Status.FAILED, Status.ERROR}, report
