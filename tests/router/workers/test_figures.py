"""Figures in files: what workers count comes to one sum, and what the dead had counted stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess, values
from prometheus_client.mmap_dict import MmapedDict

from router.workers import figures
from router.workers.files import value_class


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = values.ValueClass
    yield
    values.ValueClass = before


class Counting:
    """What a worker with this number counts."""

    def __init__(self, directory: Path, number: int) -> None:
        values.ValueClass = value_class(directory, number)
        registry = CollectorRegistry()
        self.counter = Counter("c", "text, which is longer", ["model"], registry=registry)
        self.gauge = Gauge("g", "text", registry=registry, multiprocess_mode="livesum")
        self.histogram = Histogram("h", "text", buckets=(1.0, 2.0), registry=registry)


def exposed(directory: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(directory))
    return registry


def test_the_sum_of_all_is_seen(tmp_path: Path) -> None:
    first, second = Counting(tmp_path, 0), Counting(tmp_path, 1)
    seen = exposed(tmp_path)
    first.counter.labels("a").inc(2)
    second.counter.labels("a").inc(0.5)
    second.counter.labels("b").inc()
    first.gauge.inc(3)
    second.gauge.dec(1)
    for value, each in ((0.5, first), (1.5, first), (1.5, second), (9.0, second)):
        each.histogram.observe(value)
    assert seen.get_sample_value("c_total", {"model": "a"}) == 2.5
    assert seen.get_sample_value("c_total", {"model": "b"}) == 1
    assert seen.get_sample_value("g") == 2
    assert seen.get_sample_value("h_count") == 4
    assert seen.get_sample_value("h_sum") == 12.5
    assert seen.get_sample_value("h_bucket", {"le": "1.0"}) == 1
    assert seen.get_sample_value("h_bucket", {"le": "2.0"}) == 3


def test_a_new_worker_goes_on_where_the_dead_one_was(tmp_path: Path) -> None:
    dead = Counting(tmp_path, 0)
    dead.counter.labels("a").inc(2)
    dead.gauge.inc(3)
    figures.forget_gauges(tmp_path, 0)
    assert exposed(tmp_path).get_sample_value("g") is None
    new = Counting(tmp_path, 0)
    new.counter.labels("a").inc(1)
    new.counter.labels("b").inc(1)
    new.gauge.inc()
    seen = exposed(tmp_path)
    assert seen.get_sample_value("c_total", {"model": "a"}) == 3
    assert seen.get_sample_value("c_total", {"model": "b"}) == 1
    assert seen.get_sample_value("g") == 1
    assert len(list(tmp_path.glob("*_0.db"))) == 3


def test_a_file_grows_with_what_is_in_it(tmp_path: Path) -> None:
    counting, seen = Counting(tmp_path, 0), exposed(tmp_path)
    early = counting.counter.labels("early")
    for number in range(2000):
        counting.counter.labels(f"{number} {'é' * (number % 9)}").inc(number)
    early.inc(7)
    assert seen.get_sample_value("c_total", {"model": "early"}) == 7
    found = {sample.value for family in seen.collect() for sample in family.samples}
    assert found >= {*map(float, range(2000))}
    again = Counting(tmp_path, 0)
    again.counter.labels("early").inc()
    assert seen.get_sample_value("c_total", {"model": "early"}) == 8


def test_the_client_library_reads_the_files_as_its_own(tmp_path: Path) -> None:
    Counting(tmp_path, 0).counter.labels("a").inc(2)
    told = MmapedDict(str(tmp_path / "counter_0.db"), read_mode=True)
    assert [value for _, value, _ in told.read_all_values()] == [2.0]
    told.close()


def test_folders_of_gateways_that_were_killed_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with figures.folder() as running:
        left = tmp_path / "budget-router-metrics-left"
        young = tmp_path / "budget-router-metrics-young"
        unlocked = tmp_path / "budget-router-metrics-other"
        for each in (left, young, unlocked):
            each.mkdir()
        for each in (left, young):
            (each / "lock").touch()
        for each in (running, left, unlocked):
            os.utime(each, (time.time() - 100,) * 2)
        with figures.folder() as another:
            assert not left.exists()
            assert all(each.exists() for each in (running, young, unlocked, another))
    assert not running.exists()
    assert not another.exists()
