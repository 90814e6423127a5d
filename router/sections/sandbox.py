"""Where programs are run, and what they may use."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from router.sections.section import Strict
from sandbox import Limits


class LimitsConfig(Strict):
    """The most that a request's tests may use; see `sandbox.Limits`."""

    wall_s: PositiveFloat = 30.0
    cpu_s: PositiveFloat = 30.0
    memory_bytes: PositiveInt = 2 * 2**30
    output_bytes: PositiveInt = 4 * 2**20
    processes: PositiveInt = 128
    disk_bytes: PositiveInt = 256 * 2**20
    total_s: PositiveFloat = 120.0

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
    workers: PositiveInt | None = None
    queue: PositiveInt = 256
    max_tests_bytes: PositiveInt = 2**20
    caps: LimitsConfig = LimitsConfig()
