"""Choosing by tests that a model wrote: CodeT and B4, on samples that others published."""
