"""What is said of a running gateway, by itself and by libraries, in one form."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from router.process import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, settings = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**settings)


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_libraries_are_heard_as_we_are(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(3)
    logging.getLogger("uvicorn.error").warning("Invalid %s received.", "request")
    logging.getLogger("any").info("of no matter")
    try:
        int("x")
    except ValueError:
        logging.getLogger("asyncio").exception("Exception in\n a task\n")
    warning, error = said(capsys)
    assert warning["event"] == "Invalid request received."
    assert (warning["level"], warning["worker"]) == ("warning", 3)
    assert warning["logger"] == "uvicorn.error"
    assert (error["level"], error["event"]) == ("error", "Exception in\n a task")
    assert "ValueError" in error["exception"]


def test_one_that_is_silent_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(1, silent=True)
    logging.getLogger("uvicorn.error").error("something")
    assert not said(capsys)
    logs.configure(1)
    logging.getLogger("uvicorn.error").error("something")
    assert len(said(capsys)) == 1


def test_what_a_library_cannot_say_is_no_fault_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logs.configure()
    logging.getLogger("any").warning("%d", "no number")
    assert not said(capsys)
