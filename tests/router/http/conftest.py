"""Streams begin with their first token, however long a busy machine takes to it."""

import pytest

QUIET_S = "router.http.answers.relay.QUIET_S"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what comes after a second is told in a stream that has begun, without its own status."""
    monkeypatch.setattr(QUIET_S, 600.0)


@pytest.fixture
def comments(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams say soon that somebody works."""
    monkeypatch.setattr(QUIET_S, 0.5)
