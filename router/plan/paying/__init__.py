"""What a plan may spend, has reserved and has spent."""
