"""Control groups of both versions, as trees of files: what is found, written, read and removed.

That the kernel acts on what is written is for the suites to see, on the version that a host has.
"""

import os
from pathlib import Path

import pytest

from sandbox.process import cgroups
from sandbox.process.cgroups import Group, Hierarchy

MIB = 2**20
KILLS = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
EVENTS = "low 0\nhigh 0\nmax 7\noom 2\noom_kill {}\noom_group_kill 9\n"


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    for controller in ("memory", "pids"):
        (tmp_path / "root" / controller).mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "app" / "server").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (root / "app" / "cgroup.subtree_control").write_text("memory pids\n")
    return root


def find(root: Path, path: str = "/app/server") -> tuple[Hierarchy, ...]:
    own = root.parent / "own"
    own.write_text(f"0::{path}\n")
    return cgroups.find(root, own)


def made(hierarchies: tuple[Hierarchy, ...], **files: str) -> Group:
    """A group on top of what the kernel would put into its directory."""
    group = Group(hierarchies)
    for hierarchy in hierarchies:
        (hierarchy.parent / group.name).mkdir(exist_ok=True)
        for name, text in files.items():
            (hierarchy.parent / group.name / name.replace("__", ".")).write_text(text)
    return group


def read(group: Group, name: str) -> str:
    (path,) = {h.parent / group.name / name for h in group.hierarchies
               if (h.parent / group.name / name).exists()}  # fmt: skip
    return path.read_text()


def test_version_1_has_a_tree_for_each_controller(v1: Path) -> None:
    assert [(item.parent, item.controller, item.version) for item in find(v1)] == [
        (v1 / "memory", "memory", 1),
        (v1 / "pids", "pids", 1),
    ]
    (v1 / "pids").rmdir()
    assert [item.controller for item in find(v1)] == ["memory"]


def test_version_2_makes_groups_beside_the_servers_own(v2: Path) -> None:
    assert [(item.parent, item.controller, item.version) for item in find(v2)] == [
        (v2 / "app", "memory", 2),
        (v2 / "app", "pids", 2),
    ]


def test_only_controllers_that_the_parent_hands_on_are_used(v2: Path) -> None:
    (v2 / "app" / "cgroup.subtree_control").write_text("cpu pids\n")
    assert [item.controller for item in find(v2)] == ["pids"]


def test_a_server_in_the_root_group_has_no_place_for_groups(v2: Path) -> None:
    assert find(v2, "/") == ()


def test_a_parent_that_cannot_be_written_offers_nothing(v2: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != v2 / "app")
    assert find(v2) == ()


@pytest.mark.parametrize(
    ("tree", "memory"), [("v1", "memory.limit_in_bytes"), ("v2", "memory.max")]
)
def test_the_bounds_are_written_where_each_version_wants_them(
    request: pytest.FixtureRequest, tree: str, memory: str
) -> None:
    hierarchies = find(request.getfixturevalue(tree))
    group = made(hierarchies)
    group.create(4711)
    group.limit(256 * MIB, 32)
    assert read(group, memory) == str((256 + 64) * MIB)
    assert read(group, "pids.max") == str(32 + 6)
    for hierarchy in hierarchies:
        assert (hierarchy.parent / group.name / "cgroup.procs").read_text() == "4711"


def test_bounds_that_stay_are_not_written_again(v2: Path) -> None:
    group = made(find(v2))
    group.create(4711)
    group.limit(256 * MIB, 32)
    (v2 / "app" / group.name / "memory.max").write_text("as it was")
    group.limit(256 * MIB, 33)
    assert read(group, "memory.max") == "as it was"
    assert read(group, "pids.max") == str(33 + 6)


def test_version_2_allows_no_swap_where_there_is_any(v2: Path) -> None:
    group = made(find(v2), memory__swap__max="max")
    group.create(4711)
    assert read(group, "memory.swap.max") == "0"
    group = made(find(v2))
    group.create(4711)
    assert not (v2 / "app" / group.name / "memory.swap.max").exists()


def test_kills_for_memory_are_counted(v1: Path) -> None:
    assert made(find(v1), memory__oom_control=KILLS.format(3)).memory_kills() == 3
    assert made(()).memory_kills() == 0


def test_kills_for_memory_are_counted_in_version_2(v2: Path) -> None:
    assert made(find(v2), memory__events=EVENTS.format(5)).memory_kills() == 5


def test_groups_are_removed_and_those_of_the_dead_are_swept(v2: Path) -> None:
    hierarchies = find(v2)
    group = made(hierarchies)
    dead = v2 / "app" / "sandbox-4194999-0"
    dead.mkdir()
    cgroups.sweep(hierarchies)
    assert not dead.exists()
    assert (v2 / "app" / group.name).exists()
    (v2 / "app" / group.name / "busy").touch()
    assert not group.remove()
    (v2 / "app" / group.name / "busy").unlink()
    assert group.remove()
    assert (v2 / "app" / "server").exists()


def test_what_is_in_force_is_said(v2: Path) -> None:
    assert cgroups.describe(find(v2)) == "memory (cgroup v2), pids (cgroup v2)"
    assert "per process" in cgroups.describe(())
