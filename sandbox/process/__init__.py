"""The process backend: Linux namespaces around a warm interpreter that forks."""

from sandbox.process.backend import ProcessBackend

__all__ = ["ProcessBackend"]
