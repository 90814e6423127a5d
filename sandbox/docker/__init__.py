"""The docker backend: pooled containers, each with one long-lived stream to a supervisor.

What runs in a container is in `sandbox.inner`; here is the server's side:

backend     how many containers there are, whether the daemon will do, and who reaps the lost
containers  the server's side of one container; `inner.supervisor` is the other
daemon      the few calls of the Docker Engine API that these make
"""

from sandbox.docker.backend import DockerBackend

__all__ = ["DockerBackend"]
