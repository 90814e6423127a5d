"""Entry point of the zygote, run by path under `-I -S`.

It puts a bare `sandbox` package in place, so that the zygote never loads the package's own
`__init__`, and then runs the zygote. The directory that holds the package is not left on the
import path: candidates find the standard library and the operator's packages there, nothing else.
"""

import sys
import types
from pathlib import Path


def main() -> None:
    """Load `sandbox.inner.zygote` without `sandbox/__init__` and hand over to it."""
    package = types.ModuleType("sandbox")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["sandbox"] = package
    from sandbox.inner import zygote  # noqa: PLC0415 - only after the bare package is in place

    zygote.main(sys.argv[1:])


if __name__ == "__main__":
    main()
