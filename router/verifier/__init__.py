"""A verifier of answers: how its process is asked, and how it ranks."""
