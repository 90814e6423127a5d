"""The candidate's process: it runs the source, and answers calls of what the source defined.

From the first line of the source on, nothing in this process can be trusted, this code included.
So it decides nothing: it answers the keeper's questions over one socket, and the keeper treats
every answer as hostile. What is enforced here is enforced by the kernel: no capabilities, the
system-call filter, resource limits that cannot be raised again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox import frames
from sandbox.codec import MAX_BYTES, CannotCross
from sandbox.frames import FrameError
from sandbox.inner import cases, linux, shared, whole
from sandbox.inner.containers import Containers
from sandbox.inner.exchange import heard, told
from sandbox.inner.execute import describe_fully, execute, name_of
from sandbox.inner.records import Records
from sandbox.inner.servant import Servant
from sandbox.inner.special import MODULE
from sandbox.inner.standins import GUEST, error_of

if TYPE_CHECKING:
    from sandbox.frames import Frame
    from sandbox.inner.seccomp import Filter

_OPEN_FILES = 256
_MAIN_STACK = 64 * 2**20
_THREAD_STACK = 4 * 2**20  # of the address space, so that many threads fit into it
_MESSAGE = 200
_REFERENCE = 3  # tag, number and class: an exception's text and arguments are told beside it
_AT_ONCE, _MOST_AT_ONCE = 1 << 12, 1 << 20
_SOURCE = "/tmp/solution.py"  # noqa: S108 - where it would be: there is no such file


def confine(filter_: Filter) -> None:
    """Give up every capability for good and install the system-call filter."""
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.seccomp_filter(filter_.pointer)


def limit(limits: Frame) -> None:
    """Set the kernel's limits. `limits` holds bytes, whole seconds and a number of processes."""
    for kind, value in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
    # Programs raise this one, often to infinity; the address space bounds it all the same.
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    stack = _MAIN_STACK if hard == resource.RLIM_INFINITY else min(_MAIN_STACK, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_hard_s"] + 1))
    threading.stack_size(_THREAD_STACK)


def serve(channel: socket.socket, streams: tuple[int, int, int]) -> NoReturn:
    """Run as the candidate until the keeper is done; never returns.

    The keeper is confined already, and so are we. Python's own streams were opened on descriptors
    0 to 2 by the zygote and go on working on what is put there now.
    """
    try:
        os.setsid()
        for target, descriptor in enumerate(streams):
            os.dup2(descriptor, target)
        os.closerange(3, channel.fileno())
        os.closerange(channel.fileno() + 1, _OPEN_FILES)
        os.chdir("/tmp")  # noqa: S108 - the run's own
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        gc.enable()
        _Server(channel).run()
    except BaseException:  # noqa: BLE001 - the outermost handler of the process
        os._exit(70)
    os._exit(0)


def _mute() -> None:
    """Have what the program prints go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)


class _Server:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._containers = Containers()
        self._servant = Servant(self.ask_back)
        self._open = 0
        self._turn = threading.RLock()
        self._names: list[str] = []
        self._told_of: dict[str, Any] = {}
        self._module = types.ModuleType("solution")
        self._module.__file__ = _SOURCE

    def run(self) -> None:
        while True:
            match self._receive():
                case {"do": "load"} as frame:
                    self._send({"id": frame["id"], **self._load(frame)})
                case {"do": "ask"} as frame:
                    self._send(self._ask(frame), MAX_BYTES)
                case {"do": "case" | "output" as what} as frame:
                    serve_call = cases.call if what == "case" else cases.output
                    answer = serve_call(self._module.__dict__, frame)
                    self._send({"id": frame["id"], **answer}, MAX_BYTES)
                case {"do": "mute"} as frame:
                    _mute()
                    self._send({"id": frame["id"]})
                case {"do": "main"} as frame:
                    self._main(frame)
                case {"do": "shared"} as frame:
                    limit(frame["limits"])
                    self._send({"id": frame["id"], **shared.run(frame, self._module)})
                    os._exit(0)
                case _:
                    return

    def _receive(self) -> Frame:
        """The next frame. The tests send one at a time, so nothing of another comes along."""
        data = bytearray()
        size = frames.HEADER.size
        while len(data) < size:
            chunk = self._channel.recv(max(_AT_ONCE, min(size - len(data), _MOST_AT_ONCE)))
            if not chunk:
                os._exit(0)
            data += chunk
            if len(data) >= frames.HEADER.size:
                header = bytes(data[: frames.HEADER.size])
                size = frames.HEADER.size + frames.body_length(header)
        return frames.unpack(bytes(data[frames.HEADER.size :]))

    def _send(self, frame: Frame, most: int = frames.MAX_FRAME_BYTES) -> None:
        """Send an answer, or that it cannot be sent for being above that many bytes."""
        # The keeper may end this process at any time after an answer.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        try:
            data = frames.pack(frame, most)
        except (FrameError, MemoryError):
            data = frames.pack({"id": frame["id"], "cannot": "a value too large to send"})
        self._channel.sendall(data)

    def _load(self, frame: Frame) -> Frame:
        """Run the source as a module and say which of the names in question it defined."""
        limit(frame["limits"])
        sys.modules["solution"] = self._module
        failure = execute(frame["source"], self._module.__dict__)
        if failure is not None:
            return {"failure": failure}
        self._servant.objects[MODULE] = self._module
        self._servant.copies_arrays = frame["arrays"]
        self._names = frame["names"]
        known = self._module.__dict__
        self._containers.records = self._servant.records = Records.beside(frame["records"], known)
        self._servant.named = {
            value for name in self._names if isinstance(value := known.get(name), type)
        }
        return self._told(self._rebound())

    def _ask(self, frame: Frame) -> Frame:
        """Do what the tests ask of one of our objects."""
        args, pairs = self._heard(frame)
        outer, self._open = self._open, frame["id"]
        try:
            if "ended" in frame:
                with self._servant.loops.entered(frame):
                    given = self._servant.perform(frame["ask"], frame["on"], args, dict(pairs))
            else:
                given = self._servant.perform(frame["ask"], frame["on"], args, dict(pairs))
        except BaseException as error:  # noqa: BLE001 - the keeper decides what it means
            return self._raised(frame["id"], error)
        finally:
            self._open = outer
        return self._answer(frame["id"], (given, self._rebound()))

    def _rebound(self) -> tuple[tuple[str, Any], ...]:
        """Variables that the tests use and that are bound to something else than they know."""
        found = self._module.__dict__
        changed = {
            name: found[name]
            for name in self._names
            if name in found and found[name] is not self._told_of.get(name, self)
        }
        self._told_of |= changed
        return tuple(changed.items())

    def _answer(self, number: int, value: Any) -> Frame:
        try:
            return {"id": number, **self._told(value)}
        except (CannotCross, TypeError, ValueError, RecursionError, MemoryError) as error:
            # Not only the codec's own: keys that cannot be hashed once they are plain, and such.
            return {"id": number, "cannot": str(error)[:_MESSAGE] or type(error).__name__}

    def _told(self, value: Any) -> Frame:
        payload = told(value, self._containers, self._servant.refer)
        classes, self._servant.classes = self._servant.classes, []
        return {**payload, "classes": classes}

    def _heard(self, frame: Frame) -> Any:
        """What the tests say, after which they do not hold some of our objects any more."""
        self._servant.forget(frame["drop"])
        value = heard(frame, self._containers, self._servant.resolve)
        self._containers.forget(frame["forget"])
        return value

    def _raised(self, number: int, error: BaseException) -> Frame:
        raised = describe_fully(error, self._own)
        told = self._answer(number, (None, self._rebound()))
        return told if "cannot" in told else {"raised": raised, **told}

    def _own(self, error: BaseException) -> Frame:
        """What stands for an exception of the tests, and the class of one of the solution's."""
        if type(vars(error).get(GUEST)) is int:
            return {"guest": vars(error)[GUEST]}
        if name_of(type(error)) is None:
            return {"object": self._servant.refer(error)[:_REFERENCE]}
        return {}

    def ask_back(self, ask: str, on: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask something of an object of the tests, while their question is open.

        Threads of the program take turns.
        """
        with self._turn:
            payload = self._told((args, tuple(kwargs.items())))
            self._send({"id": self._open, "ask": ask, "on": on, **payload}, MAX_BYTES)
            while True:
                frame = self._receive()
                if frame["do"] == "reply":
                    break
                self._send(self._ask(frame), MAX_BYTES)
            given = self._heard(frame)
        if (raised := frame.get("raised")) is None:
            return given
        if "own" in raised:
            raise self._servant.objects[raised["own"]]
        raise error_of(raised)

    def _main(self, frame: Frame) -> NoReturn:
        """Run the source as a whole program, and end as Python would."""
        directory = whole.fresh_directory(frame["case"])
        limit(frame["limits"])
        module = types.ModuleType("__main__")
        module.__file__ = f"{directory}/solution.py"
        sys.modules["__main__"] = module
        sys.set_int_max_str_digits(0)
        failure = execute(frame["source"], module.__dict__)
        code = 0
        if failure is not None:
            code = whole.exit_code(failure)
            if failure["detail"] != "early_exit":
                whole.complain(failure["traceback"])
                self._send({"failure": failure})
        whole.end(module)
        os._exit(code)
