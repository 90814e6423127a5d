"""Processes that lost their parent: whoever ends last has waited for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

TREE = """
import os, signal, subprocess, sys
from router.process import orphans

ours, theirs = os.pipe()
middle = os.fork()
if middle == 0:
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    os.write(theirs, str(orphan.pid).encode())
    signal.pause()
orphan = int(os.read(ours, 64))
if sys.argv[1] == "adopts":
    orphans.adopt()
os.kill(middle, signal.SIGKILL)
os.waitpid(middle, 0)
if sys.argv[2] == "ends":
    os.kill(orphan, signal.SIGKILL)
orphans.reap(float(sys.argv[3]))
try:
    os.kill(orphan, 0 if sys.argv[2] == "ends" else signal.SIGKILL)
    print("left")
except ProcessLookupError:
    print("gone")
"""


@pytest.mark.parametrize(
    ("adopts", "ends", "within_s", "said"),
    [
        ("adopts", "ends", "600", "gone"),
        ("adopts", "stays", "0.05", "left"),  # and is not waited for longer
        ("does not", "stays", "600", "left"),  # it is another's
    ],
)
def test_orphans_are_waited_for(adopts: str, ends: str, within_s: str, said: str) -> None:
    command = [sys.executable, "-c", TREE, adopts, ends, within_s]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert ended.stdout == f"{said}\n"
