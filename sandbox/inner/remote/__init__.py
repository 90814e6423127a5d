"""What stands in the tests' process for objects, classes and exceptions of the program."""
