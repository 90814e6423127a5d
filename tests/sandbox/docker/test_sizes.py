"""A container has one size of disk for life: so few are made anew for that, on a daemon of ours."""

import asyncio
from typing import Any

from router.plan.executing import within
from sandbox import Asserts, Limits, Program, Status, frames
from sandbox.docker.backend import DockerBackend

MIB = 2**20
GOOD = Program("def f(): return 1", Asserts("assert f() == 1", "f"))


class Stream:
    """Of a supervisor whose every run passes."""

    def __init__(self) -> None:
        self.said = b""
        self.started = False

    def write(self, data: bytes) -> None:
        gone = {"clean": True, "memory_kills": 0}
        done = {"status": "passed"} if self.started and data[:1] != b"k" else gone
        self.started = True
        self.said += frames.pack(done)

    async def read(self, size: int) -> bytes:
        found, self.said = self.said[:size], self.said[size:]
        return found

    async def skip_past(self, mark: bytes) -> None:
        """There is nothing before it."""

    async def close(self) -> None:
        """There is nothing to close."""


class Daemon:
    """Notes the disks of the containers that are made."""

    def __init__(self) -> None:
        self.made: list[int] = []

    async def create(self, _name: str, body: dict[str, Any]) -> None:
        options = body["HostConfig"]["Tmpfs"]["/tmp"].split(",")  # noqa: S108 - its own
        self.made += [int(each.removeprefix("size=")) for each in options if each[:5] == "size="]

    async def attach(self, _name: str) -> Stream:
        return Stream()

    async def start(self, _name: str) -> None: ...
    async def update(self, _name: str, _bounds: object) -> None: ...
    async def remove(self, _name: str) -> None: ...
    async def close(self) -> None: ...


def made(*sizes: int, **options: Any) -> list[int]:
    """The disks of the containers that runs with disks of these sizes take, in MiB."""

    async def main() -> list[int]:
        daemon = Daemon()
        backend = DockerBackend(workers=1, **options)
        backend._daemon, backend._started = daemon, True
        for size in sizes:
            report = await backend.run(GOOD, Limits(disk_bytes=size * MIB))
            assert report.status is Status.PASSED
        await backend.aclose()
        return [size // MIB for size in daemon.made]

    return asyncio.run(main())


def test_a_container_that_takes_the_place_of_another_has_its_size() -> None:
    assert made(256, 256, 256) == [64, 256]
    assert made(256, 256, 256, max_uses=1) == [64, 256, 256, 256]
    assert made(256, 256, max_uses=1, disk_bytes=256 * MIB) == [256, 256]


def test_programs_without_tests_have_the_disk_of_those_with_tests() -> None:
    for size in (16, 64, 256):
        assert within(Limits(disk_bytes=size * MIB)).disk_bytes == size * MIB
