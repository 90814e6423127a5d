"""What stands around a whole program: its directory, and an end like the interpreter's own.

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
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import ModuleType

    from sandbox.frames import Frame

_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - the run's own
_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair)


def fresh_directory(case: int) -> str:
    """Go to an empty directory, and remove what earlier cases of the run have left; its path.

    Those were the same program: what it made so that it cannot be removed is its own affair.
    """
    for top in _WRITABLE if case else ():
        for path in map(str, Path(top).iterdir()):
            _remove(path)
    directory = f"/tmp/case-{case}"  # noqa: S108 - likewise
    with contextlib.suppress(OSError):
        os.mkdir(directory)  # noqa: PTH102 - cheaper, once for every case
        os.chdir(directory)
        return directory
    return "/tmp"  # noqa: S108 - likewise


def _remove(path: str) -> None:
    if os.path.ismount(path):  # packages that lie here on the host
        return
    with contextlib.suppress(OSError, RecursionError):
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - likewise
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)  # noqa: PTH108 - likewise


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


def end(module: ModuleType) -> None:
    """End the program in `module`: nothing that it left is an error, and no output is lost."""
    own: tuple[TextIO | None, ...] = (sys.__stdout__, sys.__stderr__)
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - what the interpreter does at its end
    atexit._run_exitfuncs()  # noqa: SLF001 - likewise
    _flush(sys.stdout)
    module.__dict__.clear()
    gc.collect()
    # The younger first: text is written to a buffer, the buffer to the file.
    left = [item for item in gc.get_objects() if issubclass(type(item), _WRITERS)]
    for stream in (*reversed(left), *own):
        _flush(stream)


def _flush(stream: object) -> None:
    flush = getattr(stream, "flush", None)
    with contextlib.suppress(Exception):  # closed, or without a file behind it
        if flush is not None:
            flush()
