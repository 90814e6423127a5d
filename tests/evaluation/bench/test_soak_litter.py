"""What a soak counts is what its own programs left, whatever others do on the same disk."""

import asyncio
from dataclasses import replace

from evaluation.bench.soak import LITTER, PROGRAMS, left_in
from sandbox import Limits, ProcessBackend, Status


def test_only_what_its_programs_left_is_counted(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "others").write_bytes(b"x" * 2**20)
    (tmp_path / "deep" / f"{LITTER}0").write_bytes(b"x" * 4096)
    (tmp_path / f"{LITTER}1").write_bytes(b"x")
    sizes = left_in(tmp_path)
    assert len(sizes) == 2
    assert all(0 < size < 2**20 for size in sizes)


def test_a_program_of_it_litters_both_directories():
    """It ends well only where it could write, and its files are known by their names."""
    program, _ = PROGRAMS["litter"]
    counting = (
        "import os\n"
        "for d in ('/tmp', '/dev/shm'):\n"
        f"    assert sum(n.startswith({LITTER!r}) for n in os.listdir(d)) == 25, os.listdir(d)\n"
    )

    seen = replace(program, source=program.source + counting)

    async def main():
        async with ProcessBackend(workers=1) as backend:
            return await backend.run(seen, Limits())

    assert asyncio.run(main()).status is Status.PASSED
