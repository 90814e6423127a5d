"""What puts answers in order: values that a policy holds, and what they want to know."""
