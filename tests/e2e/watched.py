"""Runs a gateway, takes whatever it leaves when it ends, and writes down what that was.

`python watched.py CONFIG`: what is left stands in the file `left` beside it, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36


def main(config: Path) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    gateway = subprocess.Popen([sys.executable, "-m", "router", str(config)])
    gateway.wait()
    # What was not reaped is ours now, be it dead or alive; so no time plays a part in this.
    left = psutil.Process().children(recursive=True)
    told = [{"pid": each.pid, "status": each.status()} for each in left]
    config.with_name("left").write_text(json.dumps(told))
    for each in left:
        each.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
