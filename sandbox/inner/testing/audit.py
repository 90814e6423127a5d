"""What the process that holds the tests refuses to do with what came from the candidate.

Tests may hand a result to anything: to `eval`, `timeit`, `pickle`, `open`. Text, bytes and files of
the candidate are not compiled, imported or unpickled here, and no number of its is opened as a
descriptor of this process. An audit hook hears of each such step, whichever way the tests come to
it; no list of functions could. What runs text of the candidate runs in one process with it, then.

It compares with the texts that crossed, but for the shortest, which are in any text by chance. So
it does not see what the tests made of them bit by bit. Where they themselves compile a text that
is not written in them, they may have made it so, or it is a short one: any text that came will do.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.machinery
import os
import select
import stat
import sys
import traceback
from _thread import get_ident
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.inner.answers.surroundings import TOLD
from sandbox.inner.remote.places import PRELUDE, TESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sandbox.inner.answers.surroundings import Surroundings
    from sandbox.inner.crossing.crossed import Crossed
    from sandbox.inner.remote.classes import Asks
    from sandbox.inner.remote.places import Places

    Pause: TypeAlias = Callable[[], contextlib.AbstractContextManager[None]]

_DESCRIPTORS: Final = 256
_RUNNING: Final = frozenset(
    {"compile", "marshal.loads", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}
)
"""Steps that run what they are given."""

_IMPORTS: Final = importlib.machinery.SourceFileLoader.get_data.__code__.co_filename
_READS_A_LINE: Final = traceback._extract_caret_anchors_from_line_segment.__code__  # type: ignore[attr-defined] # noqa: SLF001 - runs nothing

_FORKING: Final = frozenset({"os.fork", "os.forkpty"})
"""Steps to a process that has the tests' end of the channel, and not the candidate."""

_PATHS: Final = {
    **dict.fromkeys(("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rmdir"), 1),
    **dict.fromkeys(("os.truncate", "os.utime", "os.chmod"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
    **dict.fromkeys(("os.stat", "os.lstat", "os.access", "os.readlink"), 1),
}
"""Steps that begin with so many paths, which may begin where the process is."""

_HEARD: Final = _RUNNING | _FORKING | TOLD | _PATHS.keys() | {"pickle.find_class"}


def watch(asks: Asks, crossed: Crossed, surroundings: Surroundings) -> Pause:
    """Install the hook, for the rest of this process. Gives what pauses it.

    It is paused while a framework reports what a test came to: that compiles the source of what
    failed, and opens files, and is no step of the tests.
    """
    ours = _open_descriptors()
    busy = set[int]()  # threads

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in _HEARD or (thread := get_ident()) in busy:
            return
        if event in TOLD:
            surroundings.told()
            return
        busy.add(thread)  # what is done here is no step of the tests
        try:
            if event == "open" and args[0] in ours:
                raise asks.candidates_error(OSError(errno.EBADF, os.strerror(errno.EBADF)))
            if event == "open" and _may_be_the_candidates(*args):
                crossed.all_of_a_file()
            elsewhere = surroundings.elsewhere
            if (
                step := _refused(event, args, crossed, asks.places, elsewhere=elsewhere)
            ) is not None:
                raise asks.need_shared(f"the tests {step}")
        finally:
            busy.discard(thread)

    @contextlib.contextmanager
    def paused() -> Iterator[None]:
        thread = get_ident()
        before = thread in busy
        busy.add(thread)
        try:
            yield
        finally:
            if not before:
                busy.discard(thread)

    sys.addaudithook(hook)
    return paused


def _refused(
    event: str, args: tuple[Any, ...], crossed: Crossed, places: Places, *, elsewhere: bool
) -> str | None:
    """What the tests do that needs one process, if a step of theirs does."""
    if event in _FORKING:
        return "fork"
    if event in _PATHS:
        is_there = elsewhere and any(map(_is_relative, args[: _PATHS[event]]))
        return "are in a directory of the program" if is_there else None
    if event == "pickle.find_class":
        return "unpickle" if crossed.any else None
    if event == "marshal.loads" and not crossed.of_bytes(args[0]):
        return None  # text of a module that is imported may be in its code by chance
    step = sys._getframe(2)  # noqa: SLF001 - of who takes it
    given = any(crossed.within(part) for part in _texts(args)) and not _is_pythons_own(step)
    if given or (event == "compile" and crossed.came and _is_made_up(args[0], step, places)):
        return f"run what the solution gave ({event})"
    return None


def _is_made_up(source: Any, step: FrameType, places: Places) -> bool:
    """Whether the tests compile, with no library between, what is not written in them."""
    if step.f_code.co_filename not in (TESTS, PRELUDE):
        return False
    text = source.decode(errors="replace") if type(source) is bytes else source
    return type(text) is not str or not places.write(text)


def _is_pythons_own(step: FrameType) -> bool:
    """Whether a module is imported from where no candidate can write, or a traceback reads a line.

    Few letters or bytes that crossed are in both by chance, or because the candidate wants it.
    """
    above = step.f_back
    if above is None:
        return False
    if step.f_code.co_filename == above.f_code.co_filename == _IMPORTS:
        path = above.f_locals.get("source_path") or above.f_locals.get("path")
        return type(path) is str and not _may_be_the_candidates(path, "r", os.O_RDONLY)
    return above.f_code is _READS_A_LINE or _is_being_imported(step)


def _is_being_imported(step: FrameType | None) -> bool:
    """Whether a module makes itself up as it is imported, as its named tuples do.

    Nothing that the tests have is at hand to it.
    """
    while step is not None and step.f_code.co_filename not in (TESTS, PRELUDE):
        if step.f_code.co_filename == _IMPORTS and step.f_code.co_name == "exec_module":
            origin = getattr(step.f_locals["module"].__spec__, "origin", None)
            return type(origin) is str and not _may_be_the_candidates(origin, "r", os.O_RDONLY)
        step = step.f_back
    return False


def _texts(value: Any, depth: int = 0) -> list[str | bytes]:
    if isinstance(value, (str, bytes)):
        return [value]
    if isinstance(value, bytearray):
        return [bytes(value)]
    if isinstance(value, (list, tuple)) and depth < 3:  # noqa: PLR2004 - an argument list, no deeper
        return [text for part in value for text in _texts(part, depth + 1)]
    return []


def _is_relative(path: Any) -> bool:
    if isinstance(path, PurePath):
        return not path.is_absolute()
    return path is None or (type(path) in (str, bytes) and not os.path.isabs(path))  # noqa: PTH117 - of bytes as well


def _may_be_the_candidates(path: Any, _mode: Any, flags: int) -> bool:
    """Whether a file that is opened to be read is one that the candidate can have written.

    It can write nowhere but on the run's own file systems; who owns a file tells nothing, for in a
    container it has another user id than this process.
    """
    reads = flags & os.O_ACCMODE != os.O_WRONLY and not flags & (os.O_CREAT | os.O_TRUNC)
    if not reads or type(path) not in (str, bytes):
        return False
    try:
        place = Path(os.fsdecode(path))
        writable = not os.statvfs(place).f_flag & os.ST_RDONLY
        return writable and stat.S_ISREG(place.stat().st_mode)
    except (OSError, ValueError):
        return False


def _open_descriptors() -> frozenset[int]:
    """Those above the standard streams, by one system call: every run needs them."""
    poller = select.poll()
    for descriptor in range(3, _DESCRIPTORS):
        poller.register(descriptor, 0)
    closed = {descriptor for descriptor, event in poller.poll(0) if event & select.POLLNVAL}
    return frozenset(range(3, _DESCRIPTORS)) - closed
