"""The user ids of workers."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from sandbox import ProcessBackend, SandboxUnavailable
from sandbox.process import ids

WHOLE = "         0          0 4294967295\n"
ROOTLESS = "0 1000 1\n1 100000 65536\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WHOLE, ids.UNUSED),
        (ROOTLESS, range(32769, 65537)),
        ("0 0 65536\n1879048192 5 5000\n", range(0x70000000, 0x70000000 + 5000)),
        ("0 100000 1500\n", range(1000, 1500)),
        ("0 1000 1\n", range(1000, 1)),
    ],
)
def test_ids_are_taken_from_where_nobody_has_any(text: str, expected: range) -> None:
    assert ids.usable(text) == expected


def test_two_choices_are_two_ids_that_are_free() -> None:
    chosen = {ids.choose() for _ in range(2)}
    assert len(chosen) == 2
    assert not any(map(ids.is_taken, chosen))


def test_ids_of_accounts_groups_and_subordinates_are_taken(monkeypatch, tmp_path: Path) -> None:
    path = tmp_path / "subuid"
    path.write_text("a:1879048192:10\nb:x:y\n\n")
    monkeypatch.setattr(ids, "_SUBORDINATES", (path, tmp_path / "missing"))
    assert ids.is_taken(0)
    assert ids.is_taken(65534)
    assert ids.is_taken(0x70000009)
    assert not ids.is_taken(0x7000000A)


def test_where_there_are_too_few_ids_the_start_fails_with_advice(
    monkeypatch, tmp_path: Path
) -> None:
    path = tmp_path / "uid_map"
    path.write_text("0 1000 1\n")
    monkeypatch.setattr(ids, "_MAPS", (path, path))
    with pytest.raises(SandboxUnavailable, match="too few user ids"):
        ids.choose()


def test_an_id_that_a_process_has_is_not_chosen(monkeypatch) -> None:
    monkeypatch.setattr(ids, "UNUSED", range(0x70000000, 0x70000000 + 1000))
    monkeypatch.setattr(ids, "_running", lambda: set(ids.UNUSED) - {0x70000123})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "_ATTEMPTS", 100_000)
        assert ids.choose() == 0x70000123
    monkeypatch.setattr(ids, "_running", lambda: set(ids.UNUSED))
    with pytest.raises(SandboxUnavailable, match="is free"):
        ids.choose()


def test_each_worker_has_an_id_of_its_own_where_the_server_is_root() -> None:
    async def main() -> set[int]:
        async with ProcessBackend(workers=2):
            return {found.uids().real for found in psutil.Process().children(recursive=True)}

    found = asyncio.run(main())
    if os.getuid():
        assert found == {os.getuid()}
    else:
        assert len(found - {0}) == 2
        assert all(uid in ids.UNUSED for uid in found - {0})
