"""Commands that run untrusted programs, and measure what runs them."""
