"""What servers say: events, chunks, refusals, and what was in their caches."""
