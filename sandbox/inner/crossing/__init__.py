"""What both processes can hold, and how it is told: values, containers, value classes."""
