"""One run of an engine, whose process is a script here."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from router.embedded import child as children
from router.embedded.child import Child, EngineSpec, Supervision
from router.embedded.supervisor import EmbeddedEngine
from router.process import loops

ANSWERS = """
import http.server, json, sys, threading

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
sys.stdin.read()
"""
QUICK = Supervision(pause=0.01, probe_every=0.001, probe_timeout=30, misses=3)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineSpec:
    path = tmp_path / "model.gguf"
    path.touch()
    monkeypatch.setattr(children, "_command", lambda _: [sys.executable, "-c", ANSWERS])
    return EngineSpec("m", path, slots=1, context=256, threads=1)


def test_probes_leave_nothing_behind(spec: EngineSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it runs: a process remembers everybody who ever waited for its end."""
    waited: list[object] = []

    async def main() -> None:
        child = await Child.launch(spec, QUICK, verbose=False)
        wait = child.process.wait

        async def counted() -> int:
            waited.append(None)
            return await wait()

        monkeypatch.setattr(child.process, "wait", counted)
        probed, enough = 0, asyncio.Event()

        def on_probe() -> None:
            nonlocal probed
            probed += 1
            if probed == 20:
                enough.set()

        watching = asyncio.create_task(child.down(on_probe))
        await enough.wait()
        waits = len(waited)
        child.process.kill()
        reason = await watching
        await child.aclose()
        assert (reason, waits) == ("ended with exit status -9", 1)

    loops.run(main())


def test_a_watch_that_is_cancelled_leaves_the_engine_as_it_is(spec: EngineSpec) -> None:
    async def main() -> None:
        child = await Child.launch(spec, QUICK, verbose=False)
        for _ in range(2):
            watching = asyncio.create_task(child.down(lambda: None))
            await asyncio.sleep(0.05)
            watching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await watching
        assert child.process.returncode is None
        await child.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    loops.run(main())


def test_an_end_that_is_cancelled_leaves_no_engine(spec: EngineSpec) -> None:
    async def main() -> None:
        engine = EmbeddedEngine(spec, times=QUICK)
        await engine.start()
        process = psutil.Process(engine.pid)
        ending = asyncio.create_task(engine.aclose())
        await asyncio.sleep(0)  # it waits for whoever watches over it
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        left = process.is_running()
        if left:
            process.kill()
        assert not left

    loops.run(main())
