"""What can be wrong with a pool. Every message says which file, what is wrong and what to do.

PoolError
├── UnreadablePool   no pool, or a file of it is damaged
├── MixedPools       rows of another schema version, dataset, model or sampling
├── PoolBusy         another process is writing this table
├── InvalidRow       a value that no row can have, such as a NaN log-probability
├── UnknownTask      a row for a task that the dataset does not have
├── DuplicateRow     two rows with one key
└── StrayRow         a verdict or score for a sample that is not there
"""

from __future__ import annotations


class PoolError(Exception):
    """A pool cannot be read or written."""


class UnreadablePool(PoolError):
    """There is no pool, or a file of it is damaged."""


class MixedPools(PoolError):
    """What is there and what is added differ in schema, dataset, model or sampling."""


class PoolBusy(PoolError):
    """Another process is writing this table of the pool."""


class InvalidRow(PoolError):
    """A row has a value that none can have."""


class UnknownTask(PoolError):
    """A row is for a task that the pool's dataset does not have."""


class DuplicateRow(PoolError):
    """Two rows have one key."""


class StrayRow(PoolError):
    """A verdict or a score is for a sample that is not there."""
