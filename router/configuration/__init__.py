"""What settings name, as values; and what is wrong with them."""
