"""A process of ours: its loop, its log, its garbage, and that it leaves none behind."""
