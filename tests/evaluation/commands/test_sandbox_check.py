"""`sandbox check` in an environment of its own sees whether candidates can import its packages."""

import json
import os
import subprocess
import sysconfig
import tempfile
import venv
from pathlib import Path

import pytest

COMMAND = "from evaluation.cli import main; main()"


def check(root):
    own = [str(Path(__file__).parents[3]), sysconfig.get_paths()["purelib"]]
    ended = subprocess.run(
        [Path(root, "bin", "python"), "-c", COMMAND, "sandbox", "check", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(own)},
        capture_output=True,
        check=False,
    )
    return json.loads(ended.stdout)["process"]


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "/var/tmp"])  # noqa: S108 - what is tested
def test_check_sees_whether_packages_are_visible(place):
    with tempfile.TemporaryDirectory(dir=place) as root:
        Path(root).chmod(0o755)
        venv.create(root, symlinks=True)
        assert check(root)["works"]
        (packages,) = Path(root).glob("lib/python*/site-packages")
        packages.chmod(0)
        found = check(root)
        packages.chmod(0o755)
    assert not found["works"]
    assert "candidates cannot read the packages" in found["notes"]
    assert "readable for all" in found["notes"]
