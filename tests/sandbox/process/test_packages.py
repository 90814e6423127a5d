"""Packages are there for candidates wherever the environment lies, or the start fails.

Each run has a `/tmp` and a `/dev/shm` of its own, which must not hide an environment that lies
there on the host, nor show anything else of the host's.
"""

import asyncio
import os
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import (
    Asserts,
    Integrity,
    Limits,
    ProcessBackend,
    Program,
    Report,
    SandboxUnavailable,
    Status,
    Tests,
)

CALLED = Asserts("assert f() == 1", "f")
OWN = ("/tmp", "/dev/shm")  # noqa: S108 - what is tested
PLACES = (*OWN, "/var/tmp")  # noqa: S108 - likewise


@pytest.fixture(params=PLACES)
def packages(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory with the package `tiny`, some levels below one of the places."""
    with tempfile.TemporaryDirectory(dir=request.param) as root:
        Path(root).chmod(0o755)
        Path(root, "other").write_text("the host's")
        directory = Path(root, "lib", "packages")
        directory.mkdir(parents=True)
        (directory / "tiny.py").write_text("value = 1\n")
        yield directory


def judge(packages: Path, source: str, tests: Tests = CALLED) -> Report:
    async def main() -> Report:
        async with ProcessBackend(workers=1, packages=[str(packages)]) as backend:
            return await backend.run(Program(source, tests), Limits())

    return asyncio.run(main())


def test_packages_are_there(packages: Path) -> None:
    report = judge(packages, "import tiny\ndef f(): return tiny.value")
    assert report.status is Status.PASSED, report


def test_nothing_else_of_the_hosts_is(packages: Path) -> None:
    root = packages.parents[1]
    source = f"""
import os
assert os.listdir({str(root)!r}) == ['lib'], os.listdir({str(root)!r})
assert os.listdir({str(root.parent)!r}) == [{root.name!r}], os.listdir({str(root.parent)!r})
open('/tmp/{root.name}-own', 'w').close()
def f(): return 1
"""
    assert judge(packages, source).status is Status.PASSED
    assert not Path(f"/tmp/{root.name}-own").exists()  # noqa: S108 - what is tested


def test_the_way_to_packages_is_read_only(packages: Path) -> None:
    """Else a candidate could put a module there, and tests would import it beside themselves."""
    root = packages.parents[1]
    source = f"""
import os
def refused(act, *args):
    try: act(*args)
    except OSError: return
    raise SystemExit((act.__name__, args))
for d in ({str(packages)!r}, {str(packages.parent)!r}, {str(root)!r}):
    refused(open, d + '/evil.py', 'w')
    refused(os.symlink, '/tmp', d + '/link')
    refused(os.rename, d, '/tmp/moved')
    refused(os.rename, d, d + '-moved')
    refused(os.rmdir, d)
    refused(os.chmod, d, 0o777)
    refused(os.utime, d)
def f(): return 1
"""
    assert judge(packages, source).status is Status.PASSED


def test_tests_of_both_sorts_import_them_and_stay_isolated(packages: Path) -> None:
    source = "import tiny\ndef f(): return tiny.value"
    report = judge(packages, source, Asserts("import tiny\nassert f() == tiny.value", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("place", PLACES)
def test_an_environment_may_lie_anywhere(place: str) -> None:
    """A gateway that runs in an environment there finds the packages by itself."""
    main = """
import asyncio, sys
from sandbox import *
async def main():
    async with ProcessBackend(workers=1) as backend:
        source = "import tiny\\ndef f(): return tiny.value"
        return await backend.run(Program(source, Asserts("assert f() == 1", "f")), Limits())
sys.exit(asyncio.run(main()).status)
"""
    with tempfile.TemporaryDirectory(dir=place) as root:
        Path(root).chmod(0o755)
        venv.create(root, symlinks=True)
        (packages,) = Path(root).glob("lib/python*/site-packages")
        (packages / "tiny.py").write_text("value = 1\n")
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        ended = subprocess.run(
            [Path(root, "bin", "python"), "-c", main],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.stderr.strip() == "passed"


@pytest.mark.parametrize("directory", [*OWN, "/dev", "/"])
def test_packages_that_would_show_the_files_of_others_are_refused(directory: str) -> None:
    with pytest.raises(SandboxUnavailable, match="a directory of their own"):
        judge(Path(directory), "def f(): return 1")


def test_packages_that_candidates_cannot_read_are_refused(tmp_path: Path) -> None:
    directory = tmp_path / "packages"
    directory.mkdir(mode=0)
    before = psutil.Process().children()  # other tests may keep a backend
    with pytest.raises(SandboxUnavailable, match=r"Permission denied.*readable for all"):
        judge(directory, "def f(): return 1")
    assert psutil.Process().children() == before
    assert judge(tmp_path / "none", "def f(): return 1").status is Status.PASSED
