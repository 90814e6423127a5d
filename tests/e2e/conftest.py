from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import LARGE, SMALL, RunningGateway, start, stop

from router.catalogue.entries import lookup
from router.catalogue.store import find
from router.settings import Settings


@pytest.fixture(scope="session")
def models() -> None:
    """Skip where the models have not been pulled."""
    directory = Settings().model_dir
    missing = [model for model in (SMALL, LARGE) if find(lookup(model), directory) is None]
    if missing:
        pytest.skip(f"not pulled: {missing}; run `budget-router models pull {' '.join(missing)}`")


@pytest.fixture(scope="module")
def gateway(models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that a module's tests share."""
    running = start(tmp_path_factory.mktemp("gateway"))
    yield running
    stop(running)


@pytest.fixture
def own_gateway(models: None, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that a test may hurt."""
    running = start(tmp_path)
    yield running
    stop(running)
