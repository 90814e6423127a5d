"""A pull brings the right bytes or nothing, resumes, and says what to do when it cannot.

The hub is a mock transport, the package index a directory of wheels that pip reads offline.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import zipfile
from dataclasses import replace

import httpx
import pytest
from rich.console import Console

from router.catalogue.bars import RichProgress
from router.catalogue.entries import HubFile, ModelEntry, PackageParts
from router.catalogue.pull import DiskFull, NoSource, StoreUnusable, pull
from router.catalogue.sources import hub_url
from router.catalogue.store import Partial, find, locked

DATA = bytes(range(256)) * 40
PIECES = (DATA[:4000], DATA[4000:8000], DATA[8000:])
HUB = HubFile("someone/model", "model.gguf")
PACKAGES = PackageParts(("tiny-part1==1.0", "tiny-part2==1.0", "tiny-part3==1.0"), ".bin")
ENTRY = ModelEntry(
    id="tiny",
    file="model.gguf",
    bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    sources=(HUB, PACKAGES),
    license="Apache-2.0",
)


class SilentProgress:
    """Tells nobody."""

    def begin(self, label: str, total_bytes: int) -> None:
        """Nothing."""

    def at(self, done_bytes: int) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


QUIET = SilentProgress()


class Hub:
    """A hub that serves `data` with ranges, breaks when told to, and remembers."""

    def __init__(self, data=DATA, *, break_after=None, ranges=True):
        self.data, self.break_after, self.ranges = data, break_after, ranges
        self.asked = []

    def __call__(self, request):
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        start = start if self.ranges else 0
        total = len(self.data)
        headers = {"Content-Length": str(total - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        return httpx.Response(
            206 if start else 200, headers=headers, content=self.stream(self.data[start:])
        )

    def stream(self, data):
        yield data[: self.break_after]
        if self.break_after is not None and len(data) > self.break_after:
            raise httpx.ReadError("the line broke")


def offline(request):
    raise httpx.ConnectError("Name or service not known")


def wheel(directory, number, data, member="part.bin"):
    name, info = f"tiny_part{number}", f"tiny_part{number}-1.0.dist-info"
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('nothing here is ever run')")
        archive.writestr(f"{name}/data/{member}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


@pytest.fixture
def store(tmp_path):
    return tmp_path / "models"


def fill(index, pieces=PIECES):
    for number, piece in enumerate(pieces, start=1):
        wheel(index, number, piece)


def fetch(store, answer, progress=QUIET, entry=ENTRY):
    return pull(entry, store, progress, transport=httpx.MockTransport(answer))


def nothing_on_the_way(store):
    return {path.name for path in store.iterdir()} <= {
        "model.gguf",
        ".model.gguf.lock",
        ".model.gguf.verified",
    }


def test_the_hub_comes_first(store):
    hub = Hub()
    path = fetch(store, hub)
    assert path == store / "model.gguf"
    assert path.read_bytes() == DATA
    assert hub.asked == [None]
    assert nothing_on_the_way(store)


def test_a_file_that_is_there_asks_nobody(store):
    fetch(store, Hub())
    hub = Hub()
    fetch(store, hub)
    assert hub.asked == []


def test_a_broken_download_goes_on_where_it_ended(store):
    hub = Hub(break_after=5000)
    assert fetch(store, hub).read_bytes() == DATA
    assert hub.asked == [None, "bytes=5000-", "bytes=10000-"]


def test_the_next_pull_goes_on_where_the_last_one_ended(store, index):
    gone = Hub(break_after=3000)
    with pytest.raises(NoSource):
        fetch(store, lambda request: offline(request) if gone.asked else gone(request))
    hub = Hub()
    assert fetch(store, hub).read_bytes() == DATA
    assert hub.asked == ["bytes=3000-"]


def test_a_hub_without_ranges_starts_over(store):
    store.mkdir()
    store.joinpath(".model.gguf.partial").write_bytes(DATA[:3000])
    assert fetch(store, Hub(ranges=False)).read_bytes() == DATA


@pytest.mark.parametrize("left", [b"x" * 3000, b"x" * len(DATA), b"x" * 2 * len(DATA)])
def test_a_wrong_beginning_that_lay_there_is_not_the_hubs_fault(store, left):
    store.mkdir()
    store.joinpath(".model.gguf.partial").write_bytes(left)
    assert fetch(store, Hub()).read_bytes() == DATA


def test_a_portals_page_does_not_replace_what_came_before(store, index):
    store.mkdir()
    store.joinpath(".model.gguf.partial").write_bytes(DATA[:3000])
    with pytest.raises(NoSource, match="bytes instead of"):
        fetch(store, lambda _: httpx.Response(200, html="<h1>log in</h1>"))
    assert Partial(store / "model.gguf").size == 3000


def test_the_package_index_steps_in_and_leaves_no_wheel(store, index):
    fill(index)
    assert fetch(store, offline).read_bytes() == DATA
    assert nothing_on_the_way(store)


def test_wrong_bytes_of_the_hub_are_thrown_away_for_the_next_source(store, index):
    fill(index)
    assert fetch(store, Hub(b"x" * len(DATA))).read_bytes() == DATA


def test_wrong_bytes_everywhere_leave_nothing_and_both_hashes_are_told(store, index):
    fill(index, (b"y" * 4000, *PIECES[1:]))
    with pytest.raises(NoSource) as caught:
        fetch(store, Hub(b"x" * len(DATA)))
    failures = [line for line in str(caught.value).splitlines() if line.startswith("  - ")]
    assert [ENTRY.sha256 in failure for failure in failures] == [True, True]
    assert not (store / "model.gguf").exists()
    assert nothing_on_the_way(store)


def test_parts_that_came_are_not_asked_for_again(store, index):
    fill(index, PIECES[:2])
    with pytest.raises(NoSource, match="tiny-part3"):
        fetch(store, offline)
    shutil.rmtree(index)
    index.mkdir()
    wheel(index, 3, PIECES[2])
    assert fetch(store, offline).read_bytes() == DATA


def test_a_torn_part_is_cut_off(store, index):
    fill(index)
    store.mkdir()
    store.joinpath(".model.gguf.partial").write_bytes(PIECES[0] + b"torn")
    store.joinpath(".model.gguf.partial.json").write_text(json.dumps({"parts": 1, "bytes": 4000}))
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()
    assert fetch(store, offline).read_bytes() == DATA


@pytest.mark.parametrize("journal", ["", "[]", '{"parts": 2, "bytes": 8000}', '{"parts": -1}'])
def test_a_journal_that_makes_no_sense_is_not_believed(store, index, journal):
    fill(index)
    store.mkdir()
    store.joinpath(".model.gguf.partial.json").write_text(journal)
    assert fetch(store, offline).read_bytes() == DATA


def test_the_hub_goes_on_from_what_packages_brought(store, index):
    fill(index, PIECES[:1])
    with pytest.raises(NoSource):
        fetch(store, offline)
    hub = Hub()
    assert fetch(store, hub).read_bytes() == DATA
    assert hub.asked == ["bytes=4000-"]


@pytest.mark.parametrize("fault", ["no member", "too long", "no zip"])
def test_a_wheel_that_is_not_what_it_should_be_is_a_failure(store, index, fault):
    fill(index)
    path = index / "tiny_part2-1.0-py3-none-any.whl"
    match fault:
        case "no member":
            wheel(index, 2, PIECES[1], member="part.txt")
        case "too long":
            wheel(index, 2, DATA)
        case "no zip":
            path.write_bytes(b"hello")
    with pytest.raises(NoSource, match="tiny-part2"):
        fetch(store, offline)


def test_no_source_distribution_is_ever_taken(store, index, tmp_path, monkeypatch):
    fill(index, PIECES[:2])
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # 0 is on: or pip could not build offline
    source = tmp_path / "tiny_part3-1.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny_part3\nVersion: 1.0\n")
    shutil.make_archive(str(index / "tiny_part3-1.0"), "gztar", tmp_path, source.name)
    with pytest.raises(NoSource, match="tiny-part3"):
        fetch(store, offline)
    assert not (tmp_path / "ran").exists()


def test_offline_says_where_to_put_the_file(store, index):
    with pytest.raises(NoSource) as caught:
        fetch(store, offline)
    message = str(caught.value)
    assert str(store / "model.gguf") in message
    assert ENTRY.sha256 in message
    assert "Name or service not known" in message


def test_a_disk_that_is_too_small_is_told_before_the_download(store):
    hub = Hub()
    needed = f"{2**60:,}"[:9]
    with pytest.raises(DiskFull, match=rf"{needed}[\d,]+ bytes are needed in {store}, [\d,]+ are"):
        fetch(store, hub, entry=replace(ENTRY, bytes=2**60))
    assert hub.asked == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_meanwhile_is_told(store, number):
    class Full(SilentProgress):
        def at(self, done_bytes):
            if done_bytes:
                raise OSError(number, os.strerror(number))

    with pytest.raises(DiskFull, match="bytes are needed in"):
        fetch(store, Hub(), Full())


def test_pip_that_finds_the_disk_full_is_told(store, index, monkeypatch):
    def full(*_args, **_options):
        return subprocess.CompletedProcess([], 1, "", "OSError: [Errno 28] No space left on device")

    monkeypatch.setattr("router.catalogue.sources.subprocess.run", full)
    with pytest.raises(DiskFull):
        fetch(store, offline)


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="cannot hold models"):
        fetch(tmp_path / "file" / "models", Hub())


def test_an_altered_file_is_found_out_and_pulled_again(store):
    path = fetch(store, Hub())
    path.write_bytes(b"z" * len(DATA))
    os.utime(path, ns=(1, 1))
    assert find(ENTRY, store) is None
    assert fetch(store, Hub()).read_bytes() == DATA


def test_a_file_that_was_hashed_is_not_hashed_again(store):
    path = fetch(store, Hub())
    was = path.stat()
    path.write_bytes(b"z" * len(DATA))  # another hash, which nobody sees as size and time agree
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert find(ENTRY, store) == path


def test_a_file_that_the_user_put_there_counts(store):
    store.mkdir()
    (store / "model.gguf").write_bytes(DATA)
    assert fetch(store, offline) == store / "model.gguf"


def test_two_pulls_at_once_download_once(store):
    inside, go_on, notes = threading.Event(), threading.Event(), []

    def slow(request):
        inside.set()
        go_on.wait(60)
        return Hub()(request)

    class Noted(SilentProgress):
        def note(self, message):
            notes.append(message)
            go_on.set()

    first = threading.Thread(target=fetch, args=(store, slow))
    first.start()
    assert inside.wait(30)
    second = Hub()
    assert fetch(store, second, Noted()).read_bytes() == DATA
    first.join()
    assert second.asked == []
    assert "another pull" in notes[0]


def test_the_lock_ends_with_the_process_that_holds_it(tmp_path):
    program = """
        import sys, time
        from pathlib import Path
        from router.catalogue.store import locked
        with locked(Path(sys.argv[1]), print):
            print("held", flush=True)
            time.sleep(600)
    """
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], stdout=subprocess.PIPE
    )
    with holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            waited = []
            with locked(path, lambda: (waited.append(True), holder.kill())):
                assert waited
        finally:
            holder.kill()


def test_the_hub_may_be_a_mirror(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert hub_url(HUB) == "https://huggingface.co/someone/model/resolve/main/model.gguf"
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.test/hf/")
    assert hub_url(HUB) == "http://mirror.test/hf/someone/model/resolve/main/model.gguf"


def test_a_mirror_that_is_no_address_is_a_failed_source(store, index, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "no address")
    with pytest.raises(NoSource):
        pull(ENTRY, store, QUIET)


def test_the_bar_shows_the_file_and_the_notes(store, index):
    fill(index)
    console = Console(record=True, width=200, force_terminal=False, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115 closed below
    with console.file, RichProgress(console) as progress:
        fetch(store, offline, progress)
        shown = console.export_text()
    assert "Name or service not known" in shown
