"""`python -m router [CONFIG.toml]`: the gateway alone, with nothing of the evaluation suite."""

from __future__ import annotations

import sys
from pathlib import Path

from router.server import serve
from router.settings import Settings


def main(arguments: list[str]) -> None:
    """Serve with the settings of a TOML file, if one is named, and of the environment."""
    if len(arguments) > 1 or "--help" in arguments:
        sys.exit("usage: python -m router [CONFIG.toml]")
    serve(Settings.load(Path(arguments[0]) if arguments else None))


if __name__ == "__main__":
    main(sys.argv[1:])
