"""Where programs are run, and what they may use."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from router.sections.section import Bytes, Count, Seconds, Strict
from sandbox import MAX_OUTPUT_BYTES, Limits

MOST_PROCESSES: Final = 2**20
"""Of a run: the kernel counts a few million of all."""


class LimitsConfig(Strict):
    """The most that a request's tests may use; see `sandbox.Limits`."""

    wall_s: Seconds = 30.0
    cpu_s: Seconds = 30.0
    memory_bytes: Bytes = 2 * 2**30
    output_bytes: Annotated[int, Field(gt=0, le=MAX_OUTPUT_BYTES)] = 4 * 2**20
    processes: Annotated[int, Field(gt=0, le=MOST_PROCESSES)] = 128
    disk_bytes: Bytes = 256 * 2**20
    total_s: Seconds = 120.0

    def caps(self) -> Limits:
        """As the sandbox takes them."""
        return Limits(**self.model_dump())


class DockerConfig(Strict):
    """Containers for the docker backend; see `sandbox.docker`.

    `runtime` is one that the daemon knows, such as `runsc`; `host` is its address, by default
    DOCKER_HOST.
    """

    image: str = "budget-router-sandbox"
    runtime: str = ""
    host: str | None = None


class SandboxConfig(Strict):
    """The sandbox that runs the callers' tests."""

    enabled: bool = True
    backend: Literal["process", "docker"] = "process"
    docker: DockerConfig = DockerConfig()
    workers: Count | None = None
    queue: Count = 256
    max_tests_bytes: Bytes = 2**20
    caps: LimitsConfig = LimitsConfig()
