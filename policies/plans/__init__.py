"""Which plans there are: what each draws for a task, and which one `auto` takes."""
