"""A program run for its outputs: no call of it costs those that follow.

One process serves the calls in turn. Where one does not end, or ends its process, that process is
killed with all that it started, and another loads the source and goes on with the next call.
Nothing that a process says is believed: it is the text of what it says that is told.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from sandbox.inner.remote.outcomes import load_failure
from sandbox.inner.run import RunState, WallClock, await_exit, cpu_of, ended, reap
from sandbox.inner.wire.channel import Died, Forged, Stop, TooLarge
from sandbox.plain import is_told
from sandbox.texts import plainly, shortened, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.frames import Frame
    from sandbox.inner.answers.link import Link

_RESTARTS: Final = 3
"""How often another process follows one that ended in a call."""

_END_MS: Final = 200
_WORDS: Final = {"SystemExit": "exited", "MemoryError": "memory"}


class Late(WallClock):
    """An answer took too long."""


class _Missing(Exception):
    """The way leads to nothing that could be called."""


def run_outputs(run: RunState, link: Link, job: Frame) -> Frame:
    """Call the program with every input; what came of it is told under `outputs`, in order."""
    run.partial["outputs"] = []
    run.wall_s, run.cpu_most = run.most_s, math.inf  # calls have bounds of their own
    run.set_alarm()
    waiting = deque(job["values"])
    timeouts, restarts = job["timeouts"], _RESTARTS
    while True:
        failure = _load(link, run.limits, job)
        if failure is not None:
            return failure
        try:
            fatal = _serve(run, link, job, waiting)
        except _Missing:
            return _undefined(job["entry_point"])
        timeouts -= fatal == "timeout"
        restarts -= fatal != "timeout"
        if not waiting or not timeouts or restarts < 0:
            return {"status": "passed"}
        link = run.start_candidate()


def _load(link: Link, limits: Frame, job: Frame) -> Frame | None:
    """Have a process run the source, what it prints forgotten; why it cannot serve."""
    seconds = job["limits"]["wall_s"]
    link.patience = _patience(link, seconds, seconds)
    link.numbered({"do": "mute"})
    answer = link.load(job["source"], [job["name"]], limits)
    if "failure" in answer:
        return load_failure(answer["failure"])
    return None if job["name"] in answer.get("names", {}) else _undefined(job["name"])


def _undefined(name: str) -> Frame:
    text = f"the entry point {name!r} is not defined"
    return {"status": "error", "detail": "exception", "message": text}


def _serve(run: RunState, link: Link, job: Frame, waiting: deque[Any]) -> str:
    """Have a process answer calls until none waits, or one has ended it: the text of the last."""
    frame = {
        "do": "output",
        "way": job["entry_point"],
        "most": run.output_bytes,
        "cpu_s": run.limits["cpu_s"],
    }
    text = ""
    while waiting and run.link is not None:
        link.patience = _patience(link, job["each_s"], job["most_each_s"])
        text, returned = _answer(run, link, {**frame, "arguments": waiting.popleft()})
        run.partial["outputs"].append([text, returned])
    return text


def _patience(link: Link, seconds: float, most_s: float) -> Callable[[], float]:
    """Wait for so long and, while the process had less than that to compute in, for `most_s`."""
    begun, before = time.monotonic(), cpu_of(link.pid)

    def left() -> float:
        waited = time.monotonic() - begun
        rest = seconds - waited
        if rest <= 0:
            rest = min(seconds - (cpu_of(link.pid) - before), most_s - waited)
        if rest <= 0:
            raise link.stop(Late())
        return rest

    return left


def _answer(run: RunState, link: Link, frame: Frame) -> tuple[str, bool]:
    """What came of a call, and whether it returned. What cannot go on has ended then."""
    word = None
    try:
        received = link.received
        answer = link.numbered(frame)
        if link.received - received > run.output_bytes:
            return "too long", False
        text, returned = _told(link, answer)
        if returned or text != "memory":
            return text, returned
        word = text  # what fills the memory may be there still
    except Late:
        word = "timeout"
    except TooLarge:
        word = "memory"
    except WallClock:
        raise
    except Stop:
        pass
    status = _end(run, link)
    return word or _cause(status), False


def _told(link: Link, answer: Frame) -> tuple[str, bool]:
    """The text of an answer. Raises `Forged`, and `_Missing` where there is nothing to call."""
    answer.pop("id")
    match answer:
        case {"value": value} if len(answer) == 1 and is_told(value):
            return text_of(value), True
        case {"raised": {"kind": str(kind)}} if len(answer) == 1:
            return _WORDS.get(kind) or shortened(plainly(kind)), False
        case {"long": True} | {"cannot": str()} if len(answer) == 1:
            return "too long", False
        case {"missing": True} if len(answer) == 1:
            raise _Missing
    raise link.stop(Forged("no answer that a call could give"))


def _end(run: RunState, link: Link) -> int | None:
    """End a process, and whatever it started; its wait status, if it had ended by itself."""
    if isinstance(link.stopped, Died):
        await_exit(link, _END_MS)
    run.link = None  # first: the alarm may come at any time
    status = reap(link.pid)
    link.close()
    return status


def _cause(status: int | None) -> str:
    """Why a process is gone that said nothing. Those that the kernel kills had no memory."""
    if status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "memory"
    return "timeout" if ended(status)["status"] == "timeout" else "exited"
