"""The few calls of the Docker Engine API that the docker backend makes, through docker-py.

docker-py blocks, so each call has a thread for itself; none of them takes long. A call that has
begun cannot be taken back: who is cancelled in it waits for its end first, so that what is done
next, such as to remove a container that was just being created, finds nothing under way.
Streams need no thread: docker-py opens the socket, and asyncio reads and writes it.

What the daemon answers is trusted; whoever speaks to its socket is root on its host anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

from sandbox.backend import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from docker import APIClient

JSONObject: TypeAlias = dict[str, Any]  # the fields are checked where they are read
T = TypeVar("T")

_TIMEOUT_S: Final = 60
_GONE_S: Final = 20
_CALLS_AT_ONCE: Final = 8  # below the number of connections that docker-py keeps
_HEADER: Final = struct.Struct(">BxxxI")
_STDOUT: Final = 1
_ERRORS_KEPT: Final = 4000
_DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_BOTH_WAYS: Final = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1}


class DaemonError(SandboxError):
    """The daemon refused or could not be reached; the message is its own."""


class Stream:
    """A container's standard streams.

    A task of its own reads, so that no cancelled reader loses its place among the frames in which
    the daemon wraps them.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._errors = bytearray()
        self._changed = asyncio.Event()
        self._ended = False
        self._pump = asyncio.ensure_future(self._read_on())

    async def _read_on(self) -> None:
        try:
            while True:
                kind, size = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                target = self._buffer if kind == _STDOUT else self._errors
                target += await self._reader.readexactly(size)
                del self._errors[:-_ERRORS_KEPT]
                self._changed.set()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._ended = True
            self._changed.set()

    @property
    def errors(self) -> str:
        """The end of what was written to standard error."""
        return self._errors.decode("utf-8", "replace").strip()

    def write(self, data: bytes) -> None:
        """Queue bytes for standard input."""
        self._writer.write(data)

    async def _grow(self) -> None:
        self._changed.clear()
        if self._ended:
            raise DaemonError(f"the container's stream ended {self.errors}".strip())
        await self._changed.wait()

    async def read(self, size: int) -> bytes:
        """Exactly that many bytes of standard output. Raises `DaemonError` at its end."""
        while len(self._buffer) < size:
            await self._grow()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def skip_past(self, mark: bytes) -> None:
        """Drop everything up to and with `mark`. Raises `DaemonError` at the end."""
        while (at := self._buffer.find(mark)) < 0:
            del self._buffer[: max(0, len(self._buffer) - len(mark) + 1)]
            await self._grow()
        del self._buffer[: at + len(mark)]

    async def close(self) -> None:
        """Close it, upon which the container ends; who reads gets a `DaemonError`.

        At once: what is queued would wait for ever for a container that is gone, and takes nothing.
        """
        self._pump.cancel()
        self._writer.transport.abort()
        await asyncio.wait([self._pump])
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Daemon:
    """A daemon. Use from one event loop."""

    def __init__(self, client: APIClient, threads: ThreadPoolExecutor) -> None:
        self._client, self._threads = client, threads

    @classmethod
    async def connect(cls, host: str | None = None) -> Self:
        """Find the daemon at a `unix://` address, by default that of DOCKER_HOST.

        Raises `DaemonError`, and `SandboxUnavailable` where docker-py is not installed.
        """
        address = host or os.environ.get("DOCKER_HOST") or _DEFAULT_HOST
        if not address.startswith("unix://"):
            raise DaemonError(f"only unix:// sockets are spoken to, not {address}")
        threads = ThreadPoolExecutor(_CALLS_AT_ONCE, "docker")
        try:
            client = await _in_thread(threads, lambda: _find(address), _close)
        except BaseException:
            threads.shutdown(wait=False)
            raise
        return cls(client, threads)

    async def _call(
        self,
        function: Callable[[APIClient], T],
        undo: Callable[[T], None] | None = None,
    ) -> T:
        return await _in_thread(self._threads, lambda: _translated(self._client, function), undo)

    async def info(self) -> JSONObject:
        """What the daemon says of itself and its host."""
        return await self._call(lambda client: client.info())

    async def inspect_image(self, name: str) -> JSONObject:
        """Describe an image. Raises `DaemonError` where there is none of that name."""
        return await self._call(lambda client: client.inspect_image(name))

    async def create(self, name: str, body: JSONObject) -> None:
        """Create a container of the given name."""
        await self._call(lambda client: client.create_container_from_config(body, name))

    async def attach(self, name: str) -> Stream:
        """Open the streams of a container that has not started yet."""
        opened = await self._call(lambda client: _attach(client, name), socket.socket.close)
        try:
            return Stream(*await asyncio.open_unix_connection(sock=opened))
        except BaseException:
            opened.close()
            raise

    async def start(self, name: str) -> None:
        """Start a container."""
        await self._call(lambda client: client.start(name))

    async def update(self, name: str, bounds: JSONObject) -> None:
        """Change a running container's bounds."""
        await self._call(lambda client: _update(client, name, bounds))

    async def remove(self, name: str) -> None:
        """Kill and remove a container; one that is gone already is no error."""
        with contextlib.suppress(DaemonError):
            await self._call(lambda client: _remove(client, name))

    async def labelled(self, label: str) -> list[JSONObject]:
        """All containers with a label, also those that have ended."""
        return await self._call(
            lambda client: client.containers(all=True, filters={"label": [label]})
        )

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        with contextlib.suppress(DaemonError):
            await self._call(_close)
        self._threads.shutdown(wait=False)


