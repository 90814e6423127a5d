"""Answers found by searching a tree of beginnings, and what they are worth beside samples."""
