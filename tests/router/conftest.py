import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The gateway runs on asyncio alone."""
    return "asyncio"
