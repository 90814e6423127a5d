"""What Prometheus sees of several workers: each counts in files, and what is exposed is their sum.

They lie in a folder that the gateway makes for this run, and are named by the worker's number. So a
new worker goes on in those of the one that it stands for: what that one had counted stays counted,
and there are never more of them than workers.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, multiprocess, values
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from router.metrics import Metrics
from router.workers.files import value_class

_PREFIX: Final = "budget-router-metrics-"
_LOCK: Final = "lock"
_YOUNG_S: Final = 60.0
"""A folder younger than this may not have its lock yet."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for the files of this run; those of gateways that were killed are removed."""
    _sweep()
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as name,
        (Path(name) / _LOCK).open("w") as file,
    ):
        fcntl.flock(file, fcntl.LOCK_EX)  # it ends with this process, however that ends
        yield Path(name)


def _sweep() -> None:
    for found in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            old = time.time() - found.stat().st_mtime > _YOUNG_S
            with (found / _LOCK).open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if old:
                    shutil.rmtree(found, ignore_errors=True)
        except OSError:  # another's, or in use, or gone
            continue


def forget_gauges(directory: Path, number: int) -> None:
    """A worker died: what it had at that moment is no more."""
    multiprocess.mark_process_dead(number, str(directory))  # type: ignore[no-untyped-call]


def worker_metrics(
    directory: Path,
    number: int,
    engines: Callable[[], Mapping[str, int]],
    replaced: Callable[[], int],
) -> Metrics:
    """The metrics of a worker: from now on, all of this process are counted in the folder.

    `engines` are the restarts of each embedded engine and `replaced` those of workers, as the
    parent counts them.
    """
    values.ValueClass = value_class(directory, number)
    exposed = CollectorRegistry()
    multiprocess.MultiProcessCollector(exposed, str(directory))  # type: ignore[no-untyped-call]
    exposed.register(_OfParent(engines, replaced))
    return Metrics(exposed)


@dataclass(frozen=True, slots=True)
class _OfParent(Collector):
    """What the parent counts."""

    engines: Callable[[], Mapping[str, int]]
    replaced: Callable[[], int]

    def collect(self) -> Iterable[Metric]:
        """As the client library wants it."""
        restarts = CounterMetricFamily(
            "router_engine_restarts", "Restarts of embedded engines", labels=["model"]
        )
        for model, times in self.engines().items():
            restarts.add_metric([model], times)
        yield restarts
        yield CounterMetricFamily(
            "router_worker_restarts", "Workers started for one that had died", value=self.replaced()
        )
