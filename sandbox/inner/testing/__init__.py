"""The caller's tests, in the keeper's process: where they may run, and what they may do there."""
