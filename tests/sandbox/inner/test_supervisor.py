"""The first process of a container."""

from pathlib import Path

import pytest

from sandbox.inner import supervisor

KILLS = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
EVENTS = "low 0\nhigh 0\nmax 7\noom 2\noom_kill {}\noom_group_kill 9\n"


@pytest.mark.parametrize(
    ("texts", "kills"),
    [((KILLS.format(3), None), 3), ((None, EVENTS.format(5)), 5), ((None, None), 0),
     (("oom_kill_disable 0\n", None), 0)],
)  # fmt: skip
def test_a_container_counts_its_kills_too(
    tmp_path: Path, texts: tuple[str | None, ...], kills: int
) -> None:
    paths = tuple(tmp_path / name for name in ("memory.oom_control", "memory.events"))
    for path, text in zip(paths, texts, strict=True):
        if text is not None:
            path.write_text(text)
    assert supervisor.memory_kills(paths) == kills
