"""Makes an interpreter ready to be forked: what every run would do first is done once, here.

It holds nothing of any run, since every candidate is forked from what it leaves in memory.
"""

from __future__ import annotations

import gc
import os
import random
import site
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from sandbox import frames
from sandbox.inner.answers.link import Link
from sandbox.inner.crossing.containers import Containers
from sandbox.inner.crossing.exchange import heard, told
from sandbox.inner.kernel import linux
from sandbox.inner.program.answering import Answering
from sandbox.inner.program.execute import execute
from sandbox.inner.program.servant import Servant
from sandbox.inner.run import Ahead
from sandbox.inner.testing import imports, pytest_run, shapes
from sandbox.inner.testing.counting import Assertions

_WARM = (
    *("abc", "atexit", "bisect", "collections", "collections.abc", "copy", "dataclasses"),
    *("decimal", "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math"),
    *("operator", "random", "re", "site", "statistics", "string", "sys", "threading", "time"),
    *("traceback", "types", "typing", "warnings", "hashlib", "datetime"),
)


def load(packages: Sequence[str], flavour: str) -> None:
    """Import what candidates often use, and pytest for its flavour. Raises `ImportError`."""
    linux.use_one_arena()
    for name in _WARM:
        import_module(name)
    sys.path.extend(packages)
    if flavour == "pytest":
        pytest_run.warm_up()


def settle() -> Ahead:
    """The last steps before the first fork, and what is made before it."""
    site.setquit()
    sys.argv = ["solution.py"]
    _rehearse()
    imports.roots(tuple(sys.path))
    gc.collect()
    generators = tuple(item for item in gc.get_objects() if issubclass(type(item), random.Random))
    ahead = Ahead(generators, Link(), Answering())
    gc.freeze()
    return ahead


def _rehearse() -> None:
    """Do once what every run does: each page that is written here need not be copied there.

    Most of a run's cost is copying pages after the fork. Method caches, specialised bytecode and
    freed memory blocks are in place then.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        handle = os.pidfd_open(os.getpid())
        for _ in range(20):
            namespace: dict[str, Any] = {}
            execute("def f(a, b=0):\n    return [a, b]\n", namespace)
            execute("1 / 0", {})
            link = Link()
            link.connect(ours, 0, handle)
            here, servant = Containers(), Servant(_nobody)
            asked = (([1, "a"], {"k": 2.5}), (("key", 1),))
            question = told(asked, link.containers, link.mirrors.guests.refer)
            theirs.sendall(frames.pack({"id": 1, **question}))
            heard(link.receive(), here, servant.resolve)
            answer = told((namespace["f"], (("f", [3, (4,)]),)), here, servant.refer)
            link.mirrors.describe(servant.classes)
            heard(answer, link.containers, link.mirrors.resolve)
            link.containers.forget(link.containers.unheld())
            text = "import math\ndef check(g):\n    x = g(1)\n    assert g(1) == 1\n"
            tests = Assertions(text, "tests.py")
            shapes.wants_one_process(tests.code, tests.tree, text)
        os.close(handle)


def _nobody(_ask: str, _on: int, _args: tuple[Any, ...], _kwargs: Any) -> Any:
    """Whom a rehearsal asks."""
