"""How the two processes talk: frames, whose turn it is, and threads that stand for threads."""
