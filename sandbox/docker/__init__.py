"""The docker backend: pooled containers, each with one long-lived stream to a supervisor."""

from sandbox.docker.backend import DockerBackend

__all__ = ["DockerBackend"]
