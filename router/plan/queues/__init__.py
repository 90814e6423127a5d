"""Which requests are served now, which draws wait for slots, and whose turn it is."""
