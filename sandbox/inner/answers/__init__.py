"""The keeper's end of the wire: each answer is hostile, and becomes what the tests may hold."""
