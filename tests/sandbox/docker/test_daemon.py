"""The streams of containers, without a daemon."""

from __future__ import annotations

import asyncio
import socket

from sandbox.docker.daemon import Stream


def test_a_stream_closes_though_nobody_takes_what_was_written() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            stream = Stream(*await asyncio.open_unix_connection(sock=ours))
            stream.write(bytes(2**24))
            async with asyncio.timeout(120):
                await asyncio.gather(stream.close(), stream.close())

    asyncio.run(main())
