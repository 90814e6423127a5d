"""The few calls of the Docker Engine API that the docker backend makes, over its Unix socket.

Own code rather than the `docker` package: that one blocks, and each stream would need a thread.
What the daemon answers is trusted; whoever speaks to its socket is root on its host anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
from typing import Any, Final, TypeAlias

import httpx

from sandbox.backend import SandboxError

JSONObject: TypeAlias = dict[str, Any]  # the fields are checked where they are read

_TIMEOUT_S: Final = 60.0
_HEADER: Final = struct.Struct(">BxxxI")
_STDOUT: Final = 1
_ERRORS_KEPT: Final = 4000
_DEFAULT_HOST: Final = "unix:///var/run/docker.sock"


class EngineError(SandboxError):
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
            raise EngineError(f"the container's stream ended {self.errors}".strip())
        await self._changed.wait()

    async def read(self, size: int) -> bytes:
        """Exactly that many bytes of standard output. Raises `EngineError` at its end."""
        while len(self._buffer) < size:
            await self._grow()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def skip_past(self, mark: bytes) -> None:
        """Drop everything up to and with `mark`. Raises `EngineError` at the end."""
        while (at := self._buffer.find(mark)) < 0:
            del self._buffer[: max(0, len(self._buffer) - len(mark) + 1)]
            await self._grow()
        del self._buffer[: at + len(mark)]

    async def close(self) -> None:
        """Close it, upon which the container ends."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Engine:
    """A daemon. Use from one event loop."""

    def __init__(self, host: str | None = None) -> None:
        """Take a `unix://` address, by default that of DOCKER_HOST. Raises `EngineError`."""
        address = host or os.environ.get("DOCKER_HOST") or _DEFAULT_HOST
        if not address.startswith("unix://"):
            raise EngineError(f"only unix:// sockets are spoken to, not {address}")
        self._path = address.removeprefix("unix://")
        transport = httpx.AsyncHTTPTransport(uds=self._path)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://docker", timeout=_TIMEOUT_S
        )

    async def call(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """One call; what it answers as JSON. Raises `EngineError`."""
        try:
            answer = await self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            text = f"no Docker daemon answers at {self._path}: {error or type(error).__name__}"
            raise EngineError(text) from error
        if answer.is_error:
            try:
                text = answer.json()["message"]
            except (ValueError, KeyError, TypeError):
                text = answer.text
            raise EngineError(f"docker: {text}")
        return answer.json() if answer.content.strip() else None

    async def create(self, body: JSONObject) -> str:
        """Create a container; its id."""
        return str((await self.call("POST", "/containers/create", body))["Id"])

    async def attach(self, container: str) -> Stream:
        """Open the streams of a container that has not started yet."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
            path = f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
            head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\n"
            writer.write(f"{head}Upgrade: tcp\r\nContent-Length: 0\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError) as error:
            raise EngineError(f"docker: cannot attach: {error}") from error
        if not answer.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
            writer.close()
            raise EngineError(f"docker: cannot attach: {answer.decode('latin-1')[:200]}")
        return Stream(reader, writer)

    async def start(self, container: str) -> None:
        """Start a container."""
        await self.call("POST", f"/containers/{container}/start")

    async def update(self, container: str, bounds: JSONObject) -> None:
        """Change a running container's bounds."""
        await self.call("POST", f"/containers/{container}/update", bounds)

    async def remove(self, container: str) -> None:
        """Kill and remove a container; one that is gone already is no error."""
        with contextlib.suppress(EngineError):
            await self.call("DELETE", f"/containers/{container}", force="1", v="1")

    async def labelled(self, label: str) -> list[JSONObject]:
        """All containers with a label, also those that have ended."""
        filters = json.dumps({"label": [label]})
        found: list[JSONObject] = await self.call(
            "GET", "/containers/json", all="1", filters=filters
        )
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