async def _in_thread(
    threads: ThreadPoolExecutor, function: Callable[[], T], undo: Callable[[T], None] | None
) -> T:
    """Call in a thread. When this ends in any way, so has the call.

    `undo` is given the result that a cancelled caller never gets.
    """
    try:
        call = asyncio.wrap_future(threads.submit(function))
    except RuntimeError as error:
        raise DaemonError("the connection to the Docker daemon is closed") from error
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        while not call.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([call])
        if call.exception() is None and undo is not None:
            undo(call.result())
        raise


def _find(address: str) -> APIClient:
    """A client, made in a thread since loading docker-py takes a while too."""
    try:
        import docker  # noqa: PLC0415 - an optional package
    except ImportError as error:
        text = "the docker backend needs a package: pip install 'budget-router[docker]'"
        raise SandboxUnavailable(text) from error
    try:
        # Where nobody listens, docker-py is less clear and leaves a socket open.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix("unix://"))
        return docker.APIClient(address, version="auto", timeout=_TIMEOUT_S)
    except (OSError, docker.errors.DockerException) as error:
        raise DaemonError(f"no Docker daemon answers at {address}: {error}") from error


def _translated(client: APIClient, function: Callable[[APIClient], T]) -> T:
    from docker.errors import APIError, DockerException  # noqa: PLC0415 - an optional package

    try:
        return function(client)
    except APIError as error:
        raise DaemonError(f"docker: {error.explanation or error}") from error
    except (DockerException, OSError) as error:  # the latter covers all that requests raises
        raise DaemonError(f"docker: {error}") from error


def _close(client: APIClient) -> None:
    client.close()


def _attach(client: APIClient, name: str) -> socket.socket:
    """A socket of our own: docker-py's is a file of its response, and closes with that.

    Nothing can have been read ahead into the response, since the container has not started.
    """
    attached = client.attach_socket(name, params=_BOTH_WAYS)
    try:
        return socket.socket(fileno=os.dup(attached.fileno()))
    finally:
        # The file alone leaves the connection below it to the garbage collector.
        attached._response.close()  # noqa: SLF001 - docker-py offers no other way to it


def _update(client: APIClient, name: str, bounds: JSONObject) -> None:
    """By docker-py's session: its `update_container` knows no bound on processes."""
    path = f"{client.base_url}/v{client.api_version}/containers/{name}/update"
    answer = client.post(path, json=bounds, timeout=_TIMEOUT_S)
    if not answer.ok:
        raise DaemonError(f"docker: {answer.text.strip()}")


def _remove(client: APIClient, name: str) -> None:
    from docker.errors import APIError  # noqa: PLC0415 - an optional package

    try:
        client.remove_container(name, v=True, force=True)
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        # It ended by itself, and the daemon is about to remove it.
        client.wait(name, timeout=_GONE_S, condition="removed")
