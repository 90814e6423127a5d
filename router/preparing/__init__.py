"""What a request comes to before its plan runs: which models, how long a prompt, what chooses."""
