"""The candidate's process: what runs the program there, and answers for its objects."""
