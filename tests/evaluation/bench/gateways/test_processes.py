"""Processes of the benchmark run where they should, are measured, and end."""

import os
import sys
import time
from pathlib import Path

import pytest

from evaluation.bench.gateways.processes import (
    Cores,
    GatewayBenchFailed,
    free_port,
    pinned,
    resident_tree_mb,
    started,
    tree,
    worked_s,
)

HERE = frozenset(os.sched_getaffinity(0))


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    return [sys.executable, str(path)]


PARENT = """
import subprocess, sys, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
pathlib.Path({path!r}).write_text(str(child.pid))
{then}
"""


def parent(tmp_path, then):
    """A process with a child, and what tells that they are there."""
    path = tmp_path / "pid"
    command = script(tmp_path, PARENT.format(path=str(path), then=then))
    return command, lambda: path.exists() and path.read_text() != ""


def eventually_gone(pid):
    """Whether a process ends soon: what was killed may take its time."""
    deadline = time.monotonic() + 120
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


def gone(pid):
    """Whether a process is there no more, or only as what nobody waited for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def test_the_contender_has_the_first_core_and_the_rest_the_others():
    assert Cores.of([5, 3, 4]) == Cores(frozenset([3]), frozenset([4, 5]))
    assert Cores.of([2]) == Cores(frozenset([2]), frozenset([2]))


def test_a_free_port_is_none_that_connections_get():
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first <= 20_000:
        pytest.skip("connections get nearly all ports here")
    assert max(free_port() for _ in range(20)) < first


def test_what_is_started_stays_on_its_cores(tmp_path):
    (first, *_) = sorted(HERE)
    command, ready = parent(tmp_path, "child.wait()")
    with started(command, frozenset([first]), ready) as process:
        below = [each.pid for each in tree(process.pid)]
        assert len(below) == 2
        assert all(os.sched_getaffinity(pid) == {first} for pid in below)
        assert os.sched_getaffinity(0) == HERE
    assert all(eventually_gone(pid) for pid in below)


def test_children_of_one_that_died_end_too(tmp_path):
    command, ready = parent(tmp_path, "sys.exit()")
    with started(command, HERE, ready) as process:
        child = int((tmp_path / "pid").read_text())
        process.wait()
        assert not gone(child)
    assert eventually_gone(child)


def test_one_that_does_not_start_is_shown_with_what_it_wrote(tmp_path):
    command = script(tmp_path, "raise SystemExit('there is no such model')")
    with (
        pytest.raises(GatewayBenchFailed, match="no such model"),
        started(command, HERE, lambda: False),
    ):
        pass


def test_cores_are_as_before_where_nothing_starts():
    (first, *_) = sorted(HERE)
    with pytest.raises(FileNotFoundError), pinned(frozenset([first])):
        raise FileNotFoundError
    assert os.sched_getaffinity(0) == HERE


def test_processor_time_and_memory_are_those_of_all_below(tmp_path):
    done = tmp_path / "done"
    busy = (
        "import pathlib, time; held = bytearray(64 * 2**20)\n"
        "while time.process_time() < 0.1: pass\n"
        f"pathlib.Path({str(done)!r}).touch(); time.sleep(1000)"
    )
    text = PARENT.replace('"import time; time.sleep(1000)"', repr(busy))
    command = script(tmp_path, text.format(path=str(tmp_path / "pid"), then="child.wait()"))
    with started(command, HERE, done.exists) as process:
        (_, child) = tree(process.pid)
        assert resident_tree_mb(process.pid) > resident_tree_mb(child.pid) > 64
        assert worked_s(process.pid) >= worked_s(child.pid) > 0


def test_a_process_that_is_gone_has_nothing(tmp_path):
    with started(script(tmp_path, ""), HERE, lambda: True) as process:
        process.wait()
        pid = process.pid
    assert worked_s(pid) == resident_tree_mb(pid) == 0
