"""The process backend: Linux namespaces around a warm interpreter that forks.

What runs outside of the server is in `sandbox.inner`; here is the server's side:

backend     how many workers there are, and what this host allows
ids         the user id of each worker, where the server is root
zygotes     the server's side of one worker; `inner.zygote` is the other
cgroups     the control groups around each, where the host lets us make any
"""

from sandbox.process.backend import ProcessBackend

__all__ = ["ProcessBackend"]
