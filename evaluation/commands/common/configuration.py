"""Reads the gateway's configuration for a command, with errors a person can act on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from evaluation.commands.common.failing import fail
from router.configuration.misconfigured import complaint
from router.settings import Settings


def load_settings(config: Path | None, **overrides: Any) -> Settings:
    """The settings of a file and the environment; ends the command where they do not read."""
    where = "settings" if config is None else str(config)
    try:
        return Settings.load(config, **overrides)
    except ValidationError as error:
        fail(f"{where}: {complaint(error)}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{where} is no TOML: {error}")
    except SettingsError as error:
        fail(f"{where}: {error}")
    except OSError as error:
        fail(f"{where}: {error.strerror}")
