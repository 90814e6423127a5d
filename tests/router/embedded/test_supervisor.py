"""The embedded engine with a real model: it starts, comes back, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import httpx
import platformdirs
import psutil
import pytest

from router.catalogue.entries import lookup
from router.embedded.child import EngineFailed, EngineSpec, Supervision
from router.embedded.supervisor import EmbeddedEngine

pytestmark = pytest.mark.real_model

MODEL = "smollm2-135m"
PATH = platformdirs.user_cache_path("budget-router") / "models" / lookup(MODEL).file
QUICK = Supervision(pause=0.05, probe_every=0.2, probe_timeout=0.5, misses=2, grace=1.0)
PATIENT = replace(QUICK, probe_timeout=60)  # where none hangs: on a busy machine any may seem to


@pytest.fixture
def spec():
    if not PATH.exists():
        pytest.skip(f"{PATH.name} is not here: budget-router models pull {MODEL}")
    return EngineSpec(MODEL, PATH, slots=2, context=512, threads=2)


@pytest.fixture(autouse=True)
def new_children():
    """Children that came since, of which none may be left: a sandbox of other tests is older."""
    before = set(psutil.Process().children())

    def new():
        return set(psutil.Process().children()) - before

    yield new
    assert not new()


@contextlib.asynccontextmanager
async def running(spec, times=PATIENT, **options):
    engine = EmbeddedEngine(spec, times=times, **options)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.aclose()


async def until(condition):
    async with asyncio.timeout(200):
        while not condition():  # noqa: ASYNC110 what it waits for is another process
            await asyncio.sleep(0.02)


async def post(engine, path, **body):
    async with httpx.AsyncClient(trust_env=False, timeout=200) as client:
        return await client.post(f"{engine.base_url}{path}", json=body)


def test_it_serves_completions_under_its_alias_and_leaves_nothing(spec):
    me = psutil.Process()
    before = me.num_fds()

    async def story():
        async with running(spec) as engine:
            assert engine.ready
            assert engine.restarts == 0
            answer = await post(engine, "/v1/completions", prompt="def f(", max_tokens=3, n=2)
            assert len(answer.json()["choices"]) == 2
            async with httpx.AsyncClient(trust_env=False, timeout=200) as client:
                models = (await client.get(f"{engine.base_url}/v1/models")).json()
            assert [model["id"] for model in models["data"]] == [MODEL]
            pid = engine.pid
        assert not engine.ready
        assert not psutil.pid_exists(pid)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())
    assert me.num_fds() == before


def test_each_slot_has_the_whole_context(spec):
    async def story():
        async with running(spec) as engine:
            fits = await post(engine, "/v1/completions", prompt=[28] * 511, max_tokens=1)
            too_long = await post(engine, "/v1/completions", prompt=[28] * 512, max_tokens=1)
        assert fits.status_code == 200
        assert too_long.status_code == 400
        assert too_long.json()["error"]["n_ctx"] == 512

    asyncio.run(story())


def test_a_killed_engine_comes_back_with_another_pid_and_is_counted(spec):
    counted = []

    async def story():
        async with running(spec, on_restart=counted.append) as engine:
            first = engine.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda: not engine.ready)
            await until(lambda: engine.ready)
            assert engine.pid != first
            assert engine.restarts == 1
            answer = await post(engine, "/v1/completions", prompt="def f(", max_tokens=1)
            assert answer.status_code == 200

    asyncio.run(story())
    assert counted == [MODEL]


def test_an_engine_that_hangs_is_replaced(spec):
    async def story():
        async with running(spec, QUICK) as engine:
            first = engine.pid
            os.kill(first, signal.SIGSTOP)
            await until(lambda: not engine.ready)
            await until(lambda: engine.ready)
            assert engine.pid != first
            assert not psutil.pid_exists(first)

    asyncio.run(story())


def test_an_engine_that_does_not_come_back_is_tried_again_until_it_does(spec, tmp_path):
    link = tmp_path / "model.gguf"
    link.symlink_to(spec.path)
    linked = EngineSpec(MODEL, link, slots=1, context=256, threads=2)

    async def story():
        async with running(linked) as engine:
            link.unlink()
            os.kill(engine.pid, signal.SIGKILL)
            await until(lambda: engine.pid is None)
            await asyncio.sleep(0.2)
            assert not engine.ready
            link.symlink_to(spec.path)
            await until(lambda: engine.ready)

    asyncio.run(story())


def test_a_closed_engine_may_be_closed_again_and_while_it_restarts(spec):
    async def story():
        async with running(spec) as engine:
            os.kill(engine.pid, signal.SIGKILL)
            await until(lambda: engine.restarts == 1)
            await engine.aclose()
            await engine.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())


def test_a_cancelled_start_leaves_no_child(spec, new_children):
    async def story():
        engine = EmbeddedEngine(spec, times=PATIENT)
        starting = asyncio.create_task(engine.start())
        await until(new_children)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(story())


def failure(spec, times=PATIENT):
    async def story():
        engine = EmbeddedEngine(spec, times=times)
        with pytest.raises(EngineFailed) as caught:
            await engine.start()
        assert not engine.ready
        await engine.aclose()
        return caught.value

    return asyncio.run(story())


def test_a_file_that_is_no_model_fails_with_the_reason(tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"hello" * 100)
    error = str(failure(EngineSpec("bad", path, slots=1, context=256, threads=1)))
    reason, log = error.split("; the end of its log:\n")
    assert "exit status 1" in reason
    assert f"llama.cpp did not load {path}" in log
    assert "'bad'" in reason


def test_a_missing_file_fails_with_its_path(tmp_path):
    path = tmp_path / "none.gguf"
    assert str(path) in str(failure(EngineSpec("none", path, slots=1, context=256, threads=1)))


def test_a_start_that_takes_too_long_fails(spec):
    error = failure(spec, Supervision(start_timeout=0.01, grace=1.0))
    assert "not ready within 0.01 s" in str(error)


def test_an_engine_that_was_not_started_has_no_address(spec):
    with pytest.raises(EngineFailed, match="not started"):
        _ = EmbeddedEngine(spec).base_url


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from router.embedded.supervisor import EmbeddedEngine
    from router.embedded.child import EngineSpec

    async def main():
        engine = EmbeddedEngine(EngineSpec("m", Path(sys.argv[1]), 1, 256, 2))
        starting = asyncio.create_task(engine.start())
        if sys.argv[2] == "ready":
            await starting
        print("up", flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["ready", "loading"])
def test_no_child_outlives_a_parent_that_is_killed(spec, moment):
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(spec.path), moment],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout.readline() == b"up\n"
        children = wait_for_children(psutil.Process(parent.pid))
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=120)
    assert alive == []


def wait_for_children(parent):
    while not (children := parent.children(recursive=True)):
        psutil.wait_procs([parent], timeout=0.01)
    return children
