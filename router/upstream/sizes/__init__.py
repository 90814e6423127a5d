"""What the files of a model say of it: its sizes, its tokens."""
