"""`python -m router [CONFIG.toml]`: the gateway alone, with nothing of the evaluation suite."""

from __future__ import annotations

import sys
from pathlib import Path
from tomllib import TOMLDecodeError

from pydantic import ValidationError
from pydantic_settings import SettingsError

from router.configuration.misconfigured import complaint
from router.server import serve
from router.service import CANNOT_START
from router.settings import Settings
from router.workers.process import WorkerFailed

# Of the settings; then of what they name.
_UNUSABLE = (TOMLDecodeError, SettingsError, *CANNOT_START, WorkerFailed)


def main(arguments: list[str]) -> None:
    """Serve with the settings of a TOML file, if one is named, and of the environment."""
    if len(arguments) > 1 or "--help" in arguments:
        sys.exit("usage: python -m router [CONFIG.toml]")
    try:
        serve(Settings.load(Path(arguments[0]) if arguments else None))
    except ValidationError as error:
        sys.exit(f"budget-router: {complaint(error)}")
    except _UNUSABLE as error:
        sys.exit(f"budget-router: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
