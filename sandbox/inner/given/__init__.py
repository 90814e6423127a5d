"""What the program is given for objects of the tests: what it may ask of them, and of no others."""
