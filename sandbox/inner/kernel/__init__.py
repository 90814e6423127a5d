"""What the kernel is asked for: calls that Python lacks, a file system, limits, what is refused."""
