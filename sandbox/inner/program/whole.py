"""A whole program, and what stands around it: its directory, and an end like the interpreter's own.

The interpreter is not really taken down, since that costs more than most programs do: what can be
seen of it is done, which is that threads are awaited, exit functions called, the program's objects
ended, and buffers written.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import sys
import threading
import types
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from sandbox.inner.kernel.confinement import limit
from sandbox.inner.program.execute import execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame

_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - the run's own
_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair)


def run(frame: Frame, send: Callable[[Frame], None]) -> NoReturn:
    """Run the source as a whole program, tell what it failed with, and end as Python would."""
    own = os.getpid()
    directory = fresh_directory(frame["case"])
    limit(frame["limits"])
    module = types.ModuleType("__main__")
    module.__file__ = f"{directory}/solution.py"
    sys.modules["__main__"] = module
    sys.set_int_max_str_digits(0)
    failure = execute(frame["source"], module.__dict__)
    code = 0
    if failure is not None:
        code = exit_code(failure)
        if failure["detail"] != "early_exit":
            complain(failure["traceback"])
            if os.getpid() == own:  # a child that it forked is none of whom is asked
                send({"failure": failure})
    end(module)
    os._exit(code)


def fresh_directory(case: int) -> str:
    """Go to an empty directory, and remove what earlier cases of the run have left; its path.

    Those were the same program: what it made so that it cannot be removed is its own affair.
    """
    for top in _WRITABLE if case else ():
        _empty(top)
    directory = f"/tmp/case-{case}"  # noqa: S108 - likewise
    with contextlib.suppress(OSError):
        os.mkdir(directory)  # noqa: PTH102 - cheaper, once for every case
        os.chdir(directory)
        return directory
    return "/tmp"  # noqa: S108 - likewise


def _empty(top: str) -> None:
    """Remove what is in a directory. What lies deeper is moved up first: no depth is too much."""
    waiting = [path for path in Path(top).iterdir() if not path.is_mount()]  # packages may lie here
    for path in waiting:
        with contextlib.suppress(OSError):
            if path.is_symlink() or not path.is_dir():
                path.unlink()
                continue
            path.chmod(0o700)
            for inner in path.iterdir():
                if inner.is_dir() and not inner.is_symlink():
                    inner.chmod(0o700)
                    waiting.append(inner.rename(f"{top}/.left-{len(waiting)}"))
                else:
                    inner.unlink()
            path.rmdir()


def exit_code(failure: Frame) -> int:
    """The exit status for a program that did not come to its last line."""
    if failure["detail"] != "early_exit":
        return 1
    code = failure["code"]
    if isinstance(code, str):
        complain(f"{code}\n")
        return 1
    return int(code) & 0xFF if code is not None else 0


def complain(text: str) -> None:
    """Write to standard error, if there is one."""
    with contextlib.suppress(Exception):
        sys.stderr.write(text)


def end(module: types.ModuleType) -> None:
    """End the program in `module`: nothing that it left is an error, and no output is lost."""
    own: tuple[TextIO | None, ...] = (sys.__stdout__, sys.__stderr__)
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - what the interpreter does at its end
    atexit._run_exitfuncs()  # noqa: SLF001 - likewise
    _flush(sys.stdout)
    module.__dict__.clear()
    _flush_all()  # or those in cycles would be closed in any order
    gc.collect()
    _flush_all()
    for stream in own:
        _flush(stream)


def _flush_all() -> None:
    """Flush all files, the younger first: text is written to a buffer, the buffer to the file."""
    for item in reversed(gc.get_objects()):
        if issubclass(type(item), _WRITERS):
            _flush(item)


def _flush(stream: object) -> None:
    flush = getattr(stream, "flush", None)
    with contextlib.suppress(Exception):  # closed, or without a file behind it
        if flush is not None:
            flush()


def mute() -> None:
    """Have what the program prints go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)
